"""The account's limits: batches an hour, and tokens enqueued for a model."""

from pathlib import Path
from typing import Any

import pytest
from openai import RateLimitError
from openai.types import Batch
from openai_kit import ENDPOINT, Running, batch_request, chat_body, faulty, jsonl


def _requests(count: int, **changes: Any) -> list[dict[str, Any]]:
    return [batch_request(number, **changes) for number in range(count)]


def _statuses(sandbox: Running, *batches: Batch) -> list[str]:
    return [sandbox.again(batch).status for batch in batches]


def test_more_batches_than_an_hour_allows_are_refused_until_the_hour_has_passed(tmp_path: Path) -> None:
    with faulty(tmp_path, limits={"creates_per_hour": 3}) as sandbox:
        file_id = sandbox.upload(jsonl(_requests(1)))
        sandbox.create(file_id)
        sandbox.advance(1800)
        for _ in range(2):
            sandbox.create(file_id)
        with pytest.raises(RateLimitError) as caught:
            sandbox.create(file_id)
        assert (caught.value.type, caught.value.code) == ("requests", "rate_limit_exceeded")
        assert len(sandbox.client.batches.list().data) == 3
        sandbox.advance(1800)
        assert sandbox.create(file_id).status == "validating"
        with pytest.raises(RateLimitError):
            sandbox.create(file_id)


def _tokens_of(folder: Path, count: int) -> int:
    """What so many requests take of the queue: what they are billed for their prompts."""
    folder.mkdir()
    with faulty(folder) as sandbox:
        sandbox.completed(count)
        found: int = sandbox.journal()["billed"]["models"]["gpt-6-luna"]["prompt_tokens"]
        return found


def test_a_batch_beyond_the_enqueued_tokens_fails_and_fits_once_another_has_ended(tmp_path: Path) -> None:
    limit = _tokens_of(tmp_path / "measured", 10)
    with faulty(tmp_path, limits={"enqueued_tokens": {"gpt-6-luna": limit}}) as sandbox:
        file_id = sandbox.upload(jsonl(_requests(10)))
        first, second = sandbox.create(file_id), sandbox.create(file_id)
        sandbox.advance(20)
        assert _statuses(sandbox, first, second) == ["in_progress", "failed"]
        failed = sandbox.again(second)
        assert failed.errors is not None
        assert failed.errors.data is not None
        (error,) = failed.errors.data
        assert (error.code, error.param, error.line) == ("token_limit_exceeded", None, None)
        assert error.message == (
            f"Enqueued token limit reached for gpt-6-luna in organization org-sandbox. Limit: {limit:,} enqueued "
            "tokens. Please try again once some in_progress batches have been completed."
        )
        sandbox.advance(80)
        third = sandbox.create(file_id)
        sandbox.advance(100)
        assert _statuses(sandbox, first, third) == ["completed", "completed"]
        journal = sandbox.journal()
    assert (journal["requests"]["received"], journal["requests"]["answered"]) == (20, 20)


def test_the_queue_of_one_model_leaves_others_alone(tmp_path: Path) -> None:
    with faulty(tmp_path, limits={"enqueued_tokens": {"gpt-6-luna": 1}}) as sandbox:
        luna = sandbox.submit(_requests(1))
        sol = sandbox.submit([batch_request(1, body=chat_body(model="gpt-6-sol"))])
        embedding = {"model": "text-embedding-3-small", "input": ["a", "b"]}
        request = {"custom_id": "e", "method": "POST", "url": "/v1/embeddings", "body": embedding}
        texts = sandbox.submit([request], endpoint="/v1/embeddings")
        sandbox.advance(100)
        assert _statuses(sandbox, luna, sol, texts) == ["failed", "completed", "completed"]


@pytest.mark.parametrize(
    ("steps", "fits"),
    [
        pytest.param((10.0, 95.0, 20.0), True, id="the clock goes in steps and the first has ended"),
        pytest.param((125.0,), True, id="the clock leaps over the end of the first and the start of the second"),
    ],
)
def test_whether_a_batch_fits_does_not_depend_on_how_the_clock_moves(
    tmp_path: Path, steps: tuple[float, ...], *, fits: bool
) -> None:
    limit = _tokens_of(tmp_path / "measured", 4)
    rule = {"kind": "validation_delay", "numbers": [2], "seconds": 110}
    with faulty(tmp_path, limits={"enqueued_tokens": {"gpt-6-luna": limit}}, batches=[rule]) as sandbox:
        first, second = (sandbox.submit(_requests(4)) for _ in range(2))
        for step in steps:
            sandbox.advance(step)
        assert _statuses(sandbox, first, second) == ["completed", "in_progress" if fits else "failed"]


def test_a_cancelled_batch_leaves_the_queue(tmp_path: Path) -> None:
    limit = _tokens_of(tmp_path / "measured", 4)
    with faulty(tmp_path, limits={"enqueued_tokens": {"gpt-6-luna": limit}}) as sandbox:
        first = sandbox.submit(_requests(4))
        sandbox.advance(20)
        sandbox.client.batches.cancel(first.id)
        sandbox.advance(20)
        second = sandbox.submit(_requests(4))
        sandbox.advance(20)
        assert _statuses(sandbox, first, second) == ["cancelled", "in_progress"]


def test_rows_whose_messages_are_unfit_are_refused_one_by_one_and_do_not_upset_the_count(tmp_path: Path) -> None:
    odd = batch_request(1, body=chat_body(messages=["text"]), url=ENDPOINT)
    with faulty(tmp_path, limits={"enqueued_tokens": {"gpt-6-luna": 1_000_000}}) as sandbox:
        batch = sandbox.submit([odd, batch_request(2)])
        sandbox.advance(100)
        done = sandbox.results(batch)
    assert (done.counts, len(done.errors)) == ((2, 1, 1), 1)
