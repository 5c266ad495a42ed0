"""A provider on loopback that answers exactly what a test tells it to, and counts what it was asked."""

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from scoring_pipeline.llm.batch_client import BatchClient
from scoring_pipeline.settings import LlmProvider

BATCH = {
    "id": "batch_1",
    "object": "batch",
    "endpoint": "/v1/chat/completions",
    "input_file_id": "file-1",
    "completion_window": "24h",
    "status": "validating",
    "created_at": 1_790_000_000,
    "request_counts": {"total": 0, "completed": 0, "failed": 0},
    "metadata": {"plan": "p"},
}


@dataclass(frozen=True)
class Reply:
    """One answer; `cut` sends only so many bytes of the body and closes the connection; `hang` sends nothing."""

    status: int = 200
    body: bytes = b"{}"
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    hang: bool = False


def said(body: Any, status: int = 200, **headers: str) -> Reply:
    """A JSON answer."""
    return Reply(status, json.dumps(body).encode(), headers=headers)


def refusal(status: int, code: str | None = None, kind: str = "invalid_request_error", **headers: str) -> Reply:
    """An error in the API's envelope, told to be tried again at once where the client may."""
    error = {"message": f"said {status}", "type": kind, "param": None, "code": code}
    return said({"error": error}, status, **{"retry-after-ms": "1", **headers})


@dataclass
class FakeProvider:
    """What is answered next (the last one again and again), and what was asked."""

    replies: list[Reply]
    url: str = ""
    asked: list[str] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)

    def next(self) -> Reply:
        """The next answer."""
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def client(self, **options: Any) -> BatchClient:
        """A client of this provider."""
        provider = {"base_url": self.url, "api_key_env": "FAKE_PROVIDER_KEY", "timeout_seconds": 5, **options}
        return BatchClient("fake", LlmProvider.model_validate(provider))


def _handler(fake: FakeProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            fake.asked.append(f"{self.command} {self.path}")
            reply = fake.next()
            if reply.hang:
                fake.release.wait(30)
                self.close_connection = True
                return
            self.send_response(reply.status)
            self.send_header("content-type", reply.content_type)
            self.send_header("content-length", str(len(reply.body)))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body if reply.cut is None else reply.body[: reply.cut])
            if reply.cut is not None:
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the base class's names

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def fake_provider(*replies: Reply) -> Iterator[FakeProvider]:
    """Serve the replies in order on a free port."""
    fake = FakeProvider(list(replies))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield fake
    finally:
        fake.release.set()
        server.shutdown()
        server.server_close()
