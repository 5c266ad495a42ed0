"""Faults of whole batches and of uploads, through the client, with the clock moved instead of waited for."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import NotFoundError
from openai.types import Batch
from openai_kit import Running, batch_request, faulty, jsonl

_FIRST = {"first": 1}
_HEADERS = {"authorization": "Bearer any"}


def _requests(count: int) -> list[dict[str, Any]]:
    return [batch_request(number) for number in range(count)]


@contextmanager
def _with_rule(folder: Path, **rule: Any) -> Iterator[Running]:
    with faulty(folder, batches=[rule]) as sandbox:
        yield sandbox


def _raw(sandbox: Running, batch: Batch) -> dict[str, Any]:
    """The batch as it is on the wire: the client fills in what is absent."""
    with httpx2.Client(trust_env=False, headers=_HEADERS) as client:
        found: dict[str, Any] = client.get(f"{sandbox.url}/v1/batches/{batch.id}").raise_for_status().json()
        return found


def test_validation_can_take_a_quarter_of_an_hour(tmp_path: Path) -> None:
    with _with_rule(tmp_path, kind="validation_delay", **_FIRST, seconds=900) as sandbox:
        batch = sandbox.submit(_requests(4))
        sandbox.advance(899)
        assert sandbox.again(batch).status == "validating"
        sandbox.advance(1)
        assert sandbox.again(batch).status == "in_progress"
        sandbox.advance(80)
        done = sandbox.again(batch)
    assert (done.status, done.completed_at) == ("completed", done.created_at + 980)
    assert done.in_progress_at == done.created_at + 900


def test_a_good_file_can_be_said_not_to_be_there_and_the_same_file_works_the_next_time(tmp_path: Path) -> None:
    with _with_rule(tmp_path, kind="cannot_find_file", **_FIRST) as sandbox:
        file_id = sandbox.upload(jsonl(_requests(2)))
        failing = sandbox.create(file_id)
        assert failing.status == "validating"
        sandbox.advance(20)
        failed = sandbox.again(failing)
        fine = sandbox.create(file_id)
        sandbox.advance(100)
        assert sandbox.again(fine).status == "completed"
        journal = sandbox.journal()
    assert failed.status == "failed"
    assert failed.errors is not None
    assert failed.errors.data is not None
    (error,) = failed.errors.data
    assert (error.code, error.param, error.line) == ("invalid_request", "file_id", None)
    assert error.message == f"Cannot find file {file_id}, or organization org-sandbox does not have access to it."
    assert (journal["requests"]["received"], journal["requests"]["answered"]) == (2, 2)


@pytest.mark.parametrize(
    ("status", "reached"),
    [
        pytest.param("validating", 0, id="validation that never ends"),
        pytest.param("in_progress", 4, id="rows that stop being answered"),
        pytest.param("finalizing", 8, id="files that are never written"),
    ],
)
def test_a_batch_can_be_stuck_for_days_until_it_is_cancelled(tmp_path: Path, status: str, reached: int) -> None:
    with _with_rule(tmp_path, kind="stuck", **_FIRST, status=status) as sandbox:
        batch = sandbox.submit(_requests(8))
        sandbox.advance(5 * 86_400)
        assert sandbox.again(batch).status == status
        assert sandbox.client.batches.cancel(batch.id).status == "cancelling"
        sandbox.advance(20)
        cancelled = sandbox.results(batch)
        billed = sandbox.journal()["requests"]["answered"]
    assert cancelled.batch.status == "cancelled"
    assert len(cancelled.output) == billed == reached


def test_a_batch_stuck_in_finalizing_can_still_expire_with_all_its_rows(tmp_path: Path) -> None:
    with _with_rule(tmp_path, kind="stuck", **_FIRST, status="finalizing", expires=True) as sandbox:
        batch = sandbox.submit(_requests(4))
        sandbox.advance(86_399)
        assert sandbox.again(batch).status == "finalizing"
        sandbox.advance(1)
        expired = sandbox.results(batch)
    assert (expired.batch.status, len(expired.output), expired.errors) == ("expired", 4, [])


def test_a_batch_that_expires_keeps_what_it_answered_and_only_that_is_billed(tmp_path: Path) -> None:
    with _with_rule(tmp_path, kind="expire", **_FIRST, answered_share=0.4) as sandbox:
        batch = sandbox.submit(_requests(10))
        sandbox.advance(86_400)
        expired = sandbox.results(batch)
        journal = sandbox.journal()
    assert (expired.batch.status, len(expired.output), len(expired.errors)) == ("expired", 4, 6)
    assert all(row["response"] is None and row["error"]["code"] == "batch_expired" for row in expired.errors)
    assert expired.counts == (10, 4, 0)
    assert journal["requests"]["answered"] == journal["billed"]["models"]["gpt-6-luna"]["requests"] == 4


def test_a_cancelled_batch_takes_ten_minutes_and_keeps_what_it_answered(tmp_path: Path) -> None:
    with _with_rule(tmp_path, kind="slow_cancel", **_FIRST) as sandbox:
        batch = sandbox.submit(_requests(40))
        sandbox.advance(50)
        sandbox.client.batches.cancel(batch.id)
        sandbox.advance(599)
        assert sandbox.again(batch).status == "cancelling"
        sandbox.advance(1)
        cancelled = sandbox.results(batch)
        billed = sandbox.journal()["requests"]["answered"]
    assert cancelled.batch.status == "cancelled"
    assert cancelled.batch.cancelling_at is not None
    assert cancelled.batch.cancelled_at == cancelled.batch.cancelling_at + 600
    assert len(cancelled.output) == billed == 20


def test_a_batch_can_go_on_answering_and_billing_while_it_is_cancelled(tmp_path: Path) -> None:
    rule = {"kind": "slow_cancel", **_FIRST, "seconds": 15, "keeps_answering": True, "names_unreached": True}
    with _with_rule(tmp_path, **rule) as sandbox:
        batch = sandbox.submit(_requests(40))
        sandbox.advance(50)
        sandbox.client.batches.cancel(batch.id)
        sandbox.advance(5000)
        cancelled = sandbox.results(batch)
        journal = sandbox.journal()
    assert len(cancelled.output) == journal["requests"]["answered"] == 30
    assert {row["error"]["code"] for row in cancelled.errors} == {"batch_cancelled"}
    assert {row["custom_id"] for row in cancelled.output + cancelled.errors} == {f"r-{number}" for number in range(40)}
    assert cancelled.counts == (40, 30, 0)


def test_a_batch_cancelled_while_it_is_validated_has_no_rows_at_all(tmp_path: Path) -> None:
    with _with_rule(tmp_path, kind="slow_cancel", **_FIRST, keeps_answering=True, names_unreached=True) as sandbox:
        batch = sandbox.submit(_requests(4))
        sandbox.client.batches.cancel(batch.id)
        sandbox.advance(600)
        cancelled = sandbox.results(batch)
    assert (cancelled.batch.status, cancelled.output, cancelled.errors) == ("cancelled", [], [])


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(None, {"error_file_id": None}, id="null, as is usual"),
        pytest.param("", {"error_file_id": ""}, id="an empty text"),
        pytest.param("absent", {}, id="no such key"),
    ],
)
def test_a_clean_batch_can_say_in_odd_ways_that_it_has_no_error_file(
    tmp_path: Path, value: str | None, shown: dict[str, Any]
) -> None:
    with faulty(
        tmp_path,
        batches=[{"kind": "error_file_id", "every": 1, "value": value}],
        rows=[{"kind": "error_500", "first": 1, "batches": [2]}],
    ) as sandbox:
        clean, failing = sandbox.completed(3), sandbox.completed(3)
        found = _raw(sandbox, clean.batch)
    assert {name: told for name, told in found.items() if name == "error_file_id"} == shown
    assert not clean.batch.error_file_id
    assert len(failing.errors) == 1


def test_a_clean_batch_can_have_an_error_file_of_no_bytes(tmp_path: Path) -> None:
    with _with_rule(tmp_path, kind="error_file_id", **_FIRST, value="empty_file") as sandbox:
        done = sandbox.completed(3)
        assert done.batch.error_file_id is not None
        file = sandbox.client.files.retrieve(done.batch.error_file_id)
    assert (file.bytes, file.purpose, done.error_bytes) == (0, "batch_output", b"")


@pytest.mark.parametrize(
    ("says", "shown"),
    [
        pytest.param(
            "all_completed", {"total": 6, "completed": 6, "failed": 0}, id="two rows failed, it says none did"
        ),
        pytest.param("all_failed", {"total": 6, "completed": 0, "failed": 6}, id="four succeeded, it says none did"),
        pytest.param("zero", {"total": 0, "completed": 0, "failed": 0}, id="it says there were none"),
        pytest.param("null", None, id="no counts"),
        pytest.param("null_values", {"total": None, "completed": None, "failed": None}, id="counts of null"),
    ],
)
def test_counts_can_lie(tmp_path: Path, says: str, shown: Any) -> None:
    with faulty(
        tmp_path,
        batches=[{"kind": "counts", **_FIRST, "says": says}],
        rows=[{"kind": "error_500", "first": 2}],
    ) as sandbox:
        done = sandbox.completed(6)
        found = _raw(sandbox, done.batch)
        journal = sandbox.journal()
    assert found["request_counts"] == shown
    assert (len(done.output), len(done.errors)) == (4, 2)
    assert (journal["requests"]["answered"], journal["requests"]["refused"]) == (4, 2)


@pytest.mark.parametrize(
    ("rule", "factor"),
    [
        pytest.param({"says": "scaled", "factor": 1.5}, 1.5, id="half as much again"),
        pytest.param({"says": "zero"}, 0, id="nothing used"),
        pytest.param({"says": "null"}, None, id="null"),
        pytest.param({"says": "absent"}, None, id="no such key"),
    ],
)
def test_a_batch_s_usage_can_differ_from_its_rows(tmp_path: Path, rule: dict[str, Any], factor: float | None) -> None:
    with _with_rule(tmp_path, kind="usage", **_FIRST, **rule) as sandbox:
        done = sandbox.completed(4)
        found = _raw(sandbox, done.batch)
        billed = sandbox.journal()["billed"]["models"]["gpt-6-luna"]["prompt_tokens"]
    assert ("usage" in found) == (rule["says"] != "absent")
    assert sum(row["response"]["body"]["usage"]["prompt_tokens"] for row in done.output) == billed
    if factor is None:
        assert done.batch.usage is None
    else:
        assert done.batch.usage is not None
        assert done.batch.usage.input_tokens == round(billed * factor)
        assert done.batch.usage.total_tokens == done.batch.usage.input_tokens + done.batch.usage.output_tokens


def test_a_result_file_can_be_named_a_minute_before_it_has_content(tmp_path: Path) -> None:
    with _with_rule(tmp_path, kind="late_results", **_FIRST, seconds=60) as sandbox:
        batch = sandbox.submit(_requests(3))
        sandbox.advance(100)
        done = sandbox.again(batch)
        assert done.output_file_id is not None
        assert sandbox.client.files.retrieve(done.output_file_id).bytes > 0
        sandbox.advance(59)
        with pytest.raises(NotFoundError):
            sandbox.client.files.content(done.output_file_id)
        sandbox.advance(1)
        assert len(sandbox.content(done.output_file_id)) == 3


def test_the_list_can_lag_behind_what_was_created(tmp_path: Path) -> None:
    with faulty(tmp_path, batches=[{"kind": "list_lag", "numbers": [2, 3], "seconds": 30}]) as sandbox:
        file_id = sandbox.upload(jsonl(_requests(1)))
        made = [sandbox.create(file_id).id for _ in range(4)]
        assert [batch.id for batch in sandbox.client.batches.list(limit=1)] == [made[3], made[0]]
        assert sandbox.client.batches.retrieve(made[1]).id == made[1]
        sandbox.advance(29)
        assert not sandbox.client.batches.list(limit=2).has_more
        sandbox.advance(1)
        assert [batch.id for batch in sandbox.client.batches.list(limit=3)] == made[::-1]


def test_a_batch_can_vanish_and_is_billed_all_the_same(tmp_path: Path) -> None:
    with _with_rule(tmp_path, kind="vanish", **_FIRST, after_seconds=50, for_seconds=1000) as sandbox:
        batch = sandbox.submit(_requests(3))
        sandbox.advance(49)
        assert sandbox.again(batch).status == "in_progress"
        sandbox.advance(1)
        for call in (sandbox.client.batches.retrieve, sandbox.client.batches.cancel):
            with pytest.raises(NotFoundError, match="No batch found"):
                call(batch.id)
        assert sandbox.client.batches.list().data == []
        sandbox.advance(100)
        assert sandbox.journal()["requests"]["answered"] == 3
        sandbox.advance(900)
        assert len(sandbox.results(batch).output) == 3


def test_a_batch_can_vanish_for_ever(tmp_path: Path) -> None:
    with _with_rule(tmp_path, kind="vanish", **_FIRST) as sandbox:
        batch = sandbox.submit(_requests(1))
        sandbox.advance(10 * 86_400)
        with pytest.raises(NotFoundError):
            sandbox.again(batch)
        assert sandbox.journal()["batches"] == {"completed": 1}


def test_a_batch_can_show_a_status_nobody_knows_and_do_nothing_meanwhile(tmp_path: Path) -> None:
    with _with_rule(tmp_path, kind="unknown_status", **_FIRST, status="paused", seconds=500) as sandbox:
        batch = sandbox.submit(_requests(8))
        sandbox.advance(20)
        seen = [sandbox.again(batch)]
        for seconds in (499, 1, 60, 20):
            sandbox.advance(seconds)
            seen.append(sandbox.again(batch))
    assert [each.status for each in seen] == ["paused", "paused", "in_progress", "finalizing", "completed"]
    assert [each.request_counts.completed for each in seen if each.request_counts] == [0, 0, 0, 8, 8]


def test_an_uploaded_file_can_be_unknown_for_a_while(tmp_path: Path) -> None:
    with faulty(tmp_path, files=[{"kind": "late_file", "first": 1, "seconds": 2}]) as sandbox:
        late, prompt = (sandbox.upload(jsonl(_requests(2))) for _ in range(2))
        for call in (sandbox.client.files.retrieve, sandbox.client.files.content, sandbox.client.files.delete):
            with pytest.raises(NotFoundError):
                call(late)
        assert [file.id for file in sandbox.client.files.list()] == [prompt]
        too_early, fine = sandbox.create(late), sandbox.create(prompt)
        sandbox.advance(2)
        assert sandbox.client.files.retrieve(late).id == late
        again = sandbox.create(late)
        sandbox.advance(100)
        found = [sandbox.again(batch) for batch in (too_early, fine, again)]
    assert [batch.status for batch in found] == ["failed", "completed", "completed"]
    assert found[0].errors is not None
    assert found[0].errors.data is not None
    assert "Cannot find file" in str(found[0].errors.data[0].message)


def test_rules_of_different_aspects_meet_in_one_batch_and_of_one_aspect_the_first_decides(tmp_path: Path) -> None:
    rules = [
        {"kind": "expire", "numbers": [1], "answered_share": 0.5, "after_seconds": 200},
        {"kind": "fail_validation", "every": 1},
        {"kind": "counts", "every": 1, "says": "all_completed"},
        {"kind": "late_results", "numbers": [1], "seconds": 10},
    ]
    with faulty(tmp_path, batches=rules) as sandbox:
        batch, other = sandbox.submit(_requests(4)), sandbox.submit(_requests(4))
        sandbox.advance(210)
        expired, failed = sandbox.results(batch), sandbox.again(other)
        journal = sandbox.journal()
    assert (expired.batch.status, expired.counts, len(expired.output)) == ("expired", (4, 4, 0), 2)
    assert failed.status == "failed"
    assert failed.request_counts is not None
    assert failed.request_counts.total == 0
    assert journal["faults"]["batches"] == {"counts": 2, "expire": 1, "fail_validation": 1, "late_results": 1}
    assert journal["requests"]["received"] == 4


def test_batches_are_chosen_by_share_and_by_model_too(tmp_path: Path) -> None:
    rules = [
        {"kind": "fail_validation", "every": 1, "models": ["gpt-4o-mini"]},
        {"kind": "counts", "share": 0.5, "says": "zero"},
    ]
    with faulty(tmp_path, batches=rules) as sandbox:
        luna = sandbox.upload(jsonl(_requests(1)))
        mini = batch_request(1)
        mini["body"] = {**mini["body"], "model": "gpt-4o-mini"}
        del mini["body"]["reasoning_effort"]
        made = [sandbox.create(luna) for _ in range(20)] + [sandbox.submit([mini])]
        sandbox.advance(100)
        statuses = [sandbox.again(batch).status for batch in made]
        faults = sandbox.journal()["faults"]["batches"]
    assert statuses == ["completed"] * 20 + ["failed"]
    assert 4 <= faults["counts"] <= 17


def test_a_batch_keeps_the_rules_it_was_created_with_when_the_scenario_is_changed(tmp_path: Path) -> None:
    with _with_rule(tmp_path, kind="expire", **_FIRST, after_seconds=500) as sandbox:
        batch = sandbox.submit(_requests(4))
    with faulty(tmp_path) as sandbox:
        sandbox.advance(500)
        assert sandbox.again(batch).status == "expired"
