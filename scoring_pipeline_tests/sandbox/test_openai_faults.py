from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from openai import APIConnectionError, InternalServerError, RateLimitError
from openai_kit import ENDPOINT, Running, batch_request, chat_body, jsonl, serving, write_scenario

from scoring_pipeline.sandbox.openai_faults import RowRule, Scenario, ScenarioError, load_scenario


def _completed(sandbox: Running, count: int = 8) -> tuple[Any, list[dict[str, Any]], list[dict[str, Any]]]:
    batch = sandbox.submit([batch_request(number) for number in range(count)])
    sandbox.advance(100)
    done = sandbox.again(batch)
    assert done.status == "completed"
    output = sandbox.content(done.output_file_id) if done.output_file_id else []
    errors = sandbox.content(done.error_file_id) if done.error_file_id else []
    return done, output, errors


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        pytest.param("error_400", 400, None, id="a request the provider calls wrong"),
        pytest.param("error_429", 429, "rate_limit_exceeded", id="a rate limit inside a batch"),
        pytest.param("error_500", 500, "server_error", id="an accident at the provider"),
    ],
)
def test_a_row_can_fail_as_the_provider_fails_it(tmp_path: Path, kind: str, status: int, code: str | None) -> None:
    with serving(tmp_path, scenario=write_scenario(tmp_path, rows=[{"kind": kind, "share": 1}])) as sandbox:
        done, output, errors = _completed(sandbox)
        journal = sandbox.journal()
    assert output == []
    assert {row["response"]["status_code"] for row in errors} == {status}
    assert {row["response"]["body"]["error"]["code"] for row in errors} == {code}
    assert all(row["error"] is None for row in errors)
    assert (done.request_counts.completed, done.request_counts.failed) == (0, 8)
    assert (journal["requests"]["answered"], journal["requests"]["refused"]) == (0, 8)


def test_a_row_with_status_0_lies_in_the_error_file_while_the_counts_say_all_is_well(tmp_path: Path) -> None:
    with serving(tmp_path, scenario=write_scenario(tmp_path, rows=[{"kind": "status_0", "share": 1}])) as sandbox:
        done, output, errors = _completed(sandbox)
    assert output == []
    assert [row["response"] for row in errors] == [{"status_code": 0, "request_id": "", "body": {}}] * 8
    assert (done.request_counts.completed, done.request_counts.failed) == (8, 0)


def test_a_missing_row_is_in_neither_file(tmp_path: Path) -> None:
    with serving(tmp_path, scenario=write_scenario(tmp_path, rows=[{"kind": "missing", "share": 0.5}])) as sandbox:
        done, output, errors = _completed(sandbox, 40)
        journal = sandbox.journal()
    assert 0 < len(output) < 40
    assert errors == []
    assert done.request_counts.completed == 40
    assert journal["requests"]["lost"] == 40 - len(output)


