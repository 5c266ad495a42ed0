"""A loopback HTTP server that plays a script: for each request line, what to answer, in order."""

import contextlib
import gzip
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """One answer. `cut` promises more bytes than are sent; `hang` is waited for before anything is sent."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "application/json; charset=utf-8"
    cut: bool = False
    zipped: bool = False
    hang: threading.Event | None = None

    def data(self) -> bytes:
        data = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        return gzip.compress(data) if self.zipped else data


@dataclass(frozen=True)
class Seen:
    line: str
    headers: dict[str, str]
    body: bytes


class AtsServer:
    """`script["GET /path?query"] = [Reply, ...]`; the last reply repeats; what is not scripted answers 404."""

    def __init__(self) -> None:
        self.script: dict[str, list[Reply]] = {}
        self.seen: list[Seen] = []
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self._answer()

            def log_message(self, *_: object) -> None:
                pass

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                line = f"{self.command} {self.path}"
                reply = server.take(Seen(line, {k.lower(): v for k, v in self.headers.items()}, body))
                if reply.hang is not None:
                    reply.hang.wait(10)
                data = reply.data()
                self.send_response(reply.status)
                self.send_header("Content-Type", reply.kind)
                if reply.zipped:
                    self.send_header("Content-Encoding", "gzip")
                if reply.status != 304:
                    self.send_header("Content-Length", str(len(data) + (100 if reply.cut else 0)))
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                with contextlib.suppress(ConnectionError):
                    self.end_headers()
                    self.wfile.write(data)
                self.close_connection = self.close_connection or reply.cut

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def take(self, seen: Seen) -> Reply:
        with self._lock:
            self.seen.append(seen)
            replies = self.script.get(seen.line)
            if not replies:
                return Reply({"error": "Not Found"}, status=404)
            return replies.pop(0) if len(replies) > 1 else replies[0]

    def lines(self) -> list[str]:
        return [seen.line for seen in self.seen]

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
