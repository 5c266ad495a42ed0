import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import httpx2
import pytest
from openai.types import Batch
from openai_kit import FROZEN, Running, batch_request, client_of, jsonl, serving, write_scenario

from scoring_pipeline.sandbox.openai_fault_rules import RowKind
from scoring_pipeline.sandbox.openai_options import SandboxOptions
from scoring_pipeline.sandbox.process import (
    SandboxError,
    SandboxHandle,
    ensure_running,
    main,
    run_server,
    stop_running,
)

pytestmark = pytest.mark.slow

_STILL = SandboxOptions(speed=FROZEN, batch_seconds=100, chunk_requests=50)


def _endpoint(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "endpoint.json").read_text())
    return found


def _kill(folder: Path) -> None:
    """Kill -9 the folder's server and wait until its port is closed."""
    endpoint = _endpoint(folder)
    os.kill(endpoint["pid"], signal.SIGKILL)
    _until(lambda: not _listens(endpoint["port"]))


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(1000):
        if condition():
            return
        pause.wait(0.02)
    pytest.fail("it did not happen within 20 s")


def _running(handle: SandboxHandle) -> Running:
    return Running(handle.base_url, client_of(handle.base_url))


def test_a_server_is_started_once_and_found_again(tmp_path: Path) -> None:
    first = ensure_running(tmp_path, _STILL)
    try:
        second = ensure_running(tmp_path)
        assert (first.started_here, second.started_here) == (True, False)
        assert first.base_url == second.base_url == f"http://127.0.0.1:{_endpoint(tmp_path)['port']}"
        second.stop()
        assert ensure_running(tmp_path).base_url == first.base_url
    finally:
        first.stop()
    assert not _listens(_endpoint(tmp_path)["port"])
    assert (tmp_path / "sandbox.log").exists()


def test_killed_in_the_middle_of_a_batch_it_goes_on_where_it_was_and_answers_nothing_twice(tmp_path: Path) -> None:
    handle = ensure_running(tmp_path, _STILL)
    sandbox = _running(handle)
    batch = sandbox.submit([batch_request(number) for number in range(3000)])
    _kill_while_answering(sandbox, batch.id, tmp_path, 3000, seconds=79)
    again = ensure_running(tmp_path, _STILL)
    try:
        assert again.base_url == handle.base_url
        assert [each.id for each in sandbox.client.batches.list()] == [batch.id]
        sandbox.advance(100)
        done = sandbox.again(batch)
        assert done.status == "completed"
        ids = [row["custom_id"] for row in sandbox.content(done.output_file_id)]
        assert sorted(ids) == sorted(f"r-{number}" for number in range(3000))
        journal = sandbox.journal()
        assert journal["requests"]["received"] == journal["requests"]["processed"] == 3000
        assert journal["bodies"]["surplus_answers"] == journal["custom_ids"]["answered_more_than_once"] == 0
        assert done.usage is not None
        assert done.usage.input_tokens == journal["billed"]["models"]["gpt-6-luna"]["prompt_tokens"]
    finally:
        again.stop()


_EVERY_ROW_FAULT = [{"kind": kind, "share": 0.06} for kind in get_args(RowKind)]
_SLOW_CANCEL = {"kind": "slow_cancel", "every": 1, "seconds": 500, "keeps_answering": True, "names_unreached": True}


@pytest.mark.parametrize(
    ("rules", "cancelled"),
    [
        pytest.param([], False, id="a batch that completes"),
        pytest.param([{"kind": "expire", "every": 1, "answered_share": 0.9}], False, id="a batch that expires"),
        pytest.param([_SLOW_CANCEL], True, id="a batch that is cancelled and goes on answering"),
    ],
)
def test_killed_under_faults_it_answers_and_bills_what_it_would_have_without(
    tmp_path: Path, rules: list[dict[str, Any]], *, cancelled: bool
) -> None:
    scenario = write_scenario(tmp_path, rows=_EVERY_ROW_FAULT, batches=rules)
    options = _STILL.model_copy(update={"scenario": scenario})
    requests = [batch_request(number) for number in range(800)]
    with serving(tmp_path / "undisturbed", **options.model_dump()) as sandbox:
        batch = sandbox.submit(requests)
        sandbox.advance(50)
        undisturbed = _ended(sandbox, batch, cancelled=cancelled)
    sandbox = _running(ensure_running(tmp_path / "killed", options))
    batch = sandbox.submit(requests)
    _kill_while_answering(sandbox, batch.id, tmp_path / "killed", 800, seconds=50)
    again = ensure_running(tmp_path / "killed", options)
    try:
        assert _ended(sandbox, batch, cancelled=cancelled) == undisturbed
    finally:
        again.stop()
    assert undisturbed["journal"]["requests"]["answered"] > 100