def _arguments(row: dict[str, Any]) -> str:
    text: str = row["response"]["body"]["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
    return text


def test_arguments_can_be_invalid_in_three_ways_and_are_billed_all_the_same(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, rows=[{"kind": "invalid_arguments", "share": 1}])
    with serving(tmp_path, scenario=scenario) as sandbox:
        _, output, _ = _completed(sandbox, 40)
        billed = sandbox.journal()["requests"]["answered"]
    ways = set()
    for row in output:
        try:
            values = orjson.loads(_arguments(row))
        except orjson.JSONDecodeError:
            ways.add("bad_json")
            continue
        ways.add("out_of_bounds" if values.get("overall_score") == 1234 else "missing_field")
        assert ("overall_score" in values) == (values.get("overall_score") == 1234)
    assert ways == {"bad_json", "out_of_bounds", "missing_field"}
    assert billed == 40


def test_a_refusal_has_neither_content_nor_tool_calls(tmp_path: Path) -> None:
    with serving(tmp_path, scenario=write_scenario(tmp_path, rows=[{"kind": "refusal", "share": 1}])) as sandbox:
        _, output, _ = _completed(sandbox, 2)
    for row in output:
        choice = row["response"]["body"]["choices"][0]
        assert choice["finish_reason"] == "stop"
        assert choice["message"]["refusal"]
        assert choice["message"]["content"] is None
        assert "tool_calls" not in choice["message"]


def test_an_answer_can_be_cut_off(tmp_path: Path) -> None:
    with serving(tmp_path, scenario=write_scenario(tmp_path, rows=[{"kind": "length", "share": 1}])) as sandbox:
        _, output, _ = _completed(sandbox, 2)
    for row in output:
        assert row["response"]["body"]["choices"][0]["finish_reason"] == "length"
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(_arguments(row))


def test_rows_are_chosen_by_a_hash_of_their_custom_id_in_about_the_share_that_was_asked() -> None:
    rules = (RowRule(kind="error_500", share=0.1), RowRule(kind="missing", share=0.05, models=("gpt-6-sol",)))
    scenario = Scenario(rows=rules, seed=3)
    met = [scenario.row_rule(f"r-{number}", "gpt-6-luna") for number in range(5000)]
    assert met == [scenario.row_rule(f"r-{number}", "gpt-6-luna") for number in range(5000)]
    assert 400 < sum(found is not None for found in met) < 600
    other = [scenario.row_rule(f"r-{number}", "gpt-6-sol") for number in range(5000)]
    assert 180 < sum(found is not None and found[0].kind == "missing" for found in other) < 300
    reseeded = Scenario(rows=rules, seed=4)
    assert met != [reseeded.row_rule(f"r-{number}", "gpt-6-luna") for number in range(5000)]


def test_a_batch_can_expire_with_a_share_of_its_rows_answered(tmp_path: Path) -> None:
    rule = {"kind": "expire", "numbers": [2], "answered_share": 0.25, "after_seconds": 500}
    with serving(tmp_path, scenario=write_scenario(tmp_path, batches=[rule])) as sandbox:
        healthy, expiring = (sandbox.submit([batch_request(number) for number in range(8)]) for _ in range(2))
        sandbox.advance(499)
        assert [sandbox.again(batch).status for batch in (healthy, expiring)] == ["completed", "in_progress"]
        sandbox.advance(1)
        expired = sandbox.again(expiring)
        assert expired.status == "expired"
        assert len(sandbox.content(expired.output_file_id)) == 2
        assert len(sandbox.content(expired.error_file_id)) == 6


def test_a_batch_can_fail_validation_for_want_of_room_in_the_queue(tmp_path: Path) -> None:
    rule = {"kind": "fail_validation", "first": 1, "message": "Enqueued token limit reached for gpt-6-luna."}
    with serving(tmp_path, scenario=write_scenario(tmp_path, batches=[rule])) as sandbox:
        first, second = (sandbox.submit([batch_request(1)]) for _ in range(2))
        sandbox.advance(100)
        failed = sandbox.again(first)
        assert failed.errors is not None
        assert failed.errors.data is not None
        assert (failed.errors.data[0].code, failed.errors.data[0].line) == ("token_limit_exceeded", None)
        assert failed.errors.data[0].message == "Enqueued token limit reached for gpt-6-luna."
        assert sandbox.again(second).status == "completed"


def test_a_create_call_whose_reply_is_lost_has_created_the_batch(tmp_path: Path) -> None:
    with serving(tmp_path, scenario=write_scenario(tmp_path, creates=[{"kind": "lost_reply", "first": 1}])) as sandbox:
        file_id = sandbox.upload(jsonl([batch_request(1)]))
        with pytest.raises(APIConnectionError):
            sandbox.create(file_id, metadata={"key": "k1"})
        (batch,) = sandbox.client.batches.list().data
        assert batch.metadata == {"key": "k1"}
        assert sandbox.create(file_id).status == "validating"


def test_a_create_call_can_be_told_to_wait(tmp_path: Path) -> None:
    rule = {"kind": "rate_limited", "first": 2, "retry_after": 1.5}
    with serving(tmp_path, scenario=write_scenario(tmp_path, creates=[rule])) as sandbox:
        file_id = sandbox.upload(jsonl([batch_request(1)]))
        for _ in range(2):
            with pytest.raises(RateLimitError) as caught:
                sandbox.create(file_id)
            assert caught.value.response.headers["retry-after"] == "1.5"
            assert (caught.value.type, caught.value.code) == ("requests", "rate_limit_exceeded")
        assert sandbox.create(file_id).status == "validating"
        assert len(sandbox.client.batches.list().data) == 1


def test_calls_are_still_counted_after_a_restart(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, creates=[{"kind": "insufficient_quota", "numbers": [2]}])
    with serving(tmp_path, scenario=scenario) as sandbox:
        file_id = sandbox.upload(jsonl([batch_request(1)]))
        sandbox.create(file_id)
    with serving(tmp_path, scenario=scenario) as sandbox:
        with pytest.raises(RateLimitError) as caught:
            sandbox.create(file_id)
        assert (caught.value.type, caught.value.code) == ("insufficient_quota", "insufficient_quota")
        sandbox.create(file_id)


def test_synchronous_calls_meet_the_row_faults_too(tmp_path: Path) -> None:
    with (
        serving(tmp_path, scenario=write_scenario(tmp_path, rows=[{"kind": "error_500", "share": 1}])) as sandbox,
        pytest.raises(InternalServerError),
    ):
        sandbox.client.chat.completions.create(**chat_body())
    with (
        serving(tmp_path, scenario=write_scenario(tmp_path, rows=[{"kind": "missing", "share": 1}])) as sandbox,
        httpx2.Client(trust_env=False, headers={"authorization": "Bearer x"}) as client,
        pytest.raises(httpx2.RemoteProtocolError),
    ):
        client.post(f"{sandbox.url}{ENDPOINT}", json=chat_body())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("rows: [{kind: explode, share: 1}]", "rows.0.kind", id="a kind that does not exist"),
        pytest.param("rows: [{kind: missing, share: 2}]", "rows.0.share", id="a share above one"),
        pytest.param("batches: [{kind: expire}]", "give `first`, `every` or `numbers`", id="a rule for no batch"),
        pytest.param("raws: []", "raws", id="a misspelt section"),
        pytest.param(
            "rows: [{kind: missing, share: 1, variant: bad_json}]", "variant", id="a variant of what has none"
        ),
        pytest.param(
            "rows: [{kind: duplicate, share: 1, variant: cut}]",
            "`variant` of duplicate is one of output, error",
            id="a variant of another kind",
        ),
        pytest.param("rows: [{kind: missing}]", "or a `share`", id="a rule for no row"),
        pytest.param(
            "rows: [{kind: refusal, share: 1, file: output}]", "`file` goes with kinds error_400", id="a file"
        ),
        pytest.param(
            "rows: [{kind: missing, share: 1, models: [gpt-6-lunar]}]",
            "the sandbox has no model gpt-6-lunar; it has gpt-6-luna,",
            id="a misspelt model would never be hit",
        ),
        pytest.param("batches: [{kind: counts, first: 1, says: many}]", "batches.0.counts.says", id="an unknown lie"),
        pytest.param(
            "batches: [{kind: unknown_status, first: 1, status: failed}]",
            "failed is a status that the API has",
            id="an unknown status that is known",
        ),
        pytest.param("batches: [{kind: error_file_id, first: 1, value: no}]", "error_file_id", id="another null"),
        pytest.param(
            "creates: [{kind: cut_content, first: 1}]",
            "cut_content there hits POST /v1/batches only",
            id="a fault of contents among the creates",
        ),
        pytest.param(
            "calls: [{kind: cannot_find_file, first: 1, operations: [chat]}]",
            "cannot_find_file can hit create_batch only",
            id="a fault of creates for another operation",
        ),
        pytest.param("limits: {enqueued_tokens: {gpt-7: 1}}", "limits.enqueued_tokens", id="a limit of no model"),
        pytest.param("rows: [", "cannot be read", id="no YAML"),
        pytest.param("[]", "file", id="a list instead of sections"),
    ],
)
def test_a_scenario_that_cannot_be_used_names_file_and_field(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def test_an_absent_scenario_file_is_an_error_and_none_at_all_means_no_faults(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError):
        load_scenario(tmp_path / "absent.yaml")
    assert load_scenario(None) == Scenario()
