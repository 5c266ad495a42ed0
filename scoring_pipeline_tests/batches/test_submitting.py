"""Planning and submitting: sizes, what is never sent, and that a lost reply buys nothing twice."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from crashing import Died, Fate, OddProviders
from day_kit import (
    DAY,
    NEXT_DAY,
    Days,
    account_of,
    ambiguous,
    assert_bought_once,
    assert_complete,
    billed,
    bury_owner,
    economy,
    ledger,
    prepare,
    sandbox_days,
    taken_for_real,
    unpause,
)
from openai_kit import write_scenario
from scoring_kit import listing, profile

from scoring_pipeline.batches.days import begin_day, decide
from scoring_pipeline.batches.engine import GateClosedError, require_budget
from scoring_pipeline.batches.lease import LeaseHeldError, LeaseLostError, acquire
from scoring_pipeline.batches.render import transcript_lines, transcript_of
from scoring_pipeline.llm.errors import PermanentProviderError
from scoring_pipeline.settings import ConfigError
from scoring_pipeline.storage.port import Document, DocumentStore, Move


@pytest.fixture
def days(tmp_path: Path) -> Iterator[Days]:
    with sandbox_days(tmp_path) as made:
        yield made


def _sizes(days: Days, day: str = DAY) -> list[int]:
    return [batch["requests"] for batch in days.batches(day)]


def test_a_day_is_submitted_as_one_batch_a_model_with_its_key_in_the_metadata(days: Days) -> None:
    days.show([*economy(1, 5), *ambiguous(20, 3)])
    days.prepare()
    done = days.engine.submit(DAY)
    assert (done.plan.requests, len(done.plan.batches), done.plan.refused, done.deferred) == (8, 2, None, 0)
    assert done.submission.created == done.plan.batches
    remote = {batch.id: batch for batch in days.sandbox.client.batches.list()}
    for batch in days.batches():
        there = remote[batch["provider_batch_id"]]
        assert there.metadata == {"scoring_pipeline": "test", "plan": batch["_id"]}
        content = days.sandbox.client.files.content(batch["input_file_id"]).content
        lines = [orjson.loads(line) for line in content.splitlines()]
        assert {line["body"]["model"] for line in lines} == {batch["model"]}
        assert {line["custom_id"] for line in lines} == {
            a["_id"] for a in days.attempts() if a["batch_id"] == batch["_id"]
        }
        assert len(content) == batch["file_bytes"]


def test_submitting_again_sends_nothing(days: Days) -> None:
    days.show(economy(1, 5))
    days.prepare()
    days.engine.submit(DAY)
    before = days.batches()
    again = days.engine.submit(DAY)
    assert (again.plan.batches, again.submission.created) == ([], [])
    assert days.batches() == before
    assert decide(days.engine.facts(DAY)) == "wait"


def test_ordinary_days_go_in_batches_of_five_hundred(tmp_path: Path) -> None:
    with sandbox_days(tmp_path) as days:
        assert days.engine.settings.batch.requests == 500
        days.show(economy(1, 1001))
        days.prepare()
        days.engine.submit(DAY)
        assert _sizes(days) == [500, 500, 1]


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        pytest.param({"requests": 4}, [4, 4, 2], id="the configured size"),
        pytest.param({"requests": 2, "target_batches": 2}, [5, 5], id="a day too large for it grows its batches"),
        pytest.param({"requests": 2, "target_batches": 1, "max_requests": 4}, [4, 4, 2], id="up to the bound"),
        pytest.param({"requests": 9, "max_requests": 3}, [3, 3, 3, 1], id="the bound holds for any size"),
    ],
)
def test_the_size_of_batches_follows_the_work(tmp_path: Path, batch: dict[str, int], expected: list[int]) -> None:
    with sandbox_days(tmp_path, batch=batch) as days:
        days.show(economy(1, 10))
        days.prepare()
        days.engine.submit(DAY)
        assert _sizes(days) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("The team ships every week. ", id="English"),
        pytest.param("=", id="a rule of signs, many to a token"),
        pytest.param("看護師を募集しています。", id="Japanese"),
        pytest.param("👩‍⚕️", id="signs of many code points"),
        pytest.param('\\"', id="characters that JSON escapes"),
        pytest.param("\x01", id="control characters, six bytes each in JSON"),
    ],
)
def test_no_file_is_larger_than_configured_whatever_the_postings_hold(tmp_path: Path, text: str) -> None:
    with sandbox_days(tmp_path, batch={"max_bytes": 150_000}) as days:
        body = (text * 20_000)[:20_000]
        days.show([listing(number, description=f"{number}\n{body}") for number in range(1, 25)])
        days.prepare()
        days.engine.submit(DAY)
        sizes = [batch["file_bytes"] for batch in days.batches()]
        assert sum(_sizes(days)) == 24
        assert all(size <= 150_000 or requests == 1 for size, requests in zip(sizes, _sizes(days), strict=True))


def test_files_are_filled_up_to_their_bound_and_not_by_half(tmp_path: Path) -> None:
    with sandbox_days(tmp_path, batch={"max_bytes": 100_000}) as days:
        days.show([listing(number, description="The team ships weekly. " * 40) for number in range(1, 101)])
        days.prepare()
        days.engine.submit(DAY)
        sizes = [batch["file_bytes"] for batch in days.batches()]
        assert max(sizes) <= 100_000
        assert min(sizes[:-1]) > 80_000


def test_nothing_is_submitted_for_a_day_whose_gate_is_closed(days: Days) -> None:
    days.show(economy(1, 2))
    with pytest.raises(GateClosedError, match="its checks have not passed"):
        days.engine.submit(DAY)
    days.prepare()
    begin_day(days.store, DAY, now=days.engine.settings.clock.now())
    with pytest.raises(GateClosedError):
        days.engine.submit(DAY)
    assert days.sandbox.journal()["batches"] == {}
    assert days.store.count("batches") == 0


def test_a_live_lease_of_somebody_else_keeps_from_submitting_and_collecting(days: Days) -> None:
    days.show(economy(1, 2))
    days.prepare()
    lease = acquire(days.store, DAY, days.engine.settings.clock)
    for act in (days.engine.submit, days.engine.collect):
        with pytest.raises(LeaseHeldError):
            act(DAY)
    lease.release()
    assert days.engine.submit(DAY).submission.created


class _Usurped:
    """Providers at whose upload another process takes the day over."""

    def __init__(self, days: Days) -> None:
        self._days = days

    def __call__(self, name: str, act: Any) -> Any:
        result = act()
        if name == "upload":
            bury_owner(self._days.store, DAY)
            acquire(self._days.store, DAY, self._days.engine.settings.clock)
        return result


def test_who_lost_the_day_while_uploading_creates_no_batch(days: Days) -> None:
    days.show(economy(1, 2))
    days.prepare()
    providers: Any = OddProviders(days.engine.providers, _Usurped(days))
    with pytest.raises(LeaseLostError):
        days.but(providers=providers).engine.submit(DAY)
    assert days.sandbox.journal()["batches"] == {}
    bury_owner(days.store, DAY)
    days.drive()
    assert_complete(days.store, DAY, items=2)
    assert_bought_once(days.sandbox)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("lost_reply", id="the connection was lost before the reply"),
        pytest.param("error_after_commit", id="it said 500 and had done it"),
        pytest.param("html_after_commit", id="a proxy answered in its place"),
    ],
)
def test_a_batch_whose_reply_was_lost_is_adopted_and_not_bought_again(tmp_path: Path, kind: str) -> None:
    scenario = write_scenario(tmp_path, creates=[{"kind": kind, "first": 1}])
    with sandbox_days(tmp_path, scenario=scenario) as days:
        days.show([*economy(1, 3), *ambiguous(20, 2)])
        days.prepare()
        first = days.engine.submit(DAY)
        assert (len(first.submission.created), len(first.submission.in_doubt)) == (1, 1)
        second = days.engine.submit(DAY)
        assert second.submission.adopted == first.submission.in_doubt
        assert second.submission.created == []
        days.drive()
        assert sum(days.sandbox.journal()["batches"].values()) == 2
        assert_complete(days.store, DAY, items=5)
        assert_bought_once(days.sandbox)


@pytest.mark.parametrize("offset", [pytest.param("P3D", id="ahead of time"), pytest.param("-P3D", id="behind time")])
def test_a_lost_batch_is_adopted_at_whatever_time_the_pipelines_clock_is_set(tmp_path: Path, offset: str) -> None:
    scenario = write_scenario(tmp_path, creates=[{"kind": "lost_reply", "first": 1}])
    with sandbox_days(tmp_path, scenario=scenario, clock_offset=offset) as days:
        days.show(economy(1, 3))
        days.run()
        assert sum(days.sandbox.journal()["batches"].values()) == 1
        assert_bought_once(days.sandbox)


def test_a_list_that_lags_is_waited_for(tmp_path: Path) -> None:
    scenario = write_scenario(
        tmp_path,
        creates=[{"kind": "lost_reply", "first": 1}],
        batches=[{"kind": "list_lag", "first": 1, "seconds": 50}],
    )
    with sandbox_days(tmp_path, scenario=scenario, provider={"list_lag_seconds": 60}) as days:
        days.show(economy(1, 3))
        days.prepare()
        lost = days.engine.submit(DAY).submission.in_doubt
        unpause(days.store, DAY)
        still = days.later(seconds=40).engine.submit(DAY).submission
        assert (still.in_doubt, still.adopted, still.created) == (lost, [], [])
        unpause(days.store, DAY)
        found = days.later(seconds=55).engine.submit(DAY).submission
        assert found.adopted == lost
        assert sum(days.sandbox.journal()["batches"].values()) == 1


def test_a_batch_that_was_never_created_is_created_again_once_the_list_had_time_to_show_it(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, creates=[{"kind": "no_reply", "first": 1}])
    with sandbox_days(tmp_path, scenario=scenario, provider={"list_lag_seconds": 60}) as days:
        days.show(economy(1, 3))
        days.prepare()
        lost = days.engine.submit(DAY).submission.in_doubt
        assert days.later(seconds=30).engine.submit(DAY).submission.in_doubt == lost
        assert days.later(seconds=61).engine.submit(DAY).submission.created == lost
        assert sum(days.sandbox.journal()["batches"].values()) == 1


def test_of_two_batches_with_one_key_the_older_is_adopted_and_the_younger_cancelled(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, creates=[{"kind": "lost_reply", "first": 1}])
    with sandbox_days(tmp_path, scenario=scenario) as days:
        days.show(economy(1, 3))
        days.prepare()
        (lost,) = days.engine.submit(DAY).submission.in_doubt
        (older,) = days.sandbox.client.batches.list()
        days.sandbox.advance(1)
        assert older.metadata is not None
        younger = days.sandbox.create(older.input_file_id, metadata=dict(older.metadata))
        unpause(days.store, DAY)
        assert days.engine.submit(DAY).submission.adopted == [lost]
        assert days.batches()[0]["provider_batch_id"] == older.id
        assert days.sandbox.again(younger).status in {"cancelling", "cancelled"}


def test_a_younger_batch_that_has_ended_already_does_not_keep_from_adopting(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, creates=[{"kind": "lost_reply", "first": 1}])
    with sandbox_days(tmp_path, scenario=scenario) as days:
        days.show(economy(1, 3))
        days.prepare()
        (lost,) = days.engine.submit(DAY).submission.in_doubt
        (older,) = days.sandbox.client.batches.list()
        assert older.metadata is not None
        days.sandbox.create(older.input_file_id, metadata=dict(older.metadata))
        days.sandbox.advance(200)
        unpause(days.store, DAY)
        assert days.engine.submit(DAY).submission.adopted == [lost]
        days.drive()
        assert days.items() == {"scored": 3}


def test_another_deployments_batch_is_never_adopted(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, creates=[{"kind": "no_reply", "first": 1}])
    with sandbox_days(tmp_path, scenario=scenario) as days:
        days.show(economy(1, 3))
        days.prepare()
        (lost,) = days.engine.submit(DAY).submission.in_doubt
        plan = days.store.get("batches", lost)
        assert plan is not None
        # The first create call went unheard; this one is somebody else's.
        days.sandbox.create(plan["input_file_id"], metadata={"scoring_pipeline": "other", "plan": lost})
        unpause(days.store, DAY)
        done = days.engine.submit(DAY).submission
        assert (done.adopted, done.created) == ([], [lost])


@pytest.mark.parametrize(
    ("kind", "halted"),
    [
        pytest.param("insufficient_quota", True, id="no quota"),
        pytest.param("unauthorized", True, id="a key that is refused"),
    ],
)
def test_a_stop_halts_submission_loses_nothing_and_goes_on_when_it_is_mended(
    tmp_path: Path, kind: str, halted: bool
) -> None:
    scenario = write_scenario(tmp_path, creates=[{"kind": kind, "first": 1}])
    with sandbox_days(tmp_path, scenario=scenario, batch={"requests": 2}) as days:
        days.show(economy(1, 6))
        days.prepare()
        submission = days.engine.submit(DAY).submission
        assert submission.halted is halted
        assert submission.stopped is not None
        assert submission.created == []
        facts = days.engine.facts(DAY)
        assert (facts.paused, facts.halted, facts.unsent_batches) == (True, True, 3)
        assert decide(facts) == "wait"
        days.drive()
        assert_complete(days.store, DAY, items=6)
        assert_bought_once(days.sandbox)


def _calls(tmp_path: Path, kind: str, operation: str) -> Path:
    return write_scenario(tmp_path, calls=[{"kind": kind, "first": 1, "operations": [operation]}])


def test_a_refused_key_at_the_upload_halts_submission(tmp_path: Path) -> None:
    with sandbox_days(tmp_path, scenario=_calls(tmp_path, "unauthorized", "upload_file")) as days:
        days.show(economy(1, 3))
        days.prepare()
        submission = days.engine.submit(DAY).submission
        assert submission.halted
        days.drive()
        assert_complete(days.store, DAY, items=3)


def test_a_file_that_the_provider_calls_too_large_is_voided_and_its_requests_wait_again(tmp_path: Path) -> None:
    with sandbox_days(tmp_path, scenario=_calls(tmp_path, "payload_too_large", "upload_file")) as days:
        days.show(economy(1, 3))
        days.prepare()
        with pytest.raises(PermanentProviderError, match="413"):
            days.engine.submit(DAY)
        assert [batch["status"] for batch in days.store.scan("batches")] == ["voided"]
        assert {request["status"] for request in days.requests()} == {"pending"}
        assert account_of(days.store)["reserved"] == {}
        days.drive()
        assert_complete(days.store, DAY, items=3)


def test_a_provider_that_is_away_while_doubts_are_to_be_settled_ends_the_pass_and_no_more(tmp_path: Path) -> None:
    scenario = write_scenario(
        tmp_path,
        creates=[{"kind": "lost_reply", "first": 1}],
        calls=[{"kind": "server_error", "first": 3, "operations": ["list_batches"]}],
    )
    with sandbox_days(tmp_path, scenario=scenario) as days:
        days.show(economy(1, 3))
        days.prepare()
        days.engine.submit(DAY)
        unpause(days.store, DAY)
        submission = days.engine.submit(DAY).submission
        assert submission.stopped is not None
        assert (submission.adopted, submission.created) == ([], [])
        days.drive()
        assert sum(days.sandbox.journal()["batches"].values()) == 1


class _RefusedOnce:
    """A provider that refuses the first create as such, which then dies at a chosen write of undoing the plan."""

    def __init__(self) -> None:
        self.refused = False

    def __call__(self, name: str, act: Any) -> Any:
        if name == "create" and not self.refused:
            self.refused = True
            raise PermanentProviderError("creating a batch: HTTP 400: Cannot find file")
        return act()


class _DiesUndoing:
    """A store of a process that dies at the n-th write after the provider refused."""

    def __init__(self, store: DocumentStore, refusal: _RefusedOnce, fate: Fate) -> None:
        self._store, self._refusal, self._fate = store, refusal, fate

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if not callable(method):
            return method

        def call(*arguments: Any, **named: Any) -> Any:
            if self._refusal.refused and name not in {"get", "get_many", "scan", "page", "count", "exists"}:
                return self._fate.survive(name, lambda: method(*arguments, **named))
            return method(*arguments, **named)

        return call


@pytest.mark.slow
@pytest.mark.parametrize("after", [pytest.param(False, id="before it"), pytest.param(True, id="right after it")])
@pytest.mark.parametrize("moment", range(1, 8))
def test_a_process_that_dies_while_it_undoes_a_refused_plan_leaves_nothing_that_is_bought_twice(
    days: Days, moment: int, after: bool
) -> None:
    days.show(economy(1, 4))
    days.prepare()
    refusal = _RefusedOnce()
    dying: Any = _DiesUndoing(days.store, refusal, Fate(moment, after=after))
    providers: Any = OddProviders(days.engine.providers, refusal)
    with pytest.raises((Died, PermanentProviderError)):
        days.but(store=dying, providers=providers).engine.submit(DAY)
    bury_owner(days.store, DAY)
    days.drive()
    assert_complete(days.store, DAY, items=4)
    assert_bought_once(days.sandbox)
    assert ledger(days.store) == billed(days.sandbox)


@pytest.mark.slow
def test_processes_that_submit_the_same_day_at_once_end_with_one_set_of_batches(tmp_path: Path) -> None:
    with sandbox_days(tmp_path, batch={"requests": 500}) as days:
        days.show([*economy(1, 60), *ambiguous(100, 20)])
        days.prepare()
        script = str(Path(__file__).with_name("submit_once.py"))
        racers = [
            subprocess.Popen(
                [sys.executable, script, str(tmp_path), days.sandbox.url, DAY],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(3)
        ]
        for racer in racers:
            assert racer.stdout is not None
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("go\n")
            racer.stdin.flush()
        said = sorted(racer.communicate(timeout=120)[0].strip() for racer in racers)
        assert [racer.returncode for racer in racers] == [0, 0, 0]
        assert said.count("created 2") == 1
        assert set(said) <= {"created 2", "created 0", "held"}
        assert sum(days.sandbox.journal()["batches"].values()) == 2
        days.drive()
        assert_complete(days.store, DAY, items=80)
        assert_bought_once(days.sandbox)
        assert ledger(days.store) == billed(days.sandbox)


def _daily_usd(days: Days, requests: int) -> str:
    """A limit that lets so many requests of this day be reserved."""
    prompt = max(request["prompt_tokens"] for request in days.requests())
    return f"{requests * (-(-prompt * 110 // 100) * 50 + 400 * 250) / 1e9:.9f}"


def test_a_budget_that_is_used_up_defers_the_rest_of_the_day_and_the_next_takes_it_up(tmp_path: Path) -> None:
    with sandbox_days(tmp_path, batch={"requests": 2}) as days:
        days.show(economy(1, 6))
        taken_for_real(days).prepare()
        poor = taken_for_real(days, daily_usd=_daily_usd(days, 4))
        done = poor.engine.submit(DAY)
        assert done.plan.refused is not None
        assert "budget.daily_usd" in done.plan.refused
        assert (len(done.submission.created), done.deferred) == (2, 0)
        assert poor.engine.facts(DAY).paused
        for batch in poor.batches():
            assert batch["status"] != "planned"
        # Nothing comes back from what is settled at once: what was not used is free again, and buys the rest.
        days.sandbox.advance(100)
        poor.engine.poll()
        assert decide(poor.engine.facts(DAY)) == "collect"


def test_without_anything_under_way_a_refused_budget_defers_at_once(tmp_path: Path) -> None:
    with sandbox_days(tmp_path) as days:
        days.show(economy(1, 6))
        taken_for_real(days).prepare()
        poor = taken_for_real(days, daily_usd="0.000000001")
        done = poor.engine.submit(DAY)
        assert (done.plan.batches, done.deferred) == ([], 6)
        assert days.items() == {"deferred": 6}
        assert decide(poor.engine.facts(DAY)) == "finalize"
        assert account_of(days.store, "live")["reserved"] == {}
        assert days.sandbox.journal()["batches"] == {}
        days.show(economy(1, 6), NEXT_DAY)
        taken_for_real(days).prepare(NEXT_DAY)
        assert len(taken_for_real(days).engine.submit(NEXT_DAY).submission.created) == 1


def test_a_real_endpoint_without_a_budget_is_refused_by_the_gate(days: Days) -> None:
    days.show(economy(1, 2))
    providers: Any = taken_for_real(days).engine.providers
    broke = days.but(providers=providers)
    with pytest.raises(ConfigError, match=r"budget\.daily_usd and budget\.monthly_usd must be set"):
        _ = broke.engine.sandbox
    with pytest.raises(ConfigError):
        require_budget(broke.engine.settings)


def _planned_only(days: Days) -> Document:
    """Let the sandbox's engine plan and seal, and die before it uploads."""
    fate = Fate(1, after=False)
    providers: Any = OddProviders(days.engine.providers, fate.survive)
    with pytest.raises(Died):
        days.but(providers=providers).engine.submit(DAY)
    (batch,) = days.batches()
    assert (batch["status"], batch["sandbox"]) == ("planned", True)
    assert batch["file_digest"]
    bury_owner(days.store, DAY)
    return batch


