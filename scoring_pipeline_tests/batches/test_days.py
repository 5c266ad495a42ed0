"""What a day needs next, as a table; and how its state in the store changes."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from day_kit import DAY, NEXT_DAY, NOW, opened

from scoring_pipeline.batches.days import (
    Action,
    DayFacts,
    begin_day,
    close_day,
    decide,
    finalize_day,
    note_progress,
    open_day,
    open_days,
    pause_day,
    read_day,
)
from scoring_pipeline.batches.model import LIVE, TERMINAL, LostMoveError, is_live, move
from scoring_pipeline.settings import Clock
from scoring_pipeline.storage.port import DocumentStore, StoreError
from scoring_pipeline.values import from_utc_text, utc_text

QUIET = DayFacts(
    partition=DAY,
    status="open",
    terminal_batches=0,
    live_batches=0,
    unsent_batches=0,
    vanished_batches=0,
    pending_requests=False,
    waiting_on=frozenset(),
    held=False,
    paused=False,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DocumentStore]:
    with opened(tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    ("facts", "action"),
    [
        pytest.param({}, "finalize", id="nothing waits any more"),
        pytest.param({"status": "gated"}, "nothing", id="the gate is closed"),
        pytest.param({"status": "finalized"}, "nothing", id="done"),
        pytest.param({"status": "absent"}, "nothing", id="never begun"),
        pytest.param({"held": True, "terminal_batches": 1}, "wait", id="somebody is at work"),
        pytest.param({"terminal_batches": 1, "pending_requests": True}, "collect", id="collecting comes first"),
        pytest.param({"terminal_batches": 1, "paused": True}, "collect", id="a rest does not keep from collecting"),
        pytest.param({"terminal_batches": 1, "files_awaited": True}, "wait", id="its files are not there yet"),
        pytest.param(
            {"terminal_batches": 1, "files_awaited": True, "pending_requests": True},
            "submit",
            id="its files are not there yet, and other work waits",
        ),
        pytest.param({"pending_requests": True}, "submit", id="work waits"),
        pytest.param({"unsent_batches": 1}, "submit", id="a plan was not sent"),
        pytest.param({"pending_requests": True, "live_batches": 3}, "submit", id="work waits beside live batches"),
        pytest.param({"pending_requests": True, "paused": True}, "wait", id="work waits, submission rests"),
        pytest.param({"unsent_batches": 1, "paused": True}, "wait", id="a plan was not sent, submission rests"),
        pytest.param({"live_batches": 1}, "wait", id="the provider is at work"),
        pytest.param({"vanished_batches": 1}, "wait", id="a person has to look"),
        pytest.param({"waiting_on": frozenset({"planned"})}, "wait", id="another day buys it"),
        pytest.param({"waiting_on": frozenset({"pending"})}, "submit", id="nobody buys it"),
        pytest.param({"waiting_on": frozenset({"answered"})}, "collect", id="answered and not noticed"),
        pytest.param({"waiting_on": frozenset({"dead"})}, "collect", id="dead and not noticed"),
    ],
)
def test_what_a_day_needs_next(facts: dict[str, Any], action: Action) -> None:
    assert decide(replace(QUIET, **facts)) == action


def test_a_day_begins_gated_opens_closes_and_ends(store: DocumentStore) -> None:
    assert read_day(store, DAY, Clock()).status == "absent"
    assert begin_day(store, DAY, now=NOW) == 1
    assert read_day(store, DAY, Clock()).status == "gated"
    open_day(store, DAY, gate={"revision": 1}, now=NOW)
    assert open_days(store) == [DAY]
    assert close_day(store, DAY, 1)
    assert open_days(store) == []
    open_day(store, DAY, gate={"revision": 1}, now=NOW)
    assert finalize_day(store, DAY, 1, now=NOW)
    assert read_day(store, DAY, Clock()).status == "finalized"


def test_a_gate_that_was_looked_at_for_an_older_work_set_opens_nothing(store: DocumentStore) -> None:
    begin_day(store, DAY, now=NOW)
    assert begin_day(store, DAY, now=NOW) == 2
    open_day(store, DAY, gate={"revision": 1}, now=NOW)
    assert open_days(store) == []
    open_day(store, DAY, gate={"revision": 2}, now=NOW)
    assert not finalize_day(store, DAY, 1, now=NOW)
    assert not close_day(store, DAY, 1)
    assert open_days(store) == [DAY]


def test_open_days_come_the_oldest_first(store: DocumentStore) -> None:
    for day in (NEXT_DAY, DAY):
        revision = begin_day(store, day, now=NOW)
        open_day(store, day, gate={"revision": revision}, now=NOW)
    assert open_days(store) == [DAY, NEXT_DAY]


def test_a_day_that_begins_anew_has_forgotten_its_rest(store: DocumentStore) -> None:
    clock = Clock()
    begin_day(store, DAY, now=NOW)
    pause_day(store, DAY, now=clock.now(), pause=timedelta(hours=1), why="no quota", halted=True)
    facts = read_day(store, DAY, clock)
    assert (facts.paused, facts.resting, facts.halted) == (True, "no quota", True)
    begin_day(store, DAY, now=NOW)
    assert not read_day(store, DAY, clock).paused


def test_setbacks_pause_ever_longer_up_to_half_an_hour_and_an_answer_ends_them(store: DocumentStore) -> None:
    begin_day(store, DAY, now=NOW)
    pauses = []
    for _ in range(9):
        note_progress(store, DAY, answered=0, now=NOW)
        day = store.get("partitions", DAY)
        assert day is not None
        pauses.append((from_utc_text(day["retry_at"]) - NOW).total_seconds())
    assert pauses == [30, 60, 120, 240, 480, 960, 1800, 1800, 1800]
    note_progress(store, DAY, answered=1, now=NOW)
    day = store.get("partitions", DAY)
    assert day is not None
    assert (day["setbacks"], day["retry_at"]) == (0, None)


def test_a_rest_after_a_setback_does_not_repeat_an_older_halt(store: DocumentStore) -> None:
    begin_day(store, DAY, now=NOW)
    now = Clock().now()
    pause_day(store, DAY, now=now, why="no quota", halted=True)
    note_progress(store, DAY, answered=0, now=now)
    facts = read_day(store, DAY, Clock())
    assert (facts.paused, facts.resting, facts.halted) == (True, None, False)


def test_a_rest_is_over_when_its_time_has_come(store: DocumentStore) -> None:
    begin_day(store, DAY, now=NOW)
    pause_day(store, DAY, now=Clock().now(), pause=timedelta(minutes=10))
    assert read_day(store, DAY, Clock()).paused
    assert not read_day(store, DAY, Clock(timedelta(minutes=11))).paused


def _batch(store: DocumentStore, status: str) -> dict[str, Any]:
    batch = {"_id": f"{DAY}/1", "partition": DAY, "status": status, "created_at": utc_text(NOW)}
    store.upsert("batches", [batch])
    return batch


@pytest.mark.parametrize(
    ("before", "to"),
    [
        pytest.param("planned", "uploaded", id="a plan is uploaded"),
        pytest.param("creating", "uploaded", id="what was never created goes back"),
        pytest.param("creating", "completed", id="adopted when it is done already"),
        pytest.param("in_progress", "completed", id="it is done"),
        pytest.param("completed", "collected", id="it is collected"),
        pytest.param("in_progress", "pondering", id="a status nobody has heard of"),
        pytest.param("pondering", "in_progress", id="and back"),
        pytest.param("pondering", "vanished", id="gone from a status nobody has heard of"),
    ],
)
def test_a_legal_move_is_made_once(store: DocumentStore, before: str, to: str) -> None:
    batch = _batch(store, before)
    assert move(store, batch, to, {"note": 1}) == {**batch, "status": to, "note": 1}
    with pytest.raises(LostMoveError):
        move(store, batch, to, {})


@pytest.mark.parametrize(
    ("before", "to"),
    [
        pytest.param("planned", "creating", id="created without a file"),
        pytest.param("planned", "completed", id="done without being sent"),
        pytest.param("in_progress", "voided", id="voided while it is paid for"),
        pytest.param("completed", "voided", id="voided though it was paid for"),
        pytest.param("collected", "completed", id="collected twice"),
        pytest.param("voided", "uploaded", id="sent after it was voided"),
        pytest.param("in_progress", "planned", id="sent again"),
        pytest.param("vanished", "uploaded", id="sent again after it vanished"),
    ],
)
def test_an_illegal_move_is_refused_and_changes_nothing(store: DocumentStore, before: str, to: str) -> None:
    batch = _batch(store, before)
    with pytest.raises(StoreError, match=f"no move from '{before}' to '{to}'"):
        move(store, batch, to, {})
    assert store.get("batches", batch["_id"]) == batch


def test_a_status_nobody_has_heard_of_is_live() -> None:
    assert is_live({"status": "PONDERING"})
    assert all(is_live({"status": status}) for status in LIVE)
    assert not any(
        is_live({"status": status}) for status in (*TERMINAL, "planned", "creating", "collected", "vanished")
    )
