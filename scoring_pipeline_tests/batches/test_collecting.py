"""Polling and collecting: whatever way rows and batches end, each attempt is booked once and each item ends once."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from crashing import OddProviders
from day_kit import (
    DAY,
    NEXT_DAY,
    Days,
    account_of,
    ambiguous,
    assert_bought_once,
    assert_complete,
    billed,
    economy,
    ledger,
    sandbox_days,
    taken_for_real,
    unpause,
)
from openai_kit import write_scenario
from scoring_kit import body, line, message

from scoring_pipeline.batches.collect import MOST_SENDS
from scoring_pipeline.batches.days import decide
from scoring_pipeline.batches.retention import forget_old
from scoring_pipeline.settings import Retention
from scoring_pipeline.storage.port import Document, DocumentStore, Move


@pytest.fixture
def days(tmp_path: Path) -> Iterator[Days]:
    with sandbox_days(tmp_path) as made:
        yield made


def _outcomes(days: Days) -> Counter[str]:
    return Counter(attempt["outcome"] for attempt in days.attempts())


def _tiers_tried(days: Days) -> dict[str, list[str]]:
    tried: dict[str, list[str]] = {}
    for attempt in sorted(days.attempts(), key=lambda one: (one["round"], one["created_at"])):
        tried.setdefault(attempt["request_key"], []).append(attempt["tier"])
    return tried


def test_a_day_goes_from_boards_to_scores(days: Days) -> None:
    days.show([*economy(1, 20), *ambiguous(50, 10)])
    assert days.run() == ["submit", "wait", "collect", "finalize"]
    assert_complete(days.store, DAY, items=30)
    assert_bought_once(days.sandbox)
    assert ledger(days.store) == billed(days.sandbox) > 0
    assert _outcomes(days) == {"valid": 30}
    for batch in days.batches():
        assert batch["outcomes"] == {"valid": batch["requests"]}
        assert batch["terminal_status"] == "completed"
        assert batch["cost_nano_usd"] <= batch["reserved_nano_usd"]
    for request in days.requests():
        assert request["answer"]["sandbox"] is True
        assert request["answer"]["rubric"] == days.engine.rubric.digest


def test_files_at_the_provider_are_deleted_once_collected_unless_they_are_to_be_kept(tmp_path: Path) -> None:
    for keep in (False, True):
        folder = tmp_path / str(keep)
        folder.mkdir()
        with sandbox_days(folder, retention={"delete_provider_files": not keep}) as days:
            days.show(economy(1, 3))
            days.run()
            assert len(list(days.sandbox.client.files.list())) == (2 if keep else 0)


def _snapshot(store: DocumentStore) -> list[Document]:
    names = ("requests", "work_items", "attempts", "batches", "budget_accounts", "transcripts", "partitions")
    return [document for name in names for document in store.scan(name)]


def test_collecting_twice_changes_nothing(days: Days) -> None:
    days.show([*economy(1, 5), *ambiguous(50, 2)])
    days.run()
    before = _snapshot(days.store)
    again = days.engine.collect(DAY)
    assert (again.batches, again.outcomes, again.settled_items) == ([], {}, 0)
    days.engine.poll()
    assert _snapshot(days.store) == before


def test_a_batch_that_is_taken_for_uncollected_is_collected_again_without_any_change_of_money(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, rows=[{"kind": "invalid_arguments", "share": 0.4}])
    with sandbox_days(tmp_path, scenario=scenario, retention={"delete_provider_files": False}) as days:
        days.show(economy(1, 10))
        days.prepare()
        days.engine.submit(DAY)
        days.sandbox.advance(100)
        days.engine.poll()
        days.engine.collect(DAY)
        (batch,) = days.batches()
        names = ("requests", "work_items", "attempts", "budget_accounts")
        before = [document for name in names for document in days.store.scan(name)]
        days.store.compare_and_set("batches", Move(batch["_id"], {}, {"status": "completed"}))
        again = days.engine.collect(DAY)
        assert again.outcomes == {}
        assert [document for name in names for document in days.store.scan(name)] == before


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("invalid_arguments", id="arguments that are no score"),
        pytest.param("refusal", id="a refusal"),
        pytest.param("length", id="an answer cut off"),
        pytest.param("content_filter", id="a filtered answer"),
        pytest.param("no_tool_call", id="text in place of the call"),
        pytest.param("two_tool_calls", id="two calls"),
    ],
)
def test_an_unusable_answer_goes_to_the_next_tier_and_is_paid_all_the_same(tmp_path: Path, kind: str) -> None:
    rule = {"kind": kind, "share": 1, "models": ["gpt-6-luna"]}
    with sandbox_days(tmp_path, scenario=write_scenario(tmp_path, rows=[rule])) as days:
        days.show(economy(1, 4))
        days.run()
        assert set(map(tuple, _tiers_tried(days).values())) == {("economy", "standard")}
        assert _outcomes(days) == {"invalid": 4, "valid": 4}
        assert_complete(days.store, DAY, items=4)
        assert days.items() == {"scored": 4}
        assert ledger(days.store) == billed(days.sandbox)
        assert {request["answer"]["model"] for request in days.requests()} == {"gpt-6.1-terra"}


def test_what_no_tier_can_answer_is_dead_with_every_error_kept(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, rows=[{"kind": "refusal", "share": 1}])
    with sandbox_days(tmp_path, scenario=scenario) as days:
        days.show(economy(1, 3))
        days.run()
        assert set(map(tuple, _tiers_tried(days).values())) == {("economy", "standard", "premium")}
        assert days.items() == {"dead": 3}
        assert_complete(days.store, DAY, items=3)
        assert ledger(days.store) == billed(days.sandbox) > 0
        for request in days.requests():
            assert [error["model"] for error in request["errors"]] == ["gpt-6-luna", "gpt-6.1-terra", "gpt-6-sol"]
            assert all(error["outcome"] == "invalid" and "refused" in error["error"] for error in request["errors"])
            assert request["answer"] is None


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("error_500", id="an accident at the provider"),
        pytest.param("error_429", id="a rate limit inside a batch"),
        pytest.param("status_0", id="a row that was lost"),
        pytest.param("top_level_error", id="an error without a response"),
    ],
)
def test_a_row_on_which_the_provider_failed_goes_three_times_in_its_tier_and_is_then_dead(
    tmp_path: Path, kind: str
) -> None:
    with sandbox_days(tmp_path, scenario=write_scenario(tmp_path, rows=[{"kind": kind, "share": 1}])) as days:
        days.show(economy(1, 2))
        days.run()
        assert set(map(tuple, _tiers_tried(days).values())) == {("economy",) * 3}
        assert _outcomes(days) == {"errored": 6}
        assert days.items() == {"dead": 2}
        assert [len(request["errors"]) for request in days.requests()] == [3, 3]


def test_a_row_that_fails_once_is_scored_the_next_time(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, rows=[{"kind": "error_503", "first": 2, "batches": [1]}])
    with sandbox_days(tmp_path, scenario=scenario) as days:
        days.show(economy(1, 5))
        days.run()
        assert _outcomes(days) == {"valid": 5, "errored": 2}
        assert days.items() == {"scored": 5}


def test_a_row_that_is_refused_as_it_stands_goes_to_the_next_tier(tmp_path: Path) -> None:
    rule = {"kind": "error_400", "share": 1, "models": ["gpt-6-luna"]}
    with sandbox_days(tmp_path, scenario=write_scenario(tmp_path, rows=[rule])) as days:
        days.show(economy(1, 3))
        days.run()
        assert _outcomes(days) == {"rejected": 3, "valid": 3}
        assert days.items() == {"scored": 3}


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("missing", id="a row in neither file"),
        pytest.param("bad_line", id="a line that is no JSON"),
    ],
)
def test_a_row_that_nobody_can_read_goes_again_and_does_not_count_as_its_fault(tmp_path: Path, kind: str) -> None:
    scenario = write_scenario(tmp_path, rows=[{"kind": kind, "first": 2, "batches": [1]}])
    with sandbox_days(tmp_path, scenario=scenario) as days:
        days.show(economy(1, 5))
        days.run()
        assert days.items() == {"scored": 5}
        assert _outcomes(days) == {"valid": 5, "missing": 2}
        assert {request["failures"] for request in days.requests()} == {0}


@pytest.mark.parametrize("where", ["output", "error"])
def test_a_row_that_comes_twice_is_booked_once(tmp_path: Path, where: str) -> None:
    rule = {"kind": "duplicate", "first": 3, "variant": where}
    with sandbox_days(tmp_path, scenario=write_scenario(tmp_path, rows=[rule])) as days:
        days.show(economy(1, 6))
        days.run()
        assert _outcomes(days) == {"valid": 6}
        assert ledger(days.store) == billed(days.sandbox)
        assert_complete(days.store, DAY, items=6)


def test_an_expired_batch_keeps_its_paid_rows_and_the_rest_goes_again(tmp_path: Path) -> None:
    rule = {"kind": "expire", "numbers": [1], "answered_share": 0.5, "after_seconds": 300}
    with sandbox_days(tmp_path, scenario=write_scenario(tmp_path, batches=[rule])) as days:
        days.show(economy(1, 8))
        days.run()
        assert _outcomes(days) == {"valid": 8, "expired": 4}
        assert [batch["terminal_status"] for batch in days.batches()] == ["expired", "completed"]
        assert_complete(days.store, DAY, items=8)
        assert_bought_once(days.sandbox)
        assert ledger(days.store) == billed(days.sandbox)
        assert {request["failures"] for request in days.requests()} == {0}


def test_a_cancelled_batch_keeps_its_paid_rows_and_the_rest_goes_again(days: Days) -> None:
    days.show(economy(1, 8))
    days.prepare()
    days.engine.submit(DAY)
    days.sandbox.advance(50)
    (batch,) = days.batches()
    days.sandbox.client.batches.cancel(batch["provider_batch_id"])
    days.drive()
    outcomes = _outcomes(days)
    assert outcomes["valid"] == 8
    assert outcomes["cancelled"] > 0
    assert_complete(days.store, DAY, items=8)
    assert_bought_once(days.sandbox)
    assert ledger(days.store) == billed(days.sandbox)


def test_of_a_file_with_one_bad_line_that_one_is_rejected_and_the_rest_goes_again(tmp_path: Path) -> None:
    with sandbox_days(tmp_path) as days:
        days.show(economy(1, 5))
        days.prepare()
        days.engine.submit(DAY)
        (batch,) = days.batches()
        ordered = [attempt["_id"] for attempt in days.attempts()]
        error = {"code": "invalid_request", "message": "no such thing", "param": "body", "line": 2}
        failed = {"status": "failed", "provider_errors": {"object": "list", "data": [error]}}
        days.store.compare_and_set("batches", Move(batch["_id"], {}, failed))
        days.engine.collect(DAY)
        outcomes = {attempt["_id"]: attempt["outcome"] for attempt in days.attempts()}
        assert outcomes == {key: "rejected" if key == ordered[1] else "missing" for key in ordered}
        tiers = Counter((request["status"], request["tier"], request["failures"]) for request in days.requests())
        assert tiers == {("pending", "economy", 0): 4, ("pending", "standard", 1): 1}
        assert account_of(days.store)["reserved"] == {}


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("fail_validation", id="no room in the queue"),
        pytest.param("cannot_find_file", id="a file that is not seen yet"),
    ],
)
def test_a_batch_that_fails_as_a_whole_pauses_the_day_and_goes_again_later(tmp_path: Path, kind: str) -> None:
    rule = {"kind": kind, "first": 2}
    with sandbox_days(tmp_path, scenario=write_scenario(tmp_path, batches=[rule])) as days:
        days.show(economy(1, 4))
        days.prepare()
        days.engine.submit(DAY)
        days.sandbox.advance(100)
        days.engine.poll()
        days.engine.collect(DAY)
        facts = days.engine.facts(DAY)
        assert facts.paused
        assert decide(facts) == "wait"
        assert "batch failed:" in days.attempts()[0]["error"]
        days.drive()
        assert days.items() == {"scored": 4}
        assert {request["failures"] for request in days.requests()} == {0}
        assert _outcomes(days) == {"missing": 8, "valid": 4}
        assert ledger(days.store) == billed(days.sandbox)


def test_nothing_is_sent_for_ever(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, batches=[{"kind": "fail_validation", "every": 1}])
    with sandbox_days(tmp_path, scenario=scenario) as days:
        days.show(economy(1, 2))
        days.run()
        assert days.items() == {"dead": 2}
        assert len(days.attempts()) == 2 * MOST_SENDS
        assert ledger(days.store) == 0


def test_a_batch_that_fails_for_want_of_money_halts_the_day_and_kills_nothing_however_long_it_lasts(
    tmp_path: Path,
) -> None:
    code = "billing_hard_limit_reached"
    rule = {"kind": "fail_validation", "first": MOST_SENDS + 3, "code": code, "message": "Billing hard limit"}
    with sandbox_days(tmp_path, scenario=write_scenario(tmp_path, batches=[rule])) as days:
        days.show(economy(1, 2))
        days.prepare()
        days.engine.submit(DAY)
        days.sandbox.advance(100)
        days.engine.poll()
        days.engine.collect(DAY)
        facts = days.engine.facts(DAY)
        assert (facts.paused, facts.halted, decide(facts)) == (True, True, "wait")
        assert code in str(facts.resting)
        days.drive()
        assert_complete(days.store, DAY, items=2)
        assert _outcomes(days) == {"stopped": 2 * (MOST_SENDS + 3), "valid": 2}
        assert {request["failures"] for request in days.requests()} == {0}


def test_rows_that_were_stopped_for_want_of_quota_halt_the_day_and_go_again(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, rows=[{"kind": "quota_row", "first": 2, "batches": [1]}])
    with sandbox_days(tmp_path, scenario=scenario) as days:
        days.show(economy(1, 5))
        days.prepare()
        days.engine.submit(DAY)
        days.sandbox.advance(100)
        days.engine.poll()
        days.engine.collect(DAY)
        assert days.engine.facts(DAY).halted
        days.drive()
        assert_complete(days.store, DAY, items=5)
        assert _outcomes(days) == {"stopped": 2, "valid": 5}


def test_a_status_nobody_has_heard_of_is_kept_and_waited_for(tmp_path: Path) -> None:
    rule = {"kind": "unknown_status", "every": 1, "status": "pondering", "seconds": 500}
    with sandbox_days(tmp_path, scenario=write_scenario(tmp_path, batches=[rule])) as days:
        days.show(economy(1, 3))
        days.prepare()
        days.engine.submit(DAY)
        days.sandbox.advance(50)
        days.engine.poll()
        assert [batch["status"] for batch in days.batches()] == ["pondering"]
        facts = days.engine.facts(DAY)
        assert (facts.live_batches, decide(facts)) == (1, "wait")
        days.drive()
        assert_complete(days.store, DAY, items=3)


def test_a_batch_that_vanished_is_not_sent_again_and_a_person_is_waited_for(tmp_path: Path) -> None:
    rule = {"kind": "vanish", "every": 1, "after_seconds": 10}
    with sandbox_days(tmp_path, scenario=write_scenario(tmp_path, batches=[rule])) as days:
        days.show(economy(1, 3))
        days.prepare()
        days.engine.submit(DAY)
        days.sandbox.advance(200)
        polled = days.engine.poll()
        (batch,) = days.batches()
        assert polled.changed == [batch["_id"]]
        assert batch["status"] == "vanished"
        for _ in range(3):
            assert decide(days.engine.facts(DAY)) == "wait"
            days.engine.submit(DAY)
            days.engine.poll()
        assert days.items() == {"waiting": 3}
        assert len(days.attempts()) == 3
        assert days.sandbox.journal()["counters"]["batches_created"] == 1
        # What it may have cost stays reserved: nobody knows.
        assert batch["_id"] in account_of(days.store)["reserved"]


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param({"kind": "counts", "says": "all_failed"}, id="counts that say all failed"),
        pytest.param({"kind": "counts", "says": "zero"}, id="counts of zero"),
        pytest.param({"kind": "counts", "says": "null_values"}, id="counts of null"),
        pytest.param({"kind": "usage", "says": "scaled"}, id="a total that is not its rows'"),
        pytest.param({"kind": "usage", "says": "null"}, id="no total"),
        pytest.param({"kind": "error_file_id", "value": ""}, id="an error file without a name"),
        pytest.param({"kind": "error_file_id", "value": "absent"}, id="no word of an error file"),
        pytest.param({"kind": "error_file_id", "value": "empty_file"}, id="an empty error file"),
        pytest.param({"kind": "late_results", "seconds": 150}, id="files that are named before they are there"),
        pytest.param({"kind": "validation_delay", "seconds": 900}, id="a long validation"),
    ],
)
def test_what_a_provider_says_around_its_rows_is_not_relied_on(tmp_path: Path, rule: dict[str, Any]) -> None:
    with sandbox_days(tmp_path, scenario=write_scenario(tmp_path, batches=[{**rule, "every": 1}])) as days:
        days.show(economy(1, 4))
        days.run()
        assert_complete(days.store, DAY, items=4)
        assert days.items() == {"scored": 4}
        assert ledger(days.store) == billed(days.sandbox)
        assert len(days.attempts()) == 4


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param({"kind": "bad_gateway", "operations": ["list_batches"]}, id="a proxy's error at the list"),
        pytest.param({"kind": "html_200", "operations": ["list_batches"]}, id="a proxy's page at the list"),
        pytest.param({"kind": "no_reply", "operations": ["list_batches"]}, id="no reply at the list"),
        pytest.param({"kind": "rate_limited", "operations": ["list_batches"], "retry_after": 0}, id="a rate limit"),
    ],
)
def test_a_provider_that_does_not_answer_a_poll_is_a_failure_and_changes_nothing(
    tmp_path: Path, rule: dict[str, Any]
) -> None:
    with sandbox_days(tmp_path, scenario=write_scenario(tmp_path, calls=[{**rule, "first": 3}])) as days:
        days.show(economy(1, 2))
        days.prepare()
        days.engine.submit(DAY)
        before = days.batches()
        polled = days.engine.poll()
        assert len(polled.failures) == 1
        assert (polled.asked, polled.changed) == (1, [])
        assert days.batches() == before
        days.drive()
        assert_complete(days.store, DAY, items=2)


def test_content_that_breaks_off_is_read_again_from_the_start_and_booked_once(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, calls=[{"kind": "cut_content", "first": 1}])
    with sandbox_days(tmp_path, scenario=scenario) as days:
        days.show(economy(1, 30))
        days.prepare()
        days.engine.submit(DAY)
        days.sandbox.advance(100)
        days.engine.poll()
        with pytest.raises(Exception, match="reading file"):
            days.engine.collect(DAY)
        days.drive()
        assert_complete(days.store, DAY, items=30)
        assert ledger(days.store) == billed(days.sandbox)
        assert _outcomes(days) == {"valid": 30}


def test_answers_of_a_sandbox_at_an_endpoint_taken_for_a_real_one_are_not_believed(days: Days) -> None:
    days.show(economy(1, 3))
    live = taken_for_real(days)
    live.prepare()
    live.drive()
    assert days.items() == {"dead": 3}
    for attempt in days.attempts():
        assert attempt["outcome"] == "invalid"
        assert "a sandbox answered" in attempt["error"]
        assert attempt["sandbox"] is True
    assert all(request["answer"] is None for request in days.requests())
    assert account_of(days.store, "live")["reserved"] == {}


def test_money_that_comes_back_when_a_batch_is_settled_buys_what_was_refused(tmp_path: Path) -> None:
    with sandbox_days(tmp_path, batch={"requests": 2}) as days:
        days.show(economy(1, 6))
        live = taken_for_real(days, disguised=True)
        live.prepare()
        reserve = sum(sorted(r["prompt_tokens"] for r in days.requests())[-2:]) * 110 // 100 * 50 + 2 * 400 * 250
        poor = taken_for_real(days, disguised=True, daily_usd=f"{reserve * 2.2 / 1e9:.9f}")
        first = poor.engine.submit(DAY)
        assert len(first.submission.created) == 2
        assert first.plan.refused is not None
        assert poor.engine.facts(DAY).paused
        days.sandbox.advance(100)
        poor.engine.poll()
        poor.engine.collect(DAY)
        unpause(days.store, DAY)
        assert poor.engine.submit(DAY).submission.created != []
        spent = account_of(days.store, "live")
        total = sum(spent["settled"].values()) + sum(entry["amount"] for entry in spent["reserved"].values())
        assert total <= reserve * 2.2


class _ForeignRows:
    """Providers whose files hold rows that were never asked for, and rows without an owner, before the real ones."""

    def __call__(self, name: str, act: Callable[[], Any]) -> Any:
        found = act()
        if name != "lines":
            return found
        foreign = [line(body(message()), custom_id="never-sent"), b"not JSON", line(body(message()), custom_id=None)]
        return [*foreign, *found]


def test_rows_that_were_never_asked_for_are_counted_and_change_nothing(days: Days) -> None:
    days.show(economy(1, 3))
    days.prepare()
    days.engine.submit(DAY)
    days.sandbox.advance(100)
    days.engine.poll()
    providers: Any = OddProviders(days.engine.providers, _ForeignRows())
    collected = days.but(providers=providers).engine.collect(DAY)
    assert (collected.foreign_rows, collected.unreadable_lines) == (1, 2)
    assert collected.outcomes == {"valid": 3}
    assert_complete(days.store, DAY, items=3)


def test_an_attempt_is_logged_once_without_its_prompt(days: Days) -> None:
    days.show(economy(1, 4))
    days.run()
    days.engine.collect(DAY)
    logs = list((days.engine.settings.state / "logs").glob("attempts-*.jsonl"))
    lines = [orjson.loads(entry) for path in logs for entry in path.read_bytes().splitlines()]
    assert sorted(entry["attempt_id"] for entry in lines) == sorted(attempt["_id"] for attempt in days.attempts())
    assert sum(entry["cost_nano_usd"] for entry in lines) == ledger(days.store)
    assert not any("ledgers" in str(entry) for entry in lines)


def test_transcripts_are_forgotten_after_their_days_and_attempts_are_not(days: Days) -> None:
    days.show(economy(1, 2))
    days.run()
    kept = days.store.count("transcripts")
    now = days.engine.settings.clock.now()
    assert forget_old(days.store, Retention(transcripts_days=30), now=now) == {"transcripts": 0}
    assert days.later(days=31).engine.settings.clock.now() > now
    later = days.later(days=31).engine.settings.clock.now()
    assert forget_old(days.store, Retention(transcripts_days=30), now=later) == {"transcripts": kept}
    assert len(days.attempts()) == 2


def test_what_died_is_not_bought_again_the_next_day(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, rows=[{"kind": "refusal", "share": 1}])
    with sandbox_days(tmp_path, scenario=scenario) as days:
        for day in (DAY, NEXT_DAY):
            days.show(economy(1, 2), day)
            days.run(day)
        assert days.items(NEXT_DAY) == {"dead": 2}
        assert len(list(days.store.scan("attempts"))) == 6
