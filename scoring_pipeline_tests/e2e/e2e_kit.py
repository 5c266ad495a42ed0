"""What the end-to-end tests share: the command line as a process, its store, the sandbox's journal, small boards."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml

from scoring_pipeline.sandbox.boards import build_boards, write_boards
from scoring_pipeline.sandbox.journal import Journal
from scoring_pipeline.sandbox.journal_summary import journal_summary
from scoring_pipeline.storage.opening import open_store
from scoring_pipeline.storage.port import DocumentStore

COMMAND = (sys.executable, "-m", "scoring_pipeline.cli.main")
PROFILES = 3
SMALL_BOARDS = ("ashby/Lumen Robotics", "recruitee/waterlandzorg", "workable/maple-and-main")
T = TypeVar("T")

_FOREIGN = ("SCORING_", "OPENAI_", "DAGSTER_")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one object on standard output."""
        return json.loads(self.out)

    @property
    def errors(self) -> list[str]:
        """The lines that say what was wrong."""
        return [line for line in self.err.splitlines() if line.startswith("error:")]


@dataclass
class Started:
    """A command that runs, leader of a process group of its own."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    _readers: list[threading.Thread] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def listen(self) -> None:
        """Collect what it says, standard output and error as they come."""
        for pipe in (self.process.stdout, self.process.stderr):
            reader = threading.Thread(target=self._read, args=(pipe,), daemon=True)
            reader.start()
            self._readers.append(reader)

    def _read(self, pipe: Any) -> None:
        for line in pipe:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()

    def until_said(self, text: str) -> None:
        """Wait for a line that holds `text`."""
        with self._changed:
            if not self._changed.wait_for(lambda: any(text in line for line in self.lines), _PATIENCE_SECONDS):
                pytest.fail(f"{text!r} was never said:\n{self.said()}")

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that is seen from outside only; fails when the command ends before."""
        pause = threading.Event()
        while not condition():
            if self.process.poll() is not None:
                pytest.fail(f"it ended with {self.process.returncode} before the moment came:\n{self.said()}")
            pause.wait(0.003)

    def said(self) -> str:
        """Everything it has said so far."""
        return "\n".join(self.lines)

    def kill(self) -> None:
        """Kill its process group, at once and without a chance to tidy up."""
        os.killpg(self.process.pid, signal.SIGKILL)
        assert self.ended() == -signal.SIGKILL, self.said()

    def ended(self) -> int:
        """Wait for its end and return its exit code."""
        code = self.process.wait(_PATIENCE_SECONDS)
        for reader in self._readers:
            reader.join()
        return code


@dataclass(frozen=True)
class Cli:
    """The command line with a state folder of its own, and nothing in the environment but what is given here."""

    home: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def but(self, **environment: str) -> "Cli":
        """Return the same with more in the environment."""
        return Cli(self.home, {**self.environment, **environment})

    def variables(self) -> dict[str, str]:
        """The environment of the process."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(_FOREIGN) and name.upper() not in _PROXIES
        }
        return {**kept, "SCORING_HOME": str(self.home), "COLUMNS": "160", **self.environment}

    def run(self, *arguments: str, prefix: Sequence[str] = ()) -> Done:
        """Run a command to its end, without a terminal."""
        done = subprocess.run(
            [*prefix, *COMMAND, *arguments],
            env=self.variables(),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def ok(self, *arguments: str) -> Done:
        """Run a command that must succeed."""
        done = self.run(*arguments)
        assert done.code == 0, f"{arguments} ended with {done.code}:\n{done.out}\n{done.err}"
        return done

    def start(self, *arguments: str) -> Started:
        """Start a command and return while it runs."""
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            env=self.variables(),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started = Started(process)
        started.listen()
        return started

    @property
    def sandbox(self) -> Path:
        """Where the sandbox and its store lie."""
        return self.home / "sandbox"

    @contextmanager
    def store(self, *, sandbox: bool = True) -> Iterator[DocumentStore]:
        """The store of the sandbox, or that of a real account."""
        folder = self.sandbox if sandbox else self.home
        with closing(open_store(f"sqlite:///{folder / 'store.db'}")) as store:
            yield store

    def journal(self) -> dict[str, Any]:
        """What the sandbox was asked and has answered, by its own count."""
        journal = Journal(self.sandbox / "journal.db")
        try:
            return journal_summary(journal)
        finally:
            journal.close()


def new_cli(folder: Path, **environment: str) -> Cli:
    """Return a command line whose state folder is made here."""
    home = folder / "home"
    home.mkdir(parents=True)
    return Cli(home, environment)


def kill_sandbox(cli: Cli) -> None:
    """Kill the sandbox's server, if it runs."""
    endpoint = cli.sandbox / "endpoint.json"
    if not endpoint.exists():
        return
    pid = json.loads(endpoint.read_text())["pid"]
    command = Path(f"/proc/{pid}/cmdline")
    if command.exists() and str(cli.sandbox).encode() in command.read_bytes():
        os.kill(pid, signal.SIGKILL)


def at_once(*stories: Callable[[], T]) -> list[T]:
    """Let stories happen two at a time, one for each core there surely is, and return what they return, in order."""
    with ThreadPoolExecutor(2) as pool:
        return [running.result() for running in [pool.submit(story) for story in stories]]


def bought_once(journal: Mapping[str, Any]) -> bool:
    """Whether no request was answered twice, by id or by content."""
    return bool(
        journal["bodies"]["answered_more_than_once"] == 0
        and journal["bodies"]["surplus_answers"] == 0
        and journal["custom_ids"]["answered_more_than_once"] == 0
    )


def small_boards(folder: Path) -> Path:
    """Write three of the sample's boards, some seventy listings, as `<folder>/<provider>/<board>.json`."""
    boards = build_boards()
    for name in SMALL_BOARDS:
        provider, _, board = name.partition("/")
        write_boards(folder, {provider: {board: boards[provider][board]}})  # type: ignore[index,dict-item]
    return folder


def days_ago(count: int) -> str:
    """Return a day before today, YYYY-MM-DD in UTC."""
    return (datetime.now(UTC).date() - timedelta(days=count)).isoformat()


def write_yaml(path: Path, data: Any) -> Path:
    """Write a configuration file."""
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return path


@dataclass
class Stub:
    """A server that is not the sandbox: it lists models, refuses everything else, and remembers what it was asked."""

    url: str
    asked: list[str] = field(default_factory=list)

    @property
    def writes(self) -> list[str]:
        """What it was asked to make or change."""
        return [line for line in self.asked if not line.startswith("GET ")]


@contextmanager
def stub_endpoint(models: Sequence[str]) -> Iterator[Stub]:
    """Serve a stub on loopback."""
    stub = Stub("")
    listed = {"object": "list", "data": [{"id": m, "object": "model", "created": 1, "owned_by": "x"} for m in models]}

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            stub.asked.append(f"{self.command} {self.path}")
            known = self.command == "GET" and self.path == "/v1/models"
            body = json.dumps(listed if known else {"error": {"message": "no", "type": "invalid_request_error"}})
            self.send_response(200 if known else 403)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the base class's names

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stub.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()


@dataclass(frozen=True)
class FirstDay:
    """A command line on whose sandbox today was run once, with `--json`, and what that printed."""

    cli: Cli
    done: Done