@pytest.mark.parametrize("status", ["planned", "uploaded", "creating"])
def test_what_was_planned_for_the_sandbox_is_never_bought_from_a_real_endpoint(days: Days, status: str) -> None:
    days.show(economy(1, 3))
    days.prepare()
    batch = _planned_only(days)
    fields = {"status": status, "input_file_id": "file-x", "create_started_at": batch["created_at"]}
    days.store.compare_and_set("batches", Move(batch["_id"], {}, fields))
    live = taken_for_real(days)
    live.prepare()
    unpause(days.store, DAY)
    live.engine.submit(DAY)
    unpause(days.store, DAY)
    live.engine.submit(DAY)
    left = days.store.get("batches", batch["_id"])
    assert left is not None
    assert left["status"] == "voided"
    sent = {line["custom_id"] for line in _sent(days)}
    assert sent == {a["_id"] for a in days.attempts() if not a["sandbox"]}
    assert len(sent) == 3
    assert account_of(days.store)["reserved"] == {}


def _sent(days: Days) -> list[dict[str, Any]]:
    files = [days.sandbox.client.files.content(batch.input_file_id) for batch in days.sandbox.client.batches.list()]
    return [orjson.loads(line) for file in files for line in file.content.splitlines()]


def test_requests_that_the_sandbox_left_pending_are_not_bought_from_a_real_endpoint(days: Days) -> None:
    days.show(economy(1, 3))
    days.prepare()
    live = taken_for_real(days)
    counts = live.prepare()
    assert counts.new_requests == 3
    live.engine.submit(DAY)
    assert {attempt["request_key"] for attempt in days.attempts()} == {
        r["_id"] for r in days.requests() if not r["sandbox"]
    }
    assert not any(attempt["sandbox"] for attempt in days.attempts())


