"""When a board counts as gone, failing or well: judged from its days, and found in a store."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from scoring_pipeline.ats.errors import BoardGone, FetchError, TransientFetchError
from scoring_pipeline.ats.health import BoardHealth, Drop, board_health, gone_boards
from scoring_pipeline.ats.model import Failed, Fetched, Reading, Row
from scoring_pipeline.ats.raw import record_board, stored_snapshots
from scoring_pipeline.settings import Ats, Board
from scoring_pipeline.storage.port import DocumentStore

FIRST = date(2026, 11, 1)
TODAY = "2026-11-20"
BOARD = Board(name="acme", company="Acme")
GONE = BoardGone("https://x answered 404", status=404)
DOWN = TransientFetchError("https://x answered 503", status=503)
ATS = Ats(gone_after_days=3)


def day(number: int) -> str:
    return (FIRST + timedelta(days=number)).isoformat()


def keep(store: DocumentStore, number: int, what: int | FetchError, board: Board = BOARD) -> None:
    """Keep one day: a reading of so many rows, or a failure."""
    moment = datetime(2026, 11, 1, 6, 0, tzinfo=UTC) + timedelta(days=number)
    if isinstance(what, int):
        outcome: Any = Fetched(Reading(tuple(Row(str(i), {"id": i}) for i in range(what))), moment, "https://x")
    else:
        outcome = Failed(what, moment, "https://x")
    record_board(store, day(number), "lever", board, outcome)


def health(store: DocumentStore, ats: Ats = ATS, today: str = TODAY) -> BoardHealth:
    return board_health(store, ats, "lever", BOARD, today=today)


@pytest.mark.parametrize(
    ("days", "state", "not_found"),
    [
        pytest.param([], "unread", 0, id="never asked"),
        pytest.param([5], "ok", 0, id="read"),
        pytest.param([0], "ok", 0, id="read and empty"),
        pytest.param([5, DOWN], "failing", 0, id="down"),
        pytest.param([5, GONE, GONE], "failing", 2, id="404, not for long enough"),
        pytest.param([5, GONE, GONE, GONE], "gone", 3, id="404 for just long enough"),
        pytest.param([GONE, GONE, GONE], "gone", 3, id="404 from its first day"),
        pytest.param([GONE] * 9, "gone", 3, id="404 for longer: counted no further"),
        pytest.param([GONE, GONE, DOWN, GONE], "failing", 1, id="a day of another failure is no evidence"),
        pytest.param([GONE, DOWN, GONE, GONE, GONE], "gone", 3, id="long enough after another failure"),
        pytest.param([GONE, GONE, GONE, 2], "ok", 0, id="it came back"),
        pytest.param([DOWN] * 9, "failing", 0, id="down for long is not gone"),
    ],
)
def test_a_boards_state_follows_from_its_days(
    store: DocumentStore, days: list[int | FetchError], state: str, not_found: int
) -> None:
    for number, what in enumerate(days):
        keep(store, number, what)
    found = health(store)
    assert (found.state, found.not_found_days) == (state, not_found)


def test_days_on_which_it_was_not_asked_do_not_count(store: DocumentStore) -> None:
    for number in (0, 7, 14):
        keep(store, number, GONE)
    assert health(store).state == "gone"


def test_the_last_success_is_found_however_long_ago(store: DocumentStore) -> None:
    keep(store, 0, 42)
    for number in range(1, 12):
        keep(store, number, DOWN)
    found = health(store)
    assert (found.last_success_day, found.rows, found.days_since_success) == (day(0), 42, 19)
    assert (found.last_day, found.last_status, found.last_error) == (day(11), "failed", str(DOWN))


def test_a_failure_after_a_reading_of_the_day_does_not_undo_it(store: DocumentStore) -> None:
    keep(store, 0, 4)
    keep(store, 0, GONE)
    found = health(store)
    assert (found.state, found.rows, found.not_found_days) == ("ok", 4, 0)
    assert "answered 404" in str(found.last_error)


def test_days_after_the_one_asked_about_are_not_looked_at(store: DocumentStore) -> None:
    keep(store, 0, 4)
    keep(store, 5, GONE)
    assert health(store, today=day(4)).state == "ok"


def test_another_board_or_provider_of_the_name_is_not_looked_at(store: DocumentStore) -> None:
    keep(store, 0, 4, Board(name="acme2"))
    assert health(store).state == "unread"
    assert board_health(store, ATS, "ashby", Board(name="acme2"), today=TODAY).state == "unread"


@pytest.mark.parametrize(
    ("days", "drop"),
    [
        pytest.param([100, 60], Drop(100, 60), id="by just the ratio"),
        pytest.param([100, 61], None, id="by a little less"),
        pytest.param([100, 60, 60], None, id="confirmed by the next reading"),
        pytest.param([100, DOWN, DOWN, DOWN, DOWN, 0], Drop(100, 0), id="over days that brought no reading"),
        pytest.param([100], None, id="nothing to compare with"),
    ],
)
def test_a_reading_that_shrank_too_much_is_flagged(
    store: DocumentStore, days: list[int | FetchError], drop: Drop | None
) -> None:
    for number, what in enumerate(days):
        keep(store, number, what)
    assert health(store, Ats(gone_after_days=3, drop_flag_ratio=0.4)).drop == drop


def test_listings_are_compared_where_both_readings_were_normalized(store: DocumentStore) -> None:
    keep(store, 0, 100)
    keep(store, 1, 50)
    for number in (0, 1):
        snapshot = store.get("raw_snapshots", f"{day(number)}/lever/acme")
        assert snapshot is not None
        store.upsert("raw_snapshots", [{**snapshot, "listings": 50}])
    assert health(store).drop is None


def test_the_boards_that_are_gone_are_named_for_the_day_that_is_asked_about(store: DocumentStore) -> None:
    for number in range(4):
        keep(store, number, GONE)
        keep(store, number, GONE if number else 5, Board(name="later"))
        keep(store, number, DOWN, Board(name="down"))
    named = [gone_boards(store, ATS, stored_snapshots(store, day(number), "lever")) for number in range(4)]
    assert named == [[], [], ["acme"], ["acme", "later"]]
