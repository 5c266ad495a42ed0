"""The sandbox as a process: one server for one folder, on loopback, started in the foreground or as a child.

What belongs here: ports, locks, child processes. What does not: what the server answers (`server.py`).

`<folder>/endpoint.json` says where the folder's server listens; the port is kept for ever, so that a configuration
written for it stays right. `<folder>/sandbox.lock` is held by the running server: two on one folder are impossible.
A server that was started for a command ends when nobody uses it any more (`users.py`).
"""

import argparse
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import httpx2
import uvicorn

from scoring_pipeline.sandbox.journal import JournalError
from scoring_pipeline.sandbox.openai_faults import ScenarioError
from scoring_pipeline.sandbox.openai_models import OWNER
from scoring_pipeline.sandbox.openai_options import SandboxOptions
from scoring_pipeline.sandbox.server import sandbox_app
from scoring_pipeline.sandbox.users import begin_use, end_when_unused, taken_alone
from scoring_pipeline.values import utc_text

HOST = "127.0.0.1"
_LOOPBACK = ("127.0.0.1", "localhost")
_STOP_SECONDS = 10.0
_EXIT_ALREADY_RUNNING = 75


class SandboxError(Exception):
    """The sandbox cannot be started or reached; the message says why and what to do."""


class _AlreadyRunningError(SandboxError):
    """Another process serves the folder."""


@dataclass(frozen=True)
class SandboxHandle:
    """A sandbox that answers: where, and whether this process started it."""

    base_url: str
    started_here: bool
    _child: subprocess.Popen[bytes] | None = None
    _use: IO[bytes] | None = None

    @property
    def openai_url(self) -> str:
        """The base URL for an OpenAI client."""
        return f"{self.base_url}/v1"

    def stop(self) -> None:
        """End the use of the server; if this handle's call started it and nobody else uses it, wait for its end."""
        unused = True
        if self._use is not None:
            fcntl.flock(self._use, fcntl.LOCK_UN)
            unused = taken_alone(self._use)
        try:
            if unused:
                self._end()
        finally:
            if self._use is not None:
                self._use.close()

    def _end(self) -> None:
        if self._child is None or self._child.poll() is not None:
            return
        self._child.terminate()
        try:
            self._child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


def run_server(
    folder: Path, port: int | None = None, options: SandboxOptions | None = None, *, host: str = HOST
) -> None:
    """Serve one folder until told to stop (SIGINT, SIGTERM).

    Args:
        folder: where everything lies.
        port: None for the port in `endpoint.json`, or a free one the first time.
        options: speed, durations, limits, scenario.
        host: only loopback is accepted.

    Raises:
        SandboxError: the port is taken, the folder is being served already, or the host is not loopback.
        JournalError: the folder's journal cannot be opened.
        ScenarioError: the scenario file cannot be used.
    """
    if host not in _LOOPBACK:
        raise SandboxError(
            f"the sandbox serves loopback only: host must be one of {', '.join(_LOOPBACK)}, not {host!r}"
        )
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with _folder_lock(folder), _bound_socket(folder, port) as listener:
        app = sandbox_app(folder, options=options)
        _write_endpoint(folder, listener.getsockname()[1])
        config = uvicorn.Config(app, access_log=False, log_level="warning", timeout_graceful_shutdown=2)
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


