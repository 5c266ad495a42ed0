"""`run --sandbox` stays on loopback whatever the environment holds, and no exported key leaves the process.

Two proofs. Every Python process of a run, children included, is started with an audit hook that records and refuses
any look-up or connection that is not loopback. And where this machine lets us, the same command runs in a network
namespace that has a loopback device and nothing else, which holds for code that is not Python too.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from e2e_kit import Cli, new_cli, write_yaml

from scoring_pipeline.sandbox.process import ensure_running

pytestmark = pytest.mark.slow

KEY = "sk-exported-key-that-must-stay-here"
ELSEWHERE = "203.0.113.7"  # TEST-NET-3: nobody's

_GUARD = '''
"""Records every look-up, connection and child of this process, and refuses what is not loopback."""
import ipaddress, os, sys

_LOG = os.environ["E2E_NETWORK_LOG"]
_WATCHED = {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"}


def _note(*words):
    line = " ".join(str(word) for word in (os.getpid(), *words)) + "\\n"
    handle = os.open(_LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, line.encode())
    os.close(handle)


def _host(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        return arguments[0]
    address = arguments[1]
    return address[0] if isinstance(address, tuple) else None


def _is_loopback(host):
    text = host.decode() if isinstance(host, bytes) else host
    if text in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


def _watch(event, arguments):
    if event == "subprocess.Popen":
        _note("child", arguments[1][:4])
    if event in _WATCHED:
        host = _host(event, arguments)
        allowed = _is_loopback(host)
        _note("loopback" if allowed else "ELSEWHERE", event, host)
        if not allowed:
            raise PermissionError(f"the test allows loopback only, not {host!r}")


sys.addaudithook(_watch)
_note("start", sys.argv[:1])
'''


@dataclass
class Recorder:
    """A listener on loopback that remembers the bytes it was sent; with a target it passes everything on."""

    port: int
    connections: int = 0
    received: bytearray = field(default_factory=bytearray)


@contextmanager
def _recorder(target: int | None = None) -> Iterator[Recorder]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        recorder = Recorder(listener.getsockname()[1])

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    recorder.connections += 1
                    threading.Thread(target=_serve, args=(connection, target, recorder), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield recorder


def _serve(client: socket.socket, target: int | None, recorder: Recorder) -> None:
    if target is None:
        client.close()
        return
    server = socket.create_connection(("127.0.0.1", target))
    threading.Thread(target=_pump, args=(server, client, None), daemon=True).start()
    _pump(client, server, recorder)


def _pump(source: socket.socket, sink: socket.socket, recorder: Recorder | None) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            if recorder is not None:
                recorder.received += data
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _hostile(folder: Path, proxy: int) -> dict[str, str]:
    """Return an environment in which everything points somewhere else."""
    config = {"llm": {"providers": {"openai": {"base_url": f"http://{ELSEWHERE}/v1"}}}}
    address = f"http://127.0.0.1:{proxy}"
    return {
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": f"http://{ELSEWHERE}/v1",
        "OPENAI_ADMIN_KEY": KEY,
        "SCORING_CONFIG": str(write_yaml(folder / "elsewhere.yaml", config)),
        "SCORING_STORE_URL": f"mongodb://{ELSEWHERE}/elsewhere",
        "SCORING_LLM__PROVIDERS": json.dumps({"openai": {"base_url": f"http://{ELSEWHERE}/v1"}}),
        "SCORING_LLM__PROVIDERS__OPENAI__BASE_URL": f"http://{ELSEWHERE}/v1",
        "SCORING_LLM__PROVIDERS__OPENAI__SANDBOX": "false",
        "SCORING_ATS__GREENHOUSE__BASE_URL": f"http://{ELSEWHERE}",
        "SCORING_ATS__LEVER__BOARDS": '["elsewhere"]',
        "SCORING_BUDGET__DAILY_USD": "0.000001",
        "SCORING_DEPLOYMENT": "elsewhere",
        "SCORING_SANDBOX": "0",
        "DAGSTER_HOME": str(folder / "no-such-dagster-home"),
        **{name: address for upper in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY") for name in (upper, upper.lower())},
    }


def _guarded(folder: Path) -> tuple[dict[str, str], Path]:
    """Return what makes every Python process load the guard, and where it writes."""
    site = folder / "guard"
    site.mkdir()
    (site / "sitecustomize.py").write_text(_GUARD)
    log = folder / "network.log"
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {"PYTHONPATH": path, "E2E_NETWORK_LOG": str(log)}, log


class TestEveryProcessOfARun:
    @dataclass(frozen=True)
    class Watched:
        """What a run in a hostile environment did."""

        cli: Cli
        code: int
        said: str
        log: list[str]
        proxy: Recorder
        to_sandbox: bytes

    @pytest.fixture(scope="class")
    @staticmethod
    def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
        folder = tmp_path_factory.mktemp("hostile")
        cli = new_cli(folder)
        # The sandbox's recorded address is a recorder in front of it, so that every byte sent there is seen.
        handle = ensure_running(cli.sandbox)
        endpoint = cli.sandbox / "endpoint.json"
        found = json.loads(endpoint.read_text())
        guard, log = _guarded(folder)
        with _recorder() as proxy, _recorder(found["port"]) as front:
            endpoint.write_text(json.dumps(found | {"port": front.port}))
            done = cli.but(**_hostile(folder, proxy.port), **guard).run("run", "--sandbox")
            yield TestEveryProcessOfARun.Watched(
                cli, done.code, done.out + done.err, log.read_text().splitlines(), proxy, bytes(front.received)
            )
        handle.stop()

    def test_the_day_is_finished_in_the_sandbox(self, watched: Watched) -> None:
        assert watched.code == 0, watched.said
        assert watched.cli.journal()["requests"]["answered"] > 900
        assert not list(watched.cli.home.glob("*.db"))

    def test_no_other_host_is_looked_up_or_connected_to(self, watched: Watched) -> None:
        assert any(" loopback socket.connect " in line for line in watched.log)
        assert [line for line in watched.log if " ELSEWHERE " in line] == []

    def test_the_proxy_is_never_asked(self, watched: Watched) -> None:
        assert watched.proxy.connections == 0

    def test_the_exported_key_is_sent_nowhere_and_said_nowhere(self, watched: Watched) -> None:
        sent = watched.to_sandbox.lower()
        assert b"post /v1/batches" in sent
        assert sent.count(b"authorization:") == sent.count(b"authorization: bearer sandbox\r\n") > 0
        assert KEY.encode() not in watched.to_sandbox
        assert KEY not in watched.said

    def test_the_key_is_stored_nowhere(self, watched: Watched) -> None:
        files = [path for path in watched.cli.home.rglob("*") if path.is_file()]
        assert [path for path in files if KEY.encode() in path.read_bytes()] == []


def test_a_sandbox_that_a_run_starts_is_watched_and_stays_on_loopback_too(tmp_path: Path) -> None:
    cli = new_cli(tmp_path)
    guard, log = _guarded(tmp_path)
    with _recorder() as proxy:
        hostile = cli.but(**_hostile(tmp_path, proxy.port), **guard)
        hostile.ok("sandbox", "history", "--days", "5")
    lines = log.read_text().splitlines()
    started = {line.split(" ", 1)[0] for line in lines if " start " in line}
    assert len(started) >= 2, lines
    assert [line for line in lines if " ELSEWHERE " in line] == []
    assert proxy.connections == 0


_ONLY_LOOPBACK = """
import fcntl, os, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    request = struct.pack("16sh14x", b"lo", 0x1 | 0x40)  # IFF_UP | IFF_RUNNING
    fcntl.ioctl(any_socket, 0x8914, request)  # SIOCSIFFLAGS
os.execv(sys.argv[1], sys.argv[1:])
"""


def _namespace() -> list[str]:
    """Return the prefix that runs a command where there is a loopback device and nothing else."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("unshare is not installed: the audit hook alone proves it here")
    for flags in (["--net"], ["--map-root-user", "--net"]):
        prefix = [unshare, *flags, sys.executable, "-c", _ONLY_LOOPBACK]
        if (
            subprocess.run([*prefix, shutil.which("true") or "/bin/true"], capture_output=True, check=False).returncode
            == 0
        ):
            return prefix
    pytest.skip("this machine allows no network namespaces: the audit hook alone proves it here")


def test_a_day_is_finished_where_there_is_no_network_but_loopback(tmp_path: Path) -> None:
    prefix, cli = _namespace(), new_cli(tmp_path)
    probe = [*prefix, sys.executable, "-c", f"import socket; socket.create_connection(('{ELSEWHERE}', 80), 5)"]
    assert b"unreachable" in subprocess.run(probe, capture_output=True, check=False).stderr
    done = cli.but(**_hostile(tmp_path, 9)).run("run", "--sandbox", "--json", prefix=prefix)
    assert done.code == 0, done.err
    assert done.json["work"]["scored"] == done.json["work"]["total"] > 900