def test_a_prompt_is_kept_as_it_was_sent_and_an_attempt_finds_its_own(days: Days) -> None:
    days.show(economy(1, 3))
    days.run()
    attempt = days.attempts()[0]
    kept = transcript_of(days.store, attempt)
    assert kept["in"] is not None
    assert kept["out"] is not None
    assert orjson.loads(kept["in"])["custom_id"] == orjson.loads(kept["out"])["custom_id"] == attempt["_id"]
    document = days.store.page("transcripts", limit=1)[0]
    assert all(orjson.loads(line) for line in transcript_lines(document))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda path: path.unlink(), id="it is gone"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-100]), id="it was half written"),
        pytest.param(lambda path: path.write_bytes(b"something else"), id="it is something else"),
    ],
)
def test_a_spooled_file_that_is_not_what_was_sealed_is_rendered_again(days: Days, change: Any) -> None:
    days.show(economy(1, 3))
    days.prepare()
    batch = _planned_only(days)
    (spooled,) = (days.engine.settings.state / "spool").iterdir()
    change(spooled)
    days.engine.submit(DAY)
    assert {line["custom_id"] for line in _sent(days)} == {attempt["_id"] for attempt in days.attempts()}
    sent = days.sandbox.client.files.content(days.batches()[0]["input_file_id"]).content
    assert len(sent) == batch["file_bytes"]


