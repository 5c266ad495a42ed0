import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import APIStatusError, BadRequestError, ConflictError, InternalServerError, NotFoundError
from openai.types import Batch
from openai.types.chat import ChatCompletion
from openai_kit import ENDPOINT, Running, batch_request, jsonl, serving


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Running]:
    with serving(tmp_path) as running:
        yield running


def _requests(count: int) -> list[dict[str, Any]]:
    return [batch_request(number) for number in range(count)]


def test_a_batch_goes_through_its_states_by_the_clock_and_stamps_each(sandbox: Running) -> None:
    batch = sandbox.submit(_requests(40), metadata={"run": "a"})
    seen = [batch]
    for seconds in (30, 30, 25, 20):
        sandbox.advance(seconds)
        seen.append(sandbox.again(batch))
    assert [each.status for each in seen] == ["validating", "in_progress", "in_progress", "finalizing", "completed"]
    counts = [(each.request_counts.total, each.request_counts.completed) for each in seen if each.request_counts]
    assert counts == [(0, 0), (40, 0), (40, 26), (40, 40), (40, 40)]
    done = seen[-1]
    assert done.expires_at == done.created_at + 86_400
    stamps = (done.created_at, done.in_progress_at, done.finalizing_at, done.completed_at)
    assert [stamp - done.created_at for stamp in stamps if stamp is not None] == [0, 20, 80, 100]
    assert (done.failed_at, done.expired_at, done.cancelled_at, done.errors) == (None, None, None, None)
    assert done.metadata == {"run": "a"}
    assert done.model == "gpt-6-luna"


def test_every_request_is_answered_once_and_out_of_order(sandbox: Running) -> None:
    batch = sandbox.submit(_requests(60))
    sandbox.advance(100)
    done = sandbox.again(batch)
    rows = sandbox.content(done.output_file_id)
    ids = [row["custom_id"] for row in rows]
    assert sorted(ids) == sorted(f"r-{number}" for number in range(60))
    assert ids != [f"r-{number}" for number in range(60)]
    assert done.error_file_id is None
    usages = []
    for row in rows:
        assert set(row) == {"id", "custom_id", "response", "error"}
        assert row["error"] is None
        assert row["response"]["status_code"] == 200
        usages.append(ChatCompletion.model_validate(row["response"]["body"], strict=True).usage)
    assert done.usage is not None
    assert done.usage.input_tokens == sum(usage.prompt_tokens for usage in usages if usage)
    assert done.usage.output_tokens == sum(usage.completion_tokens for usage in usages if usage)


def test_the_batch_object_is_valid_for_the_client_in_strict_mode(sandbox: Running) -> None:
    batch = sandbox.submit(_requests(3))
    sandbox.advance(100)
    with httpx2.Client(trust_env=False, headers={"authorization": "Bearer x"}) as client:
        raw = client.get(f"{sandbox.url}/v1/batches/{batch.id}")
    Batch.model_validate_json(raw.content, strict=True)
    assert raw.headers["x-request-id"].startswith("req_")


def test_a_batch_completes_by_itself_in_real_time(tmp_path: Path) -> None:
    with serving(tmp_path, speed=1, batch_seconds=0.2) as sandbox:
        batch = sandbox.submit(_requests(5))
        while batch.status != "completed":
            assert batch.status in ("validating", "in_progress", "finalizing")
            batch = sandbox.again(batch)
        assert len(sandbox.content(batch.output_file_id)) == 5


