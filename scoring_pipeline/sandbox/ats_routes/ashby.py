"""Ashby: `/ashby/posting-api/job-board/{name}`; pay only with `includeCompensation=true`.

What belongs here: Ashby's path, header and error body. What does not: the boards themselves (`wire/`).
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from scoring_pipeline.sandbox.ats_routes import http
from scoring_pipeline.sandbox.board_files import BoardFiles


def routes(files: BoardFiles) -> list[BaseRoute]:
    """Return Ashby's routes."""

    def board(request: Request) -> Response:
        found = files.read("ashby", request.path_params["board"])
        if found is None:
            return http.not_found_text()
        headers = {"Access-Control-Allow-Origin": "*"}
        if request.query_params.get("includeCompensation") == "true":
            return http.json(found.body, headers=headers)
        rows = [http.without(row, "compensation") for row in found.rows]
        return http.json({**found.body, "jobs": rows}, headers=headers)

    return http.get("/ashby/posting-api/job-board/{board}", board)
