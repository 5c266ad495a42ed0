"""Lever: `/lever/v0/postings/{site}` and `/{id}` below it; JSON with `mode=json`, an HTML widget without.

What belongs here: Lever's paths, filters, paging and error body. What does not: the boards themselves (`wire/`).
"""

from base64 import b64encode
from hashlib import blake2b
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from scoring_pipeline.sandbox.ats_routes import http
from scoring_pipeline.sandbox.board_files import BoardFiles

_ROOT = "/lever/v0/postings/{board}"
_FILTERS = ("location", "commitment", "team", "department", "level")


def routes(files: BoardFiles) -> list[BaseRoute]:
    """Return Lever's routes."""

    def site(request: Request) -> Response:
        found = files.read("lever", request.path_params["board"])
        if found is None:
            return _missing(request)
        rows = _page(_matching(found.rows, request), request)
        return _answer(request, rows) if _wants_json(request) else _widget(rows)

    def posting(request: Request) -> Response:
        found = files.read("lever", request.path_params["board"])
        row = http.find(found.rows, request.path_params["posting"], "id") if found else None
        if row is None:
            return _missing(request)
        return _answer(request, row) if _wants_json(request) else _widget([row])

    return [*http.get(_ROOT, site), *http.get(_ROOT + "/{posting}", posting)]


def _answer(request: Request, body: Any, status: int = 200) -> Response:
    response = http.json(body, status, media_type=http.JSON if status == 200 else "application/json")  # noqa: PLR2004 - OK
    data = bytes(response.body)
    mark = b64encode(blake2b(data, digest_size=20).digest()).decode().rstrip("=")
    return http.tagged(request, response, f'W/"{len(data):x}-{mark}"')


def _missing(request: Request) -> Response:
    return _answer(request, {"ok": False, "error": "Document not found"}, 404)


def _wants_json(request: Request) -> bool:
    mode = request.query_params.get("mode")
    accept = request.headers.get("accept", "")
    return mode == "json" if mode else "application/json" in accept and "text/html" not in accept


def _matching(rows: list[dict[str, Any]], request: Request) -> list[dict[str, Any]]:
    for name in _FILTERS:
        values = request.query_params.getlist(name)
        if values:
            rows = [row for row in rows if row["categories"].get(name) in values]
    return rows


def _page(rows: list[dict[str, Any]], request: Request) -> list[dict[str, Any]]:
    skip, limit = (request.query_params.get(name, "") for name in ("skip", "limit"))
    rows = rows[int(skip) if skip.isdecimal() else 0 :]
    return rows[: int(limit)] if limit.isdecimal() else rows


def _widget(rows: list[dict[str, Any]]) -> Response:
    links = "".join(f'<li><a href="{escape(row["hostedUrl"])}">{escape(row["text"])}</a></li>' for row in rows)
    return Response(f'<ul class="lever-jobs-list">{links}</ul>', media_type="text/html")
