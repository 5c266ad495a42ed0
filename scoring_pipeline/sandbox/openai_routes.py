"""The routes under `/v1` and `/sandbox`: HTTP in, HTTP out.

What belongs here: reading requests, headers, envelopes. What does not: what an operation does (`openai_service.py`,
`openai_files.py`), replies that go wrong on purpose (`openai_fault_replies.py`).
"""

import os
import secrets
import time
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scoring_pipeline.sandbox.journal_summary import journal_summary
from scoring_pipeline.sandbox.openai_errors import ApiError, model_not_found, server_error
from scoring_pipeline.sandbox.openai_fault_replies import Handler, LostConnection, carry_out
from scoring_pipeline.sandbox.openai_fault_rules import Operation
from scoring_pipeline.sandbox.openai_files import file_json
from scoring_pipeline.sandbox.openai_models import MODELS, OWNER
from scoring_pipeline.sandbox.openai_service import Service

_OPENAI_VERSION = b"2020-10-01"
_WITH_MODELS: tuple[Operation, ...] = ("create_batch", "chat", "embeddings")


class Headers:
    """ASGI middleware: every response says its `x-request-id`, how long it took and which API version it is.

    Responses below `/ats` are left alone: job boards send headers of their own.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and add to the response's head."""
        if scope["type"] != "http" or scope["path"].startswith("/ats/"):
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                spent = int((time.perf_counter() - started) * 1000)
                message["headers"] = [
                    *message.get("headers", []),
                    (b"x-request-id", f"req_{secrets.token_hex(16)}".encode()),
                    (b"openai-processing-ms", str(spent).encode()),
                    (b"openai-version", _OPENAI_VERSION),
                ]
            await send(message)

        await self._app(scope, receive, with_headers)


class ClockChange(BaseModel):
    """What `POST /sandbox/clock` takes."""

    model_config = ConfigDict(extra="forbid")

    advance_seconds: float = Field(default=0.0, ge=0)
    speed: float | None = Field(default=None, gt=0)


