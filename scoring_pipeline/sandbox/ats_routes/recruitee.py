"""Recruitee: `/recruitee/{board}/api/offers/` and `/{id or slug}` below it; no two answers have the same bytes.

What belongs here: Recruitee's paths, the order of keys and the error body. What does not: the boards themselves
(`wire/`).
"""

from itertools import count
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from scoring_pipeline.sandbox.ats_routes import http
from scoring_pipeline.sandbox.board_files import BoardFiles
from scoring_pipeline.sandbox.wire.recruitee import reordered

_ROOT = "/recruitee/{board}/api/offers"


def routes(files: BoardFiles) -> list[BaseRoute]:
    """Return Recruitee's routes."""
    answers = count(1)

    def answer(body: Any) -> Response:
        return http.json(reordered(body, f"answer {next(answers)}"), headers=http.PRIVATE)

    def missing() -> Response:
        return http.json({"error": "Not Found"}, 404, media_type="application/json")

    def offers(request: Request) -> Response:
        found = files.read("recruitee", request.path_params["board"])
        return missing() if found is None else answer(found.body)

    def offer(request: Request) -> Response:
        found = files.read("recruitee", request.path_params["board"])
        row = http.find(found.rows, request.path_params["offer"], "id", "slug") if found else None
        return missing() if row is None else answer({"offer": row})

    return [*http.get(_ROOT, offers), *http.get(_ROOT + "/{offer}", offer)]
