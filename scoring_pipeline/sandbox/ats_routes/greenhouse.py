"""Greenhouse: `/greenhouse/v1/boards/{token}`, its `/jobs` and `/jobs/{id}`.

What belongs here: Greenhouse's paths, headers and error bodies. What does not: the boards themselves (`wire/`).
"""

from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from scoring_pipeline.sandbox.ats_routes import http
from scoring_pipeline.sandbox.board_files import BoardFiles
from scoring_pipeline.sandbox.boards import employer_of
from scoring_pipeline.sandbox.catalogue import load_catalogue
from scoring_pipeline.values import digest

_ROOT = "/greenhouse/v1/boards/{board}"


def routes(files: BoardFiles) -> list[BaseRoute]:
    """Return Greenhouse's routes."""

    def board(request: Request) -> Response:
        name = request.path_params["board"]
        found = files.read("greenhouse", name)
        return _missing("Job board") if found is None else _answer(request, _about(name, found.rows))

    def jobs(request: Request) -> Response:
        found = files.read("greenhouse", request.path_params["board"])
        if found is None:
            return _missing("Job")
        if request.query_params.get("content") == "true":
            return _answer(request, found.body)
        rows = [http.without(row, "content", "departments", "offices") for row in found.rows]
        return _answer(request, {**found.body, "jobs": rows})

    def job(request: Request) -> Response:
        found = files.read("greenhouse", request.path_params["board"])
        row = http.find(found.rows, request.path_params["job"], "id") if found else None
        return _missing("Job") if row is None else _answer(request, row)

    return [*http.get(_ROOT, board), *http.get(_ROOT + "/jobs", jobs), *http.get(_ROOT + "/jobs/{job}", job)]


def _about(name: str, rows: list[dict[str, Any]]) -> dict[str, str]:
    known = employer_of(load_catalogue(), name)
    company = next((row["company_name"] for row in rows if row.get("company_name")), name)
    intro = next(iter(known.texts.values())).intro if known else ""
    return {"name": company, "content": f"<p>{escape(intro)}</p>"}


def _answer(request: Request, body: Any) -> Response:
    response = http.json(body, headers={**http.PRIVATE, "Vary": "Accept-Encoding, Origin"})
    return http.tagged(request, response, f'W/"{digest(bytes(response.body))}"')


def _missing(what: str) -> Response:
    error = {"status": 404, "error": f"{what} not found"}
    return http.json(error, 404, {"Cache-Control": "no-cache"}, "application/json")
