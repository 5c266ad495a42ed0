"""Faults of single rows, through the client: what the files say, what the counts say, what was billed."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from openai import BadRequestError, InternalServerError, RateLimitError
from openai.types.chat import ChatCompletion
from openai_kit import Results, batch_request, chat_body, faulty, serving

from scoring_pipeline.sandbox.openai_fault_rules import RowKind, RowRule
from scoring_pipeline.sandbox.openai_faults import Scenario

_ALL = {"share": 1}


def _message(row: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = row["response"]["body"]["choices"][0]["message"]
    return message


def _finish_reasons(results: Results) -> set[str]:
    return {row["response"]["body"]["choices"][0]["finish_reason"] for row in results.output}


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        pytest.param("error_503", 503, "server_error", id="a provider with too much to do"),
        pytest.param("quota_row", 429, "insufficient_quota", id="money that ran out while the batch ran"),
    ],
)
def test_a_row_can_fail_for_what_is_no_fault_of_its_own(tmp_path: Path, kind: str, status: int, code: str) -> None:
    with faulty(tmp_path, rows=[{"kind": kind, **_ALL}]) as sandbox:
        done = sandbox.completed()
        journal = sandbox.journal()
    assert done.output == []
    assert {(row["response"]["status_code"], row["response"]["body"]["error"]["code"]) for row in done.errors} == {
        (status, code)
    }
    assert done.counts == (8, 0, 8)
    assert journal["billed"]["usd"] == "0.000000000"


def test_a_row_can_fail_with_an_error_at_top_level_and_no_response(tmp_path: Path) -> None:
    with faulty(tmp_path, rows=[{"kind": "top_level_error", **_ALL}]) as sandbox:
        done = sandbox.completed(2)
    for row in done.errors:
        assert row["response"] is None
        assert row["error"] == {
            "code": "server_error",
            "message": "An error occurred while processing your request.",
        }
    assert (done.output, done.counts) == ([], (2, 0, 2))


def test_a_failed_row_can_lie_in_the_output_file(tmp_path: Path) -> None:
    with faulty(tmp_path, rows=[{"kind": "error_429", "numbers": [2], "file": "output"}]) as sandbox:
        done = sandbox.completed(3)
    assert done.batch.error_file_id is None
    assert {row["custom_id"]: row["response"]["status_code"] for row in done.output} == {
        "r-0": 200,
        "r-1": 429,
        "r-2": 200,
    }


def test_a_batch_whose_rows_all_fail_completes_with_an_error_file_only(tmp_path: Path) -> None:
    with faulty(tmp_path, rows=[{"kind": "error_500", **_ALL, "batches": [1]}]) as sandbox:
        failing, fine = sandbox.completed(3), sandbox.completed(3)
    assert (failing.batch.status, failing.batch.output_file_id, len(failing.errors)) == ("completed", None, 3)
    assert (len(fine.output), fine.batch.error_file_id) == (3, None)


@pytest.mark.parametrize("variant", [pytest.param("cut", id="cut in half"), pytest.param("bad_escape", id="an escape")])
def test_a_line_can_be_no_json_and_is_billed_all_the_same(tmp_path: Path, variant: str) -> None:
    with faulty(tmp_path, rows=[{"kind": "bad_line", "first": 3, "variant": variant}]) as sandbox:
        done = sandbox.completed(8)
        journal = sandbox.journal()
    lines = done.output_bytes.splitlines()
    bad = [line for line in lines if not _is_json(line)]
    assert (len(lines), len(bad)) == (8, 3)
    found = [re.search(rb'"custom_id":"([^"]+)"', line) for line in bad]
    assert {match[1] for match in found if match} == {b"r-0", b"r-1", b"r-2"}
    assert done.counts == (8, 8, 0)
    assert journal["requests"]["answered"] == journal["billed"]["models"]["gpt-6-luna"]["requests"] == 8


def _is_json(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def test_blank_lines_can_lie_among_the_rows(tmp_path: Path) -> None:
    with faulty(tmp_path, rows=[{"kind": "blank_line", "every": 2}]) as sandbox:
        done = sandbox.completed(6)
    lines = done.output_bytes.split(b"\n")[:-1]
    assert lines.count(b"") == 3
    assert {orjson.loads(line)["custom_id"] for line in lines if line} == {f"r-{number}" for number in range(6)}


def test_a_row_can_be_told_twice_in_the_output_and_is_answered_and_billed_once(tmp_path: Path) -> None:
    with faulty(tmp_path, rows=[{"kind": "duplicate", "first": 2, "variant": "output"}]) as sandbox:
        done = sandbox.completed(5)
        journal = sandbox.journal()
    times = Counter(row["custom_id"] for row in done.output)
    assert times == {"r-0": 2, "r-1": 2, "r-2": 1, "r-3": 1, "r-4": 1}
    assert len({row["id"] for row in done.output}) == 7
    assert done.counts == (5, 5, 0)
    assert journal["requests"]["answered"] == journal["billed"]["models"]["gpt-6-luna"]["requests"] == 5
    assert journal["custom_ids"]["answered_more_than_once"] == 0


def test_a_row_can_be_told_as_answered_and_as_failed(tmp_path: Path) -> None:
    with faulty(tmp_path, rows=[{"kind": "duplicate", "numbers": [1], "variant": "error"}]) as sandbox:
        done = sandbox.completed(3)
        journal = sandbox.journal()
    assert sorted(row["custom_id"] for row in done.output) == ["r-0", "r-1", "r-2"]
    (row,) = done.errors
    assert (row["custom_id"], row["response"]["status_code"]) == ("r-0", 500)
    assert (done.counts, journal["requests"]["answered"]) == ((3, 3, 0), 3)


def test_an_answer_can_be_held_back_by_a_content_filter(tmp_path: Path) -> None:
    with faulty(tmp_path, rows=[{"kind": "content_filter", **_ALL}]) as sandbox:
        done = sandbox.completed(2)
    assert _finish_reasons(done) == {"content_filter"}
    assert all(_message(row)["content"] is None and "tool_calls" not in _message(row) for row in done.output)


def test_a_model_can_talk_instead_of_calling_the_function_it_was_told_to_call(tmp_path: Path) -> None:
    with faulty(tmp_path, rows=[{"kind": "no_tool_call", **_ALL}]) as sandbox:
        done = sandbox.completed(2)
    assert _finish_reasons(done) == {"stop"}
    assert all(_message(row)["content"] and "tool_calls" not in _message(row) for row in done.output)


def test_a_model_can_call_the_function_twice_with_different_arguments(tmp_path: Path) -> None:
    with faulty(tmp_path, rows=[{"kind": "two_tool_calls", **_ALL}]) as sandbox:
        done = sandbox.completed(2)
    for row in done.output:
        one, two = _message(row)["tool_calls"]
        assert one["id"] != two["id"]
        assert one["function"]["name"] == two["function"]["name"] == "score_job_match"
        assert one["function"]["arguments"] != two["function"]["arguments"]


def test_arguments_can_be_out_of_bounds(tmp_path: Path) -> None:
    with faulty(tmp_path, rows=[{"kind": "invalid_arguments", **_ALL, "variant": "out_of_bounds"}]) as sandbox:
        done = sandbox.completed(2)
    arguments = [orjson.loads(_message(row)["tool_calls"][0]["function"]["arguments"]) for row in done.output]
    assert {values["overall_score"] for values in arguments} == {1234}


@pytest.mark.parametrize(
    "variant", [pytest.param("absent", id="the key is absent"), pytest.param("null", id="the key is null")]
)
def test_a_row_can_lack_its_usage_and_is_billed_all_the_same(tmp_path: Path, variant: str) -> None:
    with faulty(tmp_path, rows=[{"kind": "no_usage", "numbers": [1], "variant": variant}]) as sandbox:
        done = sandbox.completed(3)
        billed = sandbox.journal()["billed"]["models"]["gpt-6-luna"]
    bodies = {row["custom_id"]: row["response"]["body"] for row in done.output}
    assert ("usage" in bodies["r-0"]) == (variant == "null")
    assert bodies["r-0"].get("usage") is None
    told = sum(bodies[name]["usage"]["prompt_tokens"] for name in ("r-1", "r-2"))
    assert done.batch.usage is not None
    assert done.batch.usage.input_tokens == billed["prompt_tokens"] > told
    ChatCompletion.model_validate(bodies["r-0"])


def test_rows_are_chosen_by_line_in_named_batches_and_by_model(tmp_path: Path) -> None:
    rules = [
        {"kind": "error_400", "first": 2, "batches": [2]},
        {"kind": "error_429", "every": 4},
        {"kind": "error_503", "numbers": [5], "models": ["gpt-6-sol"]},
        {"kind": "error_500", "numbers": [5], "models": ["gpt-6-luna"]},
    ]
    with faulty(tmp_path, rows=rules) as sandbox:
        first, second = (sandbox.completed(8) for _ in range(2))
        faults = sandbox.journal()["faults"]
    met = [{row["custom_id"]: row["response"]["status_code"] for row in each.errors} for each in (first, second)]
    usual = {"r-3": 429, "r-7": 429, "r-4": 500}
    assert met == [usual, usual | {"r-0": 400, "r-1": 400}]
    assert faults["rows"] == {"error_400": 2, "error_429": 4, "error_500": 2}


def test_result_files_can_keep_the_order_of_the_input(tmp_path: Path) -> None:
    with faulty(tmp_path, shuffled=False) as sandbox:
        done = sandbox.completed(30)
    assert [row["custom_id"] for row in done.output] == [f"r-{number}" for number in range(30)]


def test_a_row_that_is_refused_for_what_it_says_stays_refused_and_counts_no_fault(tmp_path: Path) -> None:
    with faulty(tmp_path, rows=[{"kind": "missing", **_ALL}]) as sandbox:
        batch = sandbox.submit([batch_request(1, body=chat_body(max_tokens=5))])
        sandbox.advance(100)
        done = sandbox.results(batch)
        faults = sandbox.journal()["faults"]
    assert [row["response"]["body"]["error"]["code"] for row in done.errors] == ["unsupported_parameter"]
    assert faults["rows"] == {}


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        pytest.param("error_400", BadRequestError, id="a request the provider calls wrong"),
        pytest.param("error_503", InternalServerError, id="a provider with too much to do"),
        pytest.param("quota_row", RateLimitError, id="no money"),
    ],
)
def test_synchronous_calls_fail_as_rows_do(tmp_path: Path, kind: str, error: type[Exception]) -> None:
    with faulty(tmp_path, rows=[{"kind": kind, **_ALL}]) as sandbox, pytest.raises(error):
        sandbox.client.chat.completions.create(**chat_body())


@pytest.fixture
def good_rows(tmp_path: Path) -> Iterator[Results]:
    (tmp_path / "good").mkdir()
    with serving(tmp_path / "good") as sandbox:
        yield sandbox.completed(60)


_UNBILLED = ("error_400", "error_429", "error_500", "error_503", "quota_row", "status_0", "top_level_error", "missing")
_BILLED = (
    "invalid_arguments", "refusal", "length", "content_filter", "no_tool_call", "two_tool_calls", "no_usage",
    "bad_line", "blank_line", "duplicate",
)  # fmt: skip


def test_under_all_row_faults_together_the_journal_bills_each_answered_row_once(
    tmp_path: Path, good_rows: Results
) -> None:
    kinds: tuple[RowKind, ...] = RowRule.model_fields["kind"].annotation.__args__  # type: ignore[union-attr]
    assert set(kinds) == {*_UNBILLED, *_BILLED}
    rules = [{"kind": kind, "share": 0.08} for kind in kinds]
    (tmp_path / "bad").mkdir()
    with faulty(tmp_path / "bad", rows=rules) as sandbox:
        done = sandbox.completed(60)
        journal = sandbox.journal()
    scenario = Scenario(rows=tuple(RowRule.model_validate(rule) for rule in rules))
    met = {f"r-{number}": scenario.row_rule(f"r-{number}", "gpt-6-luna", number + 1, 1) for number in range(60)}
    usage = {row["custom_id"]: row["response"]["body"]["usage"] for row in good_rows.output}
    paid = [usage[name] for name, rule in met.items() if rule is None or rule[0].kind in _BILLED]
    billed = journal["billed"]["models"]["gpt-6-luna"]
    assert len({rule[0].kind for rule in met.values() if rule}) > 10
    assert billed["requests"] == journal["requests"]["answered"] == len(paid)
    assert billed["prompt_tokens"] == sum(each["prompt_tokens"] for each in paid)
    assert billed["completion_tokens"] == sum(each["completion_tokens"] for each in paid)
    assert billed["nano_usd"] == 50 * billed["prompt_tokens"] + 250 * billed["completion_tokens"]
    assert journal["requests"]["processed"] == done.batch.request_counts.total == 60  # type: ignore[union-attr]
    assert journal["faults"]["rows"] == Counter(rule[0].kind for rule in met.values() if rule)