def reply(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON response."""
    return Response(orjson.dumps(data), status, headers, "application/json")


async def api_error(_: Request, error: Exception) -> Response:
    """Turn any error into the API's envelope."""
    if isinstance(error, HTTPException):
        error = ApiError(error.status_code, f"{error.detail}: no such URL or method in this sandbox.")
    if not isinstance(error, ApiError):
        error = server_error()
    return reply(error.envelope(), error.status, error.headers)


async def _json_body(request: Request) -> Any:
    try:
        return orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise ApiError(400, f"The body is not valid JSON: {error}.") from error


def _authorized(handler: Handler) -> Handler:
    async def checked(request: Request) -> Response:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise ApiError(
                401,
                "You didn't provide an API key. Send any key as 'Authorization: Bearer KEY'.",
                code="invalid_api_key",
            )
        return await handler(request)

    return checked


class Routes:
    """The handlers of one service."""

    def __init__(self, service: Service, identity: dict[str, Any]) -> None:
        self._service = service
        self._identity = identity

    def api(self) -> list[BaseRoute]:
        """Return the routes to be mounted at `/v1`."""
        table: list[tuple[str, str, Operation, Handler]] = [
            ("POST", "/files", "upload_file", self._upload),
            ("GET", "/files", "list_files", self._list_files),
            ("GET", "/files/{id}", "retrieve_file", self._get_file),
            ("DELETE", "/files/{id}", "delete_file", self._delete_file),
            ("GET", "/files/{id}/content", "file_content", self._file_content),
            ("POST", "/batches", "create_batch", self._create_batch),
            ("GET", "/batches", "list_batches", self._list_batches),
            ("GET", "/batches/{id}", "retrieve_batch", self._get_batch),
            ("POST", "/batches/{id}/cancel", "cancel_batch", self._cancel_batch),
            ("POST", "/chat/completions", "chat", self._call),
            ("POST", "/embeddings", "embeddings", self._call),
            ("GET", "/models", "list_models", self._list_models),
            ("GET", "/models/{id}", "retrieve_model", self._get_model),
        ]
        return [
            Route(path, _authorized(self._met(operation, handler)), methods=[method])
            for method, path, operation, handler in table
        ]

    def _met(self, operation: Operation, handler: Handler) -> Handler:
        if not self._service.counts_calls(operation):
            return handler

        async def met(request: Request) -> Response:
            body = await _json_body(request) if operation in _WITH_MODELS else None
            rule = await run_in_threadpool(self._service.call_rule, operation, body)
            if rule is None:
                return await handler(request)
            file_id = body.get("input_file_id") if isinstance(body, dict) else None
            return await carry_out(rule, handler, request, file_id)

        return met

    def control(self) -> list[BaseRoute]:
        """Return the routes to be mounted at `/sandbox`."""
        return [
            Route("/health", self._health, methods=["GET"]),
            Route("/journal", self._journal, methods=["GET"]),
            Route("/clock", self._get_clock, methods=["GET"]),
            Route("/clock", self._set_clock, methods=["POST"]),
        ]

    async def _upload(self, request: Request) -> Response:
        return reply(file_json(await self._service.files.upload(request, self._service.clock.now())))

    async def _list_files(self, request: Request) -> Response:
        now = self._service.clock.now()
        return reply(await run_in_threadpool(self._service.files.page, dict(request.query_params), now))

    async def _get_file(self, request: Request) -> Response:
        now = self._service.clock.now()
        return reply(file_json(await run_in_threadpool(self._service.files.get, request.path_params["id"], now)))

    async def _delete_file(self, request: Request) -> Response:
        now = self._service.clock.now()
        return reply(await run_in_threadpool(self._service.files.delete, request.path_params["id"], now))

    async def _file_content(self, request: Request) -> Response:
        now = self._service.clock.now()
        path = await run_in_threadpool(self._service.files.content, request.path_params["id"], now)
        return FileResponse(path, media_type="application/octet-stream")

    async def _create_batch(self, request: Request) -> Response:
        self._check_worker()
        return reply(await run_in_threadpool(self._service.create_batch, await _json_body(request)))

    async def _list_batches(self, request: Request) -> Response:
        self._check_worker()
        return reply(await run_in_threadpool(self._service.list_batches, dict(request.query_params)))

    async def _get_batch(self, request: Request) -> Response:
        self._check_worker()
        return reply(await run_in_threadpool(self._service.show_batch, request.path_params["id"]))

    async def _cancel_batch(self, request: Request) -> Response:
        return reply(await run_in_threadpool(self._service.cancel_batch, request.path_params["id"]))

    async def _call(self, request: Request) -> Response:
        answer = await run_in_threadpool(self._service.call, request.url.path, await _json_body(request))
        return reply(answer.body, answer.status) if answer.status > 0 else LostConnection()

    async def _list_models(self, _: Request) -> Response:
        now = self._service.clock.now()
        return reply(
            {"object": "list", "data": [card.as_json() for card in MODELS.values() if not card.has_shut_down(now)]}
        )

    async def _get_model(self, request: Request) -> Response:
        card = MODELS.get(request.path_params["id"])
        if card is None or card.has_shut_down(self._service.clock.now()):
            raise model_not_found(request.path_params["id"])
        return reply(card.as_json())

    async def _health(self, _: Request) -> Response:
        failure = self._service.worker.failure
        state = {"status": "ok" if failure is None else f"worker stopped: {failure!r}", "sandbox": OWNER}
        return reply({**state, **self._identity, "pid": os.getpid()}, 200 if failure is None else 503)

    async def _journal(self, _: Request) -> Response:
        return reply(await run_in_threadpool(journal_summary, self._service.journal))

    async def _get_clock(self, _: Request) -> Response:
        return reply({"now": self._service.clock.now(), "speed": self._service.clock.speed})

    async def _set_clock(self, request: Request) -> Response:
        try:
            change = ClockChange.model_validate(await _json_body(request))
        except ValidationError as error:
            text = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
            raise ApiError(400, text) from error
        await run_in_threadpool(self._change_clock, change)
        return await self._get_clock(request)

    def _change_clock(self, change: ClockChange) -> None:
        self._service.clock.change(advance=change.advance_seconds, speed=change.speed)
        self._service.worker.settle()
        self._service.worker.wake()

    def _check_worker(self) -> None:
        if self._service.worker.failure is not None:
            raise server_error()
