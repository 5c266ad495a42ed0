"""Faults of single calls, through the client: refusals, pages of proxies, replies and contents that break off."""

import time
from collections.abc import Callable
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    InternalServerError,
    NotFoundError,
    OpenAI,
    RateLimitError,
)
from openai_kit import Running, batch_request, chat_body, faulty, jsonl

_ONCE = {"numbers": [1]}


def _file(sandbox: Running) -> str:
    return sandbox.upload(jsonl([batch_request(1)]))


def _counted(sandbox: Running) -> int:
    """Batches created, by the journal."""
    return sum(sandbox.journal()["batches"].values())


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        pytest.param("lost_reply", APIConnectionError, id="the connection is closed before the reply"),
        pytest.param("error_after_commit", InternalServerError, id="a 500 for what was done"),
    ],
)
def test_a_create_call_can_fail_after_the_batch_was_created(tmp_path: Path, kind: str, error: type[Exception]) -> None:
    with faulty(tmp_path, creates=[{"kind": kind, **_ONCE}]) as sandbox:
        file_id = _file(sandbox)
        with pytest.raises(error):
            sandbox.create(file_id, metadata={"key": "k"})
        (batch,) = sandbox.client.batches.list().data
        assert batch.metadata == {"key": "k"}
        sandbox.advance(100)
        assert sandbox.again(batch).status == "completed"
        assert sandbox.journal()["faults"]["calls"] == {kind: 1}


def test_a_create_call_can_be_answered_with_a_page_after_the_batch_was_created(tmp_path: Path) -> None:
    with faulty(tmp_path, creates=[{"kind": "html_after_commit", **_ONCE}]) as sandbox:
        said: Any = sandbox.create(_file(sandbox))
        assert isinstance(said, str)
        assert said.startswith("<html>")
        assert len(sandbox.client.batches.list().data) == 1


def test_a_create_call_can_be_answered_with_a_page_and_nothing_was_created(tmp_path: Path) -> None:
    with faulty(tmp_path, creates=[{"kind": "html_200", **_ONCE}]) as sandbox:
        said: Any = sandbox.create(_file(sandbox))
        assert isinstance(said, str)
        assert sandbox.client.batches.list().data == []


def test_a_create_call_can_reply_after_the_client_has_given_up_and_was_done(tmp_path: Path) -> None:
    with faulty(tmp_path, creates=[{"kind": "slow_reply", **_ONCE, "seconds": 600}]) as sandbox:
        file_id = _file(sandbox)
        with pytest.raises(APITimeoutError):
            sandbox.client.with_options(timeout=0.2).batches.create(
                input_file_id=file_id, endpoint="/v1/chat/completions", completion_window="24h"
            )
        assert len(sandbox.client.batches.list().data) == 1