def test_the_list_is_newest_first_and_pages_by_the_last_id(sandbox: Running) -> None:
    file_id = sandbox.upload(jsonl(_requests(1)))
    made = [sandbox.create(file_id).id for _ in range(5)]
    page = sandbox.client.batches.list(limit=2)
    assert [batch.id for batch in page.data] == made[:2:-1]
    assert page.has_more
    assert [batch.id for batch in sandbox.client.batches.list(limit=2)] == made[::-1]


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        pytest.param({"endpoint": None}, "endpoint", "missing_required_parameter", id="no endpoint"),
        pytest.param({"endpoint": "/v1/x"}, "endpoint", "invalid_value", id="an endpoint that is not served"),
        pytest.param({"completion_window": "1h"}, "completion_window", "invalid_value", id="a window other than 24h"),
        pytest.param({"metadata": {"tags": ["a"]}}, "metadata.tags", "invalid_type", id="metadata that is no text"),
        pytest.param(
            {"metadata": {str(number): "x" for number in range(17)}},
            "metadata",
            "object_above_max_properties",
            id="more than 16 pairs of metadata",
        ),
        pytest.param(
            {"output_expires_after": {"anchor": "created_at", "seconds": 60}},
            "output_expires_after.seconds",
            "invalid_value",
            id="result files that expire too soon",
        ),
    ],
)
def test_a_create_call_is_refused_at_once(sandbox: Running, changes: dict[str, Any], param: str, code: str) -> None:
    file_id = sandbox.upload(jsonl(_requests(1)))
    with pytest.raises(BadRequestError) as caught:
        sandbox.create(file_id, **changes)
    assert (caught.value.type, caught.value.param, caught.value.code) == ("invalid_request_error", param, code)
    assert sandbox.client.batches.list().data == []


def test_a_cancelled_batch_keeps_the_answers_it_had(sandbox: Running) -> None:
    batch = sandbox.submit(_requests(40))
    sandbox.advance(50)
    cancelling = sandbox.client.batches.cancel(batch.id)
    assert cancelling.status == "cancelling"
    sandbox.advance(20)
    cancelled = sandbox.again(batch)
    assert cancelled.status == "cancelled"
    assert cancelled.request_counts is not None
    assert cancelled.request_counts.completed == len(sandbox.content(cancelled.output_file_id)) == 20
    assert sandbox.client.batches.cancel(batch.id).status == "cancelled"
    assert sandbox.journal()["requests"]["answered"] == 20


def test_a_completed_batch_cannot_be_cancelled(sandbox: Running) -> None:
    batch = sandbox.submit(_requests(1))
    sandbox.advance(100)
    with pytest.raises(ConflictError, match=r"Cannot cancel a batch with status 'completed'\."):
        sandbox.client.batches.cancel(batch.id)


def test_an_unknown_batch_is_not_found(sandbox: Running) -> None:
    with pytest.raises(NotFoundError, match="No batch found"):
        sandbox.client.batches.retrieve("batch_unknown")


def test_a_batch_that_is_too_slow_expires_with_part_of_its_answers(tmp_path: Path) -> None:
    with serving(tmp_path, batch_seconds=200_000) as sandbox:
        batch = sandbox.submit(_requests(50))
        sandbox.advance(86_400)
        expired = sandbox.again(batch)
        assert expired.status == "expired"
        assert expired.expired_at == expired.expires_at == expired.created_at + 86_400
        answered = math.floor(50 * (86_400 - 40_000) / 120_000)
        assert len(sandbox.content(expired.output_file_id)) == answered
        unreached = sandbox.content(expired.error_file_id)
        assert len(unreached) == 50 - answered
        assert {row["error"]["code"] for row in unreached} == {"batch_expired"}
        assert expired.request_counts is not None
        assert (expired.request_counts.completed, expired.request_counts.failed) == (answered, 0)


def test_a_leap_of_the_clock_changes_nothing_in_a_batch_s_history(sandbox: Running) -> None:
    batch = sandbox.submit(_requests(10))
    sandbox.advance(90_000)
    done = sandbox.again(batch)
    assert (done.status, done.completed_at) == ("completed", done.created_at + 100)


