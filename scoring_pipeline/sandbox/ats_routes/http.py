"""What the five stand-ins share: JSON answers, weak ETags, routes that do not care about a trailing slash.

What belongs here: helpers without knowledge of a provider. What does not: paths, parameters and error bodies.
"""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

JSON = "application/json; charset=utf-8"
PRIVATE = {"Cache-Control": "max-age=0, private, must-revalidate"}


def json(body: Any, status: int = 200, headers: dict[str, str] | None = None, media_type: str = JSON) -> Response:
    """Return an answer with `body` as JSON."""
    return Response(orjson.dumps(body), status, headers=headers, media_type=media_type)


def not_found_text() -> Response:
    """Return the 404 of Ashby and Workable, which is plain text."""
    return Response("Not Found", HTTPStatus.NOT_FOUND, media_type="text/plain")


def tagged(request: Request, response: Response, etag: str) -> Response:
    """Return the response with its ETag, or 304 where the client has it already."""
    response.headers["ETag"] = etag
    known = {tag.strip() for tag in request.headers.get("if-none-match", "").split(",")}
    if response.status_code != HTTPStatus.OK or not known & {etag, "*"}:
        return response
    kept = {key: value for key, value in response.headers.items() if key not in {"content-length", "content-type"}}
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=kept)


def get(path: str, endpoint: Callable[[Request], Response]) -> list[BaseRoute]:
    """Return routes for a path with and without a trailing slash; the providers answer both alike."""
    return [Route(path, endpoint), Route(path + "/", endpoint)]


def without(row: dict[str, Any], *keys: str) -> dict[str, Any]:
    """Return a copy of `row` that lacks `keys`."""
    return {key: value for key, value in row.items() if key not in keys}


def find(rows: Iterable[dict[str, Any]], wanted: str, *keys: str) -> dict[str, Any] | None:
    """Return the first row in which one of `keys`, as text, is `wanted`."""
    return next((row for row in rows if wanted in {str(row.get(key)) for key in keys}), None)