def _ended(sandbox: Running, batch: Batch, *, cancelled: bool) -> dict[str, Any]:
    """What there is to know of the batch when it has ended, ids and times apart."""
    if cancelled:
        sandbox.client.batches.cancel(batch.id)
    sandbox.advance(90_000)
    done, journal = sandbox.results(batch), sandbox.journal()
    files = [_ids(content) for content in (done.output_bytes, done.error_bytes)]
    return {"status": done.batch.status, "counts": done.counts, "files": files, "journal": journal}


def _ids(content: bytes) -> Counter[bytes]:
    return Counter(b"".join(re.findall(rb'"custom_id":"([^"]+)"', line)) for line in content.splitlines())


def _kill_while_answering(sandbox: Running, batch_id: str, folder: Path, total: int, *, seconds: float) -> None:
    def answer() -> None:
        with suppress(httpx2.HTTPError):
            sandbox.advance(seconds)

    answering = threading.Thread(target=answer)
    answering.start()
    while True:
        counts = sandbox.client.batches.retrieve(batch_id).request_counts
        assert counts is not None
        if counts.completed > 0:
            break
    _kill(folder)
    answering.join()
    assert counts.completed < total


def test_killed_after_an_upload_it_still_has_the_file(tmp_path: Path) -> None:
    sandbox = _running(ensure_running(tmp_path, _STILL))
    file_id = sandbox.upload(jsonl([batch_request(1)]))
    _kill(tmp_path)
    again = ensure_running(tmp_path, _STILL)
    try:
        assert sandbox.client.files.content(file_id).content == jsonl([batch_request(1)])
    finally:
        again.stop()


def test_a_port_that_something_else_has_is_a_clear_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        _answer_as_another_server(other)
        (tmp_path / "endpoint.json").write_text(json.dumps({"port": port, "pid": 1, "started_at": ""}))
        with pytest.raises(SandboxError, match=rf"port {port}, recorded in .*endpoint.json, cannot be used"):
            ensure_running(tmp_path)


def _answer_as_another_server(listener: socket.socket) -> None:
    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
                connection.close()

    threading.Thread(target=serve, daemon=True).start()


def test_a_sandbox_of_another_folder_on_the_recorded_port_is_not_taken_for_this_one_s(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    first = ensure_running(one, _STILL)
    try:
        two.mkdir()
        (two / "endpoint.json").write_text((one / "endpoint.json").read_text())
        with pytest.raises(SandboxError, match="something that is not this folder's sandbox"):
            ensure_running(two)
    finally:
        first.stop()


def test_two_servers_on_one_folder_are_impossible(tmp_path: Path) -> None:
    first = ensure_running(tmp_path, _STILL)
    try:
        with pytest.raises(SandboxError, match="already running"):
            run_server(tmp_path, 0)
    finally:
        first.stop()


def test_only_loopback_is_served(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="loopback only"):
        run_server(tmp_path, host="0.0.0.0")


def test_the_child_ends_when_its_parent_dies(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from scoring_pipeline.sandbox.process import ensure_running; "
        "ensure_running(Path(sys.argv[1])); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    _until(lambda: not _listens(_endpoint(tmp_path)["port"]))


def test_a_server_that_outlives_its_parent_can_be_stopped_by_folder(tmp_path: Path) -> None:
    ensure_running(tmp_path, _STILL, exit_with_parent=False)
    assert stop_running(tmp_path)
    assert not stop_running(tmp_path)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    options = SandboxOptions(scenario=tmp_path / "absent.yaml")
    with pytest.raises(SandboxError, match=r"absent\.yaml: cannot be read"):
        ensure_running(tmp_path, options)


def test_the_command_line_refuses_options_that_do_not_exist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--folder", str(tmp_path), "--options", '{"sped": 2}']) == 1
    assert "sped" in capsys.readouterr().err


def test_an_endpoint_file_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path) -> None:
    (tmp_path / "endpoint.json").write_text("{")
    with pytest.raises(SandboxError, match=r"endpoint\.json is not valid JSON"):
        ensure_running(tmp_path)