def test_a_batch_whose_rows_all_fail_is_completed_without_an_output_file(sandbox: Running) -> None:
    batch = sandbox.submit([_with_max_tokens(request) for request in _requests(4)])
    sandbox.advance(100)
    done = sandbox.again(batch)
    assert (done.status, done.output_file_id) == ("completed", None)
    assert done.request_counts is not None
    assert (done.request_counts.completed, done.request_counts.failed, done.request_counts.total) == (0, 4, 4)
    rows = sandbox.content(done.error_file_id)
    assert {row["response"]["body"]["error"]["code"] for row in rows} == {"unsupported_parameter"}
    assert all(row["error"] is None for row in rows)
    assert sandbox.journal()["billed"]["usd"] == "0.000000000"


def _with_max_tokens(request: dict[str, Any]) -> dict[str, Any]:
    return request | {"body": request["body"] | {"max_tokens": 5}}


def test_the_same_requests_get_the_same_answers_in_another_sandbox(tmp_path: Path) -> None:
    answers = []
    for name in ("one", "two"):
        with serving(tmp_path / name) as sandbox:
            batch = sandbox.submit(_requests(8))
            sandbox.advance(100)
            rows = sandbox.content(sandbox.again(batch).output_file_id)
            answers.append({row["custom_id"]: row["response"]["body"]["choices"] for row in rows})
    assert answers[0] == answers[1]


def test_a_result_file_lives_as_long_as_the_create_call_says(sandbox: Running) -> None:
    batch = sandbox.submit(_requests(1), output_expires_after={"anchor": "created_at", "seconds": 3600})
    sandbox.advance(100)
    file_id = sandbox.again(batch).output_file_id
    assert file_id is not None
    sandbox.advance(3600)
    with pytest.raises(NotFoundError):
        sandbox.client.files.content(file_id)


def test_embeddings_are_served_in_batches_too(sandbox: Running) -> None:
    body = {"model": "text-embedding-3-small", "input": ["a", "b"], "dimensions": 8}
    request = {"custom_id": "e", "method": "POST", "url": "/v1/embeddings", "body": body}
    batch = sandbox.submit([request], endpoint="/v1/embeddings")
    sandbox.advance(100)
    (row,) = sandbox.content(sandbox.again(batch).output_file_id)
    assert [len(item["embedding"]) for item in row["response"]["body"]["data"]] == [8, 8]


def test_without_a_key_nothing_is_answered(sandbox: Running) -> None:
    with httpx2.Client(trust_env=False) as client:
        response = client.get(f"{sandbox.url}/v1/batches")
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "invalid_api_key"


def test_every_error_has_the_envelope_with_four_keys_and_a_request_id(sandbox: Running) -> None:
    with httpx2.Client(trust_env=False, headers={"authorization": "Bearer x"}) as client:
        for response in (client.get(f"{sandbox.url}/v1/nothing"), client.post(f"{sandbox.url}{ENDPOINT}", content="{")):
            assert set(response.json()["error"]) == {"message", "type", "param", "code"}
            assert response.headers["x-request-id"]


def test_the_clock_refuses_to_go_back(sandbox: Running) -> None:
    with httpx2.Client(trust_env=False) as client:
        response = client.post(f"{sandbox.url}/sandbox/clock", json={"advance_seconds": -1})
    assert response.status_code == 400
    assert "advance_seconds" in response.json()["error"]["message"]


def test_errors_reach_the_client_as_its_own_classes(sandbox: Running) -> None:
    with pytest.raises(APIStatusError) as caught:
        sandbox.client.batches.list(limit=101)
    assert caught.value.request_id


def test_a_sandbox_that_lost_its_files_says_that_it_is_not_well(tmp_path: Path) -> None:
    with serving(tmp_path, speed=1, batch_seconds=0.1) as sandbox, httpx2.Client(trust_env=False) as client:
        assert client.get(f"{sandbox.url}/sandbox/health").json()["status"] == "ok"
        file_id = sandbox.upload(jsonl(_requests(1)))
        (tmp_path / "files" / file_id).unlink()
        sandbox.create(file_id)
        while (health := client.get(f"{sandbox.url}/sandbox/health")).status_code == 200:
            pass
        assert "FileNotFoundError" in health.json()["status"]
        with pytest.raises(InternalServerError):
            sandbox.client.batches.list()