def ensure_running(
    folder: Path,
    options: SandboxOptions | None = None,
    *,
    port: int | None = None,
    exit_with_parent: bool = True,
    timeout_seconds: float = 30.0,
) -> SandboxHandle:
    """Return a handle on the folder's server, started as a child process unless one answers already.

    Args:
        folder: where everything lies.
        options: for a server that is started; one that runs keeps its own.
        port: as for `run_server`.
        exit_with_parent: the child ends by itself when this process and whoever else uses it by now have ended; else
            it outlives them.
        timeout_seconds: how long to wait for the server to answer.

    Raises:
        SandboxError: the server ended or did not answer in time; the message quotes its log.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    use = begin_use(folder) if exit_with_parent else None
    if (running := _healthy_url(folder)) is not None:
        return SandboxHandle(running, started_here=False, _use=use)
    log = folder / "sandbox.log"
    begins_at = log.stat().st_size if log.exists() else 0
    child = _spawn(folder, options or SandboxOptions(), port, log, exit_with_parent=exit_with_parent)
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        running = _healthy_url(folder)
        if running is not None:
            mine = _read_endpoint(folder).get("pid") == child.pid
            return SandboxHandle(running, started_here=mine, _child=child if mine else None, _use=use)
        if child.poll() not in (None, _EXIT_ALREADY_RUNNING):
            break
        time.sleep(0.05)
    child.kill()
    child.wait()
    raise SandboxError(f"the sandbox in {folder} did not start; it said: {_said(log, begins_at)}")


def stop_running(folder: Path) -> bool:
    """End the folder's server, whoever started it; return whether there was one.

    Raises:
        SandboxError: it does not end.
    """
    folder = folder.resolve()
    if _healthy_url(folder) is None:
        return False
    os.kill(int(_read_endpoint(folder)["pid"]), signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while time.monotonic() < deadline:
        try:
            with _folder_lock(folder):
                return True
        except _AlreadyRunningError:
            time.sleep(0.05)
    raise SandboxError(f"the sandbox in {folder} did not end within {_STOP_SECONDS:g} s")


def _said(log: Path, begins_at: int) -> str:
    return log.read_bytes()[begins_at:].decode(errors="replace").strip() or "nothing"


def _spawn(
    folder: Path, options: SandboxOptions, port: int | None, log: Path, *, exit_with_parent: bool
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "scoring_pipeline.sandbox.process", "--folder", str(folder)]
    command += ["--options", options.model_dump_json()]
    if port is not None:
        command += ["--port", str(port)]
    if exit_with_parent:
        command += ["--exit-with-users"]
    with log.open("ab") as out:
        return subprocess.Popen(  # noqa: S603 - this interpreter, this package
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )


@contextmanager
def _folder_lock(folder: Path) -> Iterator[None]:
    with (folder / "sandbox.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _AlreadyRunningError(f"a sandbox is already running in {folder}") from None
        yield


@contextmanager
def _bound_socket(folder: Path, port: int | None) -> Iterator[socket.socket]:
    wanted = _read_endpoint(folder).get("port", 0) if port is None else port
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, wanted))
        except OSError as error:
            where = f"recorded in {folder / 'endpoint.json'}" if port is None else "asked for"
            raise SandboxError(
                f"port {wanted}, {where}, cannot be used ({error.strerror}): something that is not this folder's "
                "sandbox has it. End that, or name another port."
            ) from error
        listener.listen(256)
        yield listener


def _read_endpoint(folder: Path) -> dict[str, Any]:
    path = folder / "endpoint.json"
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise SandboxError(f"{path} is not valid JSON: {error}; delete it to have a new port chosen") from error
    if not isinstance(found, dict) or not isinstance(found.get("port"), int):
        raise SandboxError(f"{path} has no port; delete it to have a new one chosen")
    return found


def _write_endpoint(folder: Path, port: int) -> None:
    found = {"port": port, "pid": os.getpid(), "started_at": utc_text(datetime.now(UTC))}
    fresh = folder / "endpoint.json.new"
    fresh.write_text(json.dumps(found) + "\n")
    fresh.replace(folder / "endpoint.json")


def _healthy_url(folder: Path) -> str | None:
    """Return the base URL of the server that answers for this very folder, or None."""
    port = _read_endpoint(folder).get("port")
    if port is None:
        return None
    url = f"http://{HOST}:{port}"
    try:
        with httpx2.Client(trust_env=False, timeout=5.0) as client:
            response = client.get(f"{url}/sandbox/health")
            said = response.json() if response.status_code == httpx2.codes.OK else {}
    except (httpx2.HTTPError, ValueError):
        return None
    same = isinstance(said, dict) and said.get("sandbox") == OWNER and said.get("folder") == str(folder)
    return url if same else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server from the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="scoring_pipeline.sandbox.process", description=main.__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--host", default=HOST, help="loopback only")
    parser.add_argument("--port", type=int)
    parser.add_argument("--options", default="{}", help="SandboxOptions as JSON; single options below go before it")
    parser.add_argument("--speed", type=float, help=SandboxOptions.model_fields["speed"].description)
    parser.add_argument("--batch-seconds", type=float, help=SandboxOptions.model_fields["batch_seconds"].description)
    parser.add_argument("--scenario", type=Path, help=SandboxOptions.model_fields["scenario"].description)
    parser.add_argument("--exit-with-users", action="store_true", help="end when nobody holds users.lock any more")
    given = parser.parse_args(arguments)
    single = {name: getattr(given, name) for name in ("speed", "batch_seconds", "scenario")}
    try:
        merged = json.loads(given.options) | {name: value for name, value in single.items() if value is not None}
        options = SandboxOptions.model_validate(merged)
        if given.exit_with_users:
            threading.Thread(target=end_when_unused, args=(given.folder,), daemon=True).start()
        run_server(given.folder, given.port, options, host=given.host)
    except (SandboxError, JournalError, ScenarioError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return _EXIT_ALREADY_RUNNING if isinstance(error, _AlreadyRunningError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