def test_a_client_that_retries_a_lost_create_buys_the_batch_twice(tmp_path: Path) -> None:
    with faulty(tmp_path, creates=[{"kind": "error_after_commit", **_ONCE}]) as sandbox:
        file_id = _file(sandbox)
        sandbox.client.with_options(max_retries=1).batches.create(
            input_file_id=file_id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        sandbox.advance(100)
        journal = sandbox.journal()
    assert journal["batches"] == {"completed": 2}
    assert journal["requests"]["answered"] == 2
    assert journal["custom_ids"]["answered_more_than_once"] == journal["bodies"]["surplus_answers"] == 1


def test_a_create_call_can_be_refused_because_its_file_cannot_be_found(tmp_path: Path) -> None:
    with faulty(tmp_path, creates=[{"kind": "cannot_find_file", **_ONCE}]) as sandbox:
        file_id = _file(sandbox)
        with pytest.raises(BadRequestError) as caught:
            sandbox.create(file_id)
        assert (caught.value.param, caught.value.type) == ("file_id", "invalid_request_error")
        assert f"Cannot find file {file_id}, or project proj_sandbox" in caught.value.message
        assert sandbox.create(file_id).status == "validating"
        assert _counted(sandbox) == 1


def _refused(sandbox: Running) -> RateLimitError:
    with pytest.raises(RateLimitError) as caught:
        sandbox.create("file-any")
    return caught.value


def test_a_429_can_say_in_milliseconds_how_long_to_wait(tmp_path: Path) -> None:
    rule = {"kind": "rate_limited", **_ONCE, "retry_after": 1234.5, "form": "milliseconds"}
    with faulty(tmp_path, creates=[rule]) as sandbox:
        headers = _refused(sandbox).response.headers
    assert (headers["retry-after-ms"], headers.get("retry-after")) == ("1234500", None)


def test_a_429_can_name_the_date_to_wait_for(tmp_path: Path) -> None:
    rule = {"kind": "rate_limited", **_ONCE, "retry_after": 3600, "form": "http_date"}
    begun = time.time()
    with faulty(tmp_path, creates=[rule]) as sandbox:
        named = _refused(sandbox).response.headers["retry-after"]
    assert named.endswith(" GMT")
    assert int(begun) <= parsedate_to_datetime(named).timestamp() - 3600 <= time.time()


def test_a_429_can_say_nothing_of_waiting(tmp_path: Path) -> None:
    with faulty(tmp_path, creates=[{"kind": "rate_limited", **_ONCE, "retry_after": None}]) as sandbox:
        assert "retry-after" not in _refused(sandbox).response.headers


@pytest.mark.parametrize(
    ("kind", "should_retry", "calls"),
    [
        pytest.param("rate_limited", False, 1, id="told not to, the client does not retry"),
        pytest.param("rate_limited", None, 3, id="by itself it retries twice"),
        pytest.param("insufficient_quota", False, 1, id="no money, and told not to"),
        pytest.param("insufficient_quota", None, 3, id="no money, and it tries all the same"),
    ],
)
def test_x_should_retry_decides_whether_the_client_tries_again(
    tmp_path: Path, kind: str, should_retry: bool | None, calls: int
) -> None:
    rule = {"kind": kind, "every": 1, "should_retry": should_retry}
    if kind == "rate_limited":
        rule["retry_after"] = 0.001
    with faulty(tmp_path, creates=[rule]) as sandbox:
        retrying = replace(sandbox, client=sandbox.client.with_options(max_retries=2))
        with pytest.raises(RateLimitError) as caught:
            retrying.create("file-any")
        assert sandbox.journal()["counters"]["batch_create_calls"] == calls
    assert caught.value.code == ("insufficient_quota" if kind == "insufficient_quota" else "rate_limit_exceeded")


_CALLS: list[Any] = [
    pytest.param(operation, call, id=f"a call of {operation}")
    for operation, call in (
        ("upload_file", _file),
        ("list_files", lambda sandbox: sandbox.client.files.list()),
        ("retrieve_file", lambda sandbox: sandbox.client.files.retrieve("f")),
        ("delete_file", lambda sandbox: sandbox.client.files.delete("f")),
        ("file_content", lambda sandbox: sandbox.client.files.content("f")),
        ("create_batch", lambda sandbox: sandbox.create("f")),
        ("list_batches", lambda sandbox: sandbox.client.batches.list()),
        ("retrieve_batch", lambda sandbox: sandbox.client.batches.retrieve("b")),
        ("cancel_batch", lambda sandbox: sandbox.client.batches.cancel("b")),
        ("chat", lambda sandbox: sandbox.client.chat.completions.create(**chat_body())),
        ("embeddings", lambda sandbox: sandbox.client.embeddings.create(model="text-embedding-3-small", input="a")),
        ("list_models", lambda sandbox: sandbox.client.models.list()),
        ("retrieve_model", lambda sandbox: sandbox.client.models.retrieve("gpt-6-luna")),
    )
]


@pytest.mark.parametrize(("operation", "call"), _CALLS)
def test_a_key_can_cease_to_be_good_at_any_moment(
    tmp_path: Path, operation: str, call: Callable[[Running], Any]
) -> None:
    with faulty(tmp_path, calls=[{"kind": "unauthorized", **_ONCE, "operations": [operation]}]) as sandbox:
        with pytest.raises(AuthenticationError) as caught:
            call(sandbox)
        assert (caught.value.status_code, caught.value.code) == (401, "invalid_api_key")
        try:
            call(sandbox)
        except NotFoundError:
            assert operation.startswith(("retrieve", "delete", "file", "cancel"))
        assert sandbox.journal()["faults"]["calls"] == {"unauthorized": 1}


@pytest.mark.parametrize(
    ("rule", "status", "said"),
    [
        pytest.param({"kind": "bad_gateway"}, 502, "502 Bad Gateway", id="a proxy that cannot reach the API"),
        pytest.param({"kind": "server_error"}, 500, "The server had an error", id="an accident at the provider"),
        pytest.param({"kind": "server_error", "status": 503}, 503, "overloaded", id="too much to do"),
        pytest.param({"kind": "error_after_commit", "status": 504}, 504, "The server had", id="a gateway's time-out"),
    ],
)
def test_a_poll_can_fail_and_the_next_one_works(tmp_path: Path, rule: dict[str, Any], status: int, said: str) -> None:
    with faulty(tmp_path, calls=[{**rule, **_ONCE, "operations": ["list_batches"]}]) as sandbox:
        with pytest.raises(InternalServerError) as caught:
            sandbox.client.batches.list()
        assert caught.value.status_code == status
        assert said in str(caught.value.body)
        assert sandbox.client.batches.list().data == []


def test_a_page_of_a_proxy_is_html_with_a_request_id_and_no_envelope(tmp_path: Path) -> None:
    with faulty(tmp_path, calls=[{"kind": "bad_gateway", "every": 1}]) as sandbox:
        with pytest.raises(InternalServerError) as caught:
            sandbox.client.models.list()
        response = caught.value.response
    assert response.headers["content-type"].startswith("text/html")
    assert isinstance(caught.value.body, str)


def test_a_connection_can_be_closed_before_anything_was_done(tmp_path: Path) -> None:
    with faulty(
        tmp_path, calls=[{"kind": "no_reply", **_ONCE, "operations": ["create_batch", "upload_file"]}]
    ) as sandbox:
        with pytest.raises(APIConnectionError):
            _file(sandbox)
        assert sandbox.client.files.list().data == []
        file_id = _file(sandbox)
        with pytest.raises(APIConnectionError):
            sandbox.create(file_id)
        assert _counted(sandbox) == 0


def test_the_reply_to_an_upload_can_be_lost_and_the_file_is_there(tmp_path: Path) -> None:
    with faulty(tmp_path, calls=[{"kind": "lost_reply", **_ONCE, "operations": ["upload_file"]}]) as sandbox:
        with pytest.raises(APIConnectionError):
            _file(sandbox)
        (file,) = sandbox.client.files.list().data
        assert sandbox.create(file.id).status == "validating"


def test_an_upload_can_be_too_large_for_a_proxy(tmp_path: Path) -> None:
    with faulty(tmp_path, calls=[{"kind": "payload_too_large", **_ONCE}]) as sandbox:
        with pytest.raises(APIStatusError) as caught:
            sandbox.upload(jsonl([batch_request(number) for number in range(2000)]))
        assert caught.value.status_code == 413
        assert sandbox.client.files.list().data == []


def test_the_reply_to_a_cancel_can_be_lost_and_the_batch_is_cancelled(tmp_path: Path) -> None:
    with faulty(tmp_path, calls=[{"kind": "error_after_commit", **_ONCE, "operations": ["cancel_batch"]}]) as sandbox:
        batch = sandbox.submit([batch_request(1)])
        with pytest.raises(InternalServerError):
            sandbox.client.batches.cancel(batch.id)
        assert sandbox.again(batch).status == "cancelling"


def test_a_synchronous_answer_can_be_lost_and_is_billed(tmp_path: Path) -> None:
    rule = {"kind": "lost_reply", **_ONCE, "operations": ["chat"], "models": ["gpt-6-luna"]}
    with faulty(tmp_path, calls=[rule]) as sandbox:
        with pytest.raises(APIConnectionError):
            sandbox.client.chat.completions.create(**chat_body())
        assert sandbox.journal()["requests"]["answered"] == 1


def test_creates_are_chosen_by_the_model_of_their_file(tmp_path: Path) -> None:
    rule = {"kind": "server_error", "every": 1, "models": ["gpt-6-sol"]}
    with faulty(tmp_path, creates=[rule]) as sandbox:
        sandbox.submit([batch_request(1)])
        with pytest.raises(InternalServerError):
            sandbox.submit([batch_request(1, body=chat_body(model="gpt-6-sol"))])
        sandbox.create("file-unknown")


def test_calls_are_chosen_by_a_share_that_is_the_same_every_time(tmp_path: Path) -> None:
    def failing(name: str) -> list[int]:
        (tmp_path / name).mkdir()
        rule = {"kind": "server_error", "share": 0.3, "operations": ["list_models"]}
        with faulty(tmp_path / name, calls=[rule]) as sandbox:
            return [number for number in range(40) if not _succeeds(sandbox.client)]

    assert 3 <= len(failing("one")) <= 25
    assert failing("two") == failing("three")


def _succeeds(client: OpenAI) -> bool:
    try:
        client.models.list()
    except InternalServerError:
        return False
    return True


def _with_results(sandbox: Running, count: int = 50) -> str:
    batch = sandbox.submit([batch_request(number) for number in range(count)])
    sandbox.advance(100)
    file_id = sandbox.again(batch).output_file_id
    assert file_id is not None
    return file_id


@pytest.mark.parametrize(
    "transfer",
    [
        pytest.param("length", id="the whole length was promised"),
        pytest.param("chunked", id="the chunks have no end"),
    ],
)
@pytest.mark.parametrize(
    "share", [pytest.param(0.0, id="no byte"), *(pytest.param(s, id=f"{s}") for s in (0.3, 0.999))]
)
def test_a_content_can_break_off_within_a_line_and_is_whole_the_next_time(
    tmp_path: Path, transfer: str, share: float
) -> None:
    rule = {"kind": "cut_content", "numbers": [1, 2], "transfer": transfer, "sent_share": share}
    with faulty(tmp_path, calls=[rule]) as sandbox:
        file_id = _with_results(sandbox)
        with pytest.raises(APIConnectionError):
            sandbox.client.files.content(file_id)
        got = _read_until_it_breaks(sandbox, file_id)
        whole = sandbox.client.files.content(file_id).content
    assert whole.startswith(got)
    assert len(got) == pytest.approx(len(whole) * share, abs=2)
    assert not got.endswith(b"\n")
    assert whole[len(got) : len(got) + 1] != b"\n"
    assert whole.count(b"\n") == 50


def _read_until_it_breaks(sandbox: Running, file_id: str) -> bytes:
    got: list[bytes] = []
    url = f"{sandbox.url}/v1/files/{file_id}/content"
    headers = {"authorization": "Bearer any"}
    with httpx2.Client(trust_env=False, headers=headers) as client, client.stream("GET", url) as response:
        assert response.status_code == 200
        with pytest.raises(httpx2.RemoteProtocolError):
            got.extend(response.iter_raw())
    return b"".join(got)


@pytest.mark.parametrize("lines", [pytest.param(1, id="one line"), pytest.param(2, id="two lines")])
def test_a_small_content_is_cut_within_a_line_wherever_the_share_falls(tmp_path: Path, lines: int) -> None:
    shares = [number / 23 for number in range(1, 23)]
    rules = [
        {"kind": "cut_content", "numbers": [number], "sent_share": share}
        for number, share in enumerate(shares, start=1)
    ]
    with faulty(tmp_path, calls=rules) as sandbox:
        file_id = sandbox.upload(b'{"n": 1234}\n' * lines)
        got = [_read_until_it_breaks(sandbox, file_id) for _ in shares]
    whole = b'{"n": 1234}\n' * lines
    for each in got:
        assert whole.startswith(each)
        assert not each.endswith((b"\n", b"}"))


def test_a_slow_content_arrives_in_pieces_and_whole(tmp_path: Path) -> None:
    rule = {"kind": "slow_content", **_ONCE, "pieces": 20, "pause_seconds": 0}
    with faulty(tmp_path, calls=[rule]) as sandbox:
        file_id = _with_results(sandbox)
        slow = sandbox.client.files.content(file_id).content
        assert slow == sandbox.client.files.content(file_id).content


def test_a_slow_content_can_be_slower_than_a_client_waits(tmp_path: Path) -> None:
    rule = {"kind": "slow_content", **_ONCE, "pieces": 2, "pause_seconds": 600}
    with faulty(tmp_path, calls=[rule]) as sandbox:
        file_id = _with_results(sandbox)
        with pytest.raises((APITimeoutError, httpx2.ReadTimeout)):
            sandbox.client.with_options(timeout=0.2).files.content(file_id)


def test_the_first_rule_that_applies_decides_and_creates_come_before_calls(tmp_path: Path) -> None:
    with faulty(
        tmp_path,
        creates=[{"kind": "unauthorized", "numbers": [1]}, {"kind": "server_error", "numbers": [1, 2]}],
        calls=[{"kind": "bad_gateway", "every": 1, "operations": ["create_batch"]}],
    ) as sandbox:
        found = []
        for _ in range(3):
            with pytest.raises(APIStatusError) as caught:
                sandbox.create("file-any")
            found.append(caught.value.status_code)
    assert found == [401, 500, 502]
