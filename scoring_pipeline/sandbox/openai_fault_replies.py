"""What a fault does to a call: refusals, pages of proxies, connections and contents that break off.

What belongs here: from a rule and the operation's handler to a response. What does not: which call is hit
(`openai_fault_calls.py`), counting calls (`openai_service.py`).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from email.utils import formatdate
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from scoring_pipeline.sandbox.openai_errors import (
    ApiError,
    insufficient_quota,
    invalid_api_key,
    overloaded,
    rate_limited,
    server_error,
)
from scoring_pipeline.sandbox.openai_fault_calls import (
    BadGatewayRule,
    CutContentRule,
    ErrorAfterRule,
    HtmlAfterRule,
    HtmlRule,
    LostReplyRule,
    MissingFileRule,
    NoReplyRule,
    OfCall,
    QuotaRule,
    RateLimitRule,
    ServerErrorRule,
    SlowContentRule,
    SlowReplyRule,
    TooLargeRule,
    UnauthorizedRule,
)

Handler = Callable[[Request], Awaitable[Response]]
_PIECE = 64 * 1024


class LostConnection(Response):
    """A reply of which only the status line arrives; the server then closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Send the head of a response, and no body."""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"1000"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})


class CutContent(Response):
    """A file of which only a part arrives, up to somewhere within a line; the server then closes the connection.

    Args:
        path: the file.
        sent_share: how much of it is sent, about.
        chunked: send chunks and leave out the last; else promise the whole length.
    """

    def __init__(self, path: Path, sent_share: float, *, chunked: bool) -> None:
        super().__init__()
        self._path, self._share, self._chunked = path, sent_share, chunked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Send a head that promises everything, and a part of the body."""
        size = self._path.stat().st_size
        headers = [(b"content-type", b"application/octet-stream"), (b"connection", b"close")]
        if not self._chunked:
            headers.append((b"content-length", str(size).encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        left = _within_a_line(self._path, int(size * self._share))
        with self._path.open("rb") as content:
            while left > 0 and (piece := content.read(min(_PIECE, left))):
                left -= len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": True})


def _within_a_line(path: Path, offset: int) -> int:
    """Return `offset`, moved a little where what comes before it would be whole lines."""
    if offset == 0:
        return 0
    with path.open("rb") as content:
        content.seek(offset - 1)
        before, after = content.read(1), content.read(1)
    if before == b"\n":
        return offset + 2
    return offset - 1 if after == b"\n" else offset


async def carry_out(rule: OfCall, handler: Handler, request: Request, file_id: str | None) -> Response:
    """Return the response that a rule wants, having done what was asked if the rule `acts`.

    Args:
        rule: the rule that the call met.
        handler: what answers the call when nothing goes wrong.
        request: the call.
        file_id: the input file that a create call names, None for other calls.

    Raises:
        ApiError: what the rule answers in the API's own envelope.
    """
    if not rule.acts:
        async for _ in request.stream():
            pass  # a client that is still sending would see a broken connection instead of the reply
        return _refusal(rule, file_id)
    response = await handler(request)
    if isinstance(rule, SlowReplyRule):
        return LostConnection() if await _client_leaves(request, rule.seconds) else response
    if isinstance(rule, ErrorAfterRule):
        raise ApiError(rule.status, server_error().message, kind="server_error", code="server_error")
    if isinstance(rule, HtmlAfterRule):
        return _page(200)
    if isinstance(rule, CutContentRule):
        return CutContent(_path(response), rule.sent_share, chunked=rule.transfer == "chunked")
    if isinstance(rule, SlowContentRule):
        return _slow(_path(response), rule)
    if isinstance(rule, LostReplyRule):
        return LostConnection()
    raise TypeError(f"no reply for a rule of kind {rule.kind}")


async def _client_leaves(request: Request, seconds: float) -> bool:
    """Wait so long, or until the client has closed the connection; return whether it has."""

    async def left() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(left(), seconds)
    except TimeoutError:
        return False
    return True


def _refusal(rule: OfCall, file_id: str | None) -> Response:
    if isinstance(rule, HtmlRule):
        return _page(200)
    if isinstance(rule, BadGatewayRule):
        return _page(502)
    if isinstance(rule, TooLargeRule):
        return _page(413)
    if isinstance(rule, NoReplyRule):
        return LostConnection()
    raise _refusal_error(rule, file_id)


def _refusal_error(rule: OfCall, file_id: str | None) -> Exception:
    if isinstance(rule, RateLimitRule):
        return rate_limited("this operation", _waiting_headers(rule) | _retry_header(rule.should_retry))
    if isinstance(rule, QuotaRule):
        error = insufficient_quota()
        error.headers = _retry_header(rule.should_retry)
        return error
    if isinstance(rule, UnauthorizedRule):
        return invalid_api_key()
    if isinstance(rule, ServerErrorRule):
        return overloaded() if rule.status == 503 else server_error()  # noqa: PLR2004 - HTTP's own number
    if isinstance(rule, MissingFileRule):
        text = f"Cannot find file {file_id}, or project proj_sandbox does not have access to it."
        return ApiError(400, text, param="file_id")
    return TypeError(f"no reply for a rule of kind {rule.kind}")


def _waiting_headers(rule: RateLimitRule) -> dict[str, str]:
    if rule.retry_after is None:
        return {}
    if rule.form == "milliseconds":
        return {"retry-after-ms": _plain(rule.retry_after * 1000)}
    if rule.form == "http_date":
        return {"retry-after": formatdate(time.time() + rule.retry_after, usegmt=True)}
    return {"retry-after": _plain(rule.retry_after)}


def _plain(number: float) -> str:
    return f"{number:.3f}".rstrip("0").rstrip(".")


def _retry_header(should_retry: bool | None) -> dict[str, str]:
    return {} if should_retry is None else {"x-should-retry": str(should_retry).lower()}


def _page(status: int) -> Response:
    titles = {200: "Just a moment...", 413: "413 Request Entity Too Large", 502: "502 Bad Gateway"}
    title = titles[status]
    text = f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>"
    return HTMLResponse(f"{text}\r\n</html>\r\n", status)


def _path(response: Response) -> Path:
    if not isinstance(response, FileResponse):
        raise TypeError(f"a fault of contents met a {type(response).__name__}")
    return Path(response.path)


def _slow(path: Path, rule: SlowContentRule) -> Response:
    size = path.stat().st_size

    async def pieces() -> AsyncIterator[bytes]:
        with path.open("rb") as content:
            while piece := content.read(max(1, -(-size // rule.pieces))):
                yield piece
                await asyncio.sleep(rule.pause_seconds)

    headers = {"content-length": str(size)}
    return StreamingResponse(pieces(), media_type="application/octet-stream", headers=headers)