def test_a_plan_that_cannot_be_rendered_as_it_was_sealed_is_voided_and_planned_anew(days: Days) -> None:
    days.show(economy(1, 3))
    days.prepare()
    batch = _planned_only(days)
    (spooled,) = (days.engine.settings.state / "spool").iterdir()
    spooled.unlink()
    days.store.compare_and_set("batches", Move(batch["_id"], {}, {"rubric": "of another version"}))
    submission = days.engine.submit(DAY).submission
    assert submission.voided == [batch["_id"]]
    days.drive()
    assert_complete(days.store, DAY, items=3)
    assert_bought_once(days.sandbox)


def test_an_unknown_model_never_gets_past_the_gate(tmp_path: Path) -> None:
    with sandbox_days(tmp_path) as days:
        days.show(economy(1, 1))
        live = taken_for_real(days)
        _, report = prepare(live.engine, DAY)
        assert report.passed
        assert report.expected > 0
        assert report.at_most > report.expected


def test_a_gate_warns_of_a_budget_that_will_not_do(tmp_path: Path) -> None:
    with sandbox_days(tmp_path) as days:
        days.show(economy(1, 5))
        _, report = prepare(taken_for_real(days, daily_usd="0.000001").engine, DAY)
        assert report.passed
        assert any("what does not fit is deferred" in warning for warning in report.warnings)


def test_a_profile_more_is_a_request_more_for_each_listing(days: Days) -> None:
    days.show(economy(1, 3))
    days.prepare(profiles=[profile("backend"), profile("nurse")])
    days.drive()
    assert days.items() == {"scored": 6}
