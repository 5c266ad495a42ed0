"""What became of listings over time: the fold, and the refresh of `listings` from stored days in any order."""

import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from listings_kit import RECORDINGS, Row, greenhouse, needs_recordings, recorded_file, rows

from scoring_pipeline.listings.folding import History, fold
from scoring_pipeline.listings.history import Changes, update_listings
from scoring_pipeline.listings.normalize import normalize_rows
from scoring_pipeline.listings.store import record_day
from scoring_pipeline.settings import Settings
from scoring_pipeline.storage.opening import open_store
from scoring_pipeline.storage.port import DocumentStore


def reading(day: int, *ids: str) -> tuple[str, frozenset[str]]:
    return f"2026-08-{day:02d}", frozenset(ids)


BOARD = tuple("abcdefgh")


def folded(*days: tuple[str, frozenset[str]], closed_after: int = 2, ratio: float = 0.4) -> dict[str, History]:
    return fold(days, closed_after, ratio)


def test_a_listing_that_stays_is_open_and_last_seen_on_the_last_day() -> None:
    assert folded(reading(1, "a"), reading(5, "a"))["a"] == History("2026-08-01", "2026-08-05", "open", None, None)


def test_one_absence_closes_nothing_and_the_second_in_a_row_does() -> None:
    days = [reading(1, *BOARD), reading(2, *BOARD[1:]), reading(3, *BOARD[1:])]
    assert folded(*days[:2])["a"].status == "open"
    assert folded(*days)["a"] == History("2026-08-01", "2026-08-01", "closed", "2026-08-03", None)


def test_absences_must_be_consecutive() -> None:
    days = [reading(1, *BOARD), reading(2, *BOARD[1:]), reading(3, *BOARD), reading(4, *BOARD[1:])]
    assert folded(*days)["a"].status == "open"


def test_a_day_without_a_complete_reading_is_no_absence() -> None:
    assert folded(reading(1, *BOARD), reading(9, *BOARD[1:]))["a"].status == "open"


def test_a_posting_that_returns_is_reopened_and_keeps_its_first_day() -> None:
    days = [reading(1, *BOARD), reading(2, *BOARD[1:]), reading(3, *BOARD[1:]), reading(4, *BOARD)]
    assert folded(*days)["a"] == History("2026-08-01", "2026-08-04", "open", None, "2026-08-04")


def test_a_posting_that_returns_before_it_was_closed_is_not_reopened() -> None:
    days = [reading(1, *BOARD), reading(2, *BOARD[1:]), reading(3, *BOARD)]
    assert folded(*days)["a"].reopened_on is None


def test_a_large_drop_closes_nothing_until_the_next_reading_confirms() -> None:
    days = [reading(1, *BOARD), reading(2, *BOARD[:3]), reading(3, *BOARD[:3])]
    assert folded(*days[:2], closed_after=1)["h"].status == "open"
    assert folded(*days, closed_after=1)["h"] == History("2026-08-01", "2026-08-01", "closed", "2026-08-03", None)


def test_a_large_drop_that_is_not_confirmed_closed_nothing() -> None:
    days = [reading(1, *BOARD), reading(2, *BOARD[:3]), reading(3, *BOARD)]
    assert {history.status for history in folded(*days, closed_after=1).values()} == {"open"}


def test_a_posting_already_absent_is_not_closed_by_a_reading_that_is_not_believed() -> None:
    days = [reading(1, *BOARD), reading(2, *BOARD[1:]), reading(3, *BOARD[6:]), reading(4, *BOARD[1:])]
    assert folded(*days[:3])["a"].status == "open"
    assert folded(*days)["a"].closed_on == "2026-08-04"


def test_a_day_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        folded(reading(1, "a"), reading(1, "b"))


def test_a_board_that_empties_is_closed_after_two_readings() -> None:
    assert folded(reading(1, "a"), reading(2), reading(3))["a"].closed_on == "2026-08-03"


def plain_reference(days: Iterable[tuple[str, frozenset[str]]], closed_after: int, ratio: float) -> dict[str, History]:
    """The same rules said in another way: each listing on its own, over the whole list of readings."""
    ordered = sorted(days)
    sizes = [len(ids) for _, ids in ordered]
    short = [bool(i) and sizes[i] < sizes[i - 1] and sizes[i] <= (1 - ratio) * sizes[i - 1] for i in range(len(sizes))]
    found = {}
    for listing in set().union(*(ids for _, ids in ordered)) if ordered else ():
        seen = [index for index, (_, ids) in enumerate(ordered) if listing in ids]
        closed = reopened = None
        for index in range(seen[0], len(ordered)):
            run = index - max(one for one in seen if one <= index)
            if run == 0:
                reopened, closed = (ordered[index][0], None) if closed else (reopened, None)
            elif run >= closed_after and not short[index] and closed is None:
                closed = ordered[index][0]
        status = "closed" if closed else "open"
        found[listing] = History(ordered[seen[0]][0], ordered[seen[-1]][0], status, closed, reopened)
    return found


READINGS = st.lists(st.frozensets(st.sampled_from("abcdef")), max_size=12).map(
    lambda sets: [(f"2026-08-{number + 1:02d}", ids) for number, ids in enumerate(sets)]
)


@given(READINGS, st.integers(1, 3), st.sampled_from([0.2, 0.4, 1.0]), st.randoms(use_true_random=False))
def test_the_fold_is_the_plain_reference_whatever_the_order(
    days: list[tuple[str, frozenset[str]]], closed_after: int, ratio: float, shuffler: random.Random
) -> None:
    expected = plain_reference(days, closed_after, ratio)
    shuffled = list(days)
    shuffler.shuffle(shuffled)
    assert fold(days, closed_after, ratio) == fold(shuffled, closed_after, ratio) == expected


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DocumentStore]:
    opened = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    opened.migrate()
    yield opened
    opened.close()


def read_day(store: DocumentStore, day: str, held: list[Row], board: str = "acme", **snapshot: Any) -> None:
    """Store what a day's ingestion leaves behind for one board, and normalize it."""
    facts = {"day": day, "provider": "greenhouse", "board": board, "status": "ok", "complete": True, "rows": len(held)}
    store.upsert("raw_snapshots", [{"_id": f"{day}/greenhouse/{board}", **facts, **snapshot}])
    if {**facts, **snapshot}["complete"]:
        record_day(store, day, "greenhouse", normalize_rows(held))


def showing(*numbers: int, **changes: Any) -> list[Row]:
    return rows("greenhouse", "acme", [greenhouse(id=number, title=f"Job {number}", **changes) for number in numbers])


def stored(store: DocumentStore) -> dict[str, dict[str, Any]]:
    return {document["_id"]: document for document in store.scan("listings")}


def test_a_refresh_counts_what_its_day_changed(store: DocumentStore) -> None:
    settings = Settings()
    days = {
        "2026-08-01": showing(1, 2, 3, 4),
        "2026-08-02": [*showing(2, 3), *showing(4, location={"name": "Porto"})],
        "2026-08-03": showing(2, 3, 4, 5),
        "2026-08-04": [*showing(2, 3, 4, 5, 1)],
    }
    counts = []
    for day, held in days.items():
        read_day(store, day, [Row(r.provider, r.board, r.posting_id, i, r.payload) for i, r in enumerate(held)])
        found = update_listings(store, settings, day)
        counts.append((found.new, found.changed, found.closed, found.reopened))
    assert counts == [(4, 0, 0, 0), (0, 1, 0, 0), (1, 1, 1, 0), (0, 0, 0, 1)]
    document = stored(store)["greenhouse/acme/1"]
    version = document.pop("version")
    document.pop("content_hash")
    assert store.get("listing_versions", version) is not None
    assert document == {
        "_id": "greenhouse/acme/1",
        "provider": "greenhouse",
        "board": "acme",
        "status": "open",
        "first_seen": "2026-08-01",
        "last_seen": "2026-08-04",
        "closed_on": None,
        "reopened_on": "2026-08-04",
    }


def test_an_edit_nobody_sees_is_no_change_and_updates_the_version(store: DocumentStore) -> None:
    read_day(store, "2026-08-01", showing(1))
    read_day(store, "2026-08-02", showing(1, first_published="2026-07-01T00:00:00-04:00"))
    update_listings(store, Settings(), "2026-08-01")
    assert update_listings(store, Settings(), "2026-08-02").changed == 0
    daily = store.get("daily_listings", "2026-08-02/greenhouse/acme/1")
    assert daily is not None
    assert stored(store)["greenhouse/acme/1"]["version"] == daily["version"]


def test_a_board_that_could_not_be_read_closes_nothing(store: DocumentStore) -> None:
    read_day(store, "2026-08-01", showing(1, 2))
    for day in ("2026-08-02", "2026-08-03", "2026-08-04"):
        read_day(store, day, [], complete=False, status="failed")
        assert update_listings(store, Settings(), day) == Changes()
    assert {document["status"] for document in stored(store).values()} == {"open"}


def test_a_complete_reading_that_was_not_normalized_yet_is_no_absence(store: DocumentStore) -> None:
    read_day(store, "2026-08-01", showing(1, 2))
    for day in ("2026-08-02", "2026-08-03"):
        facts = {"day": day, "provider": "greenhouse", "board": "acme", "status": "ok", "complete": True, "rows": 2}
        store.upsert("raw_snapshots", [{"_id": f"{day}/greenhouse/acme", **facts}])
        assert update_listings(store, Settings(), day).boards == 0
    assert {document["status"] for document in stored(store).values()} == {"open"}


def test_a_board_that_only_shows_what_is_excluded_closes_its_listings(store: DocumentStore) -> None:
    read_day(store, "2026-08-01", showing(1))
    for day in ("2026-08-02", "2026-08-03"):
        read_day(store, day, showing(9, internal_job_id=None))
        update_listings(store, Settings(), day)
    assert stored(store)["greenhouse/acme/1"]["closed_on"] == "2026-08-03"


def test_a_shrunken_board_is_named(store: DocumentStore) -> None:
    read_day(store, "2026-08-01", showing(1, 2, 3, 4, 5))
    read_day(store, "2026-08-02", showing(1, 2))
    assert update_listings(store, Settings(), "2026-08-02").flagged == ["greenhouse/acme"]


def test_boards_whose_names_begin_alike_are_kept_apart(store: DocumentStore) -> None:
    other = [Row("greenhouse", "acme-eu", row.posting_id, row.row, row.payload) for row in showing(7)]
    for day in ("2026-08-01", "2026-08-02"):
        for board, held in (("acme", showing(1)), ("acme-eu", other)):
            facts = {"day": day, "provider": "greenhouse", "board": board, "status": "ok", "complete": True}
            store.upsert("raw_snapshots", [{"_id": f"{day}/greenhouse/{board}", **facts, "rows": len(held)}])
        record_day(store, day, "greenhouse", normalize_rows([*showing(1), *other]))
        update_listings(store, Settings(), day)
    assert {name: document["last_seen"] for name, document in stored(store).items()} == {
        "greenhouse/acme/1": "2026-08-02",
        "greenhouse/acme-eu/7": "2026-08-02",
    }


def test_a_listing_of_which_no_evidence_is_left_is_removed(store: DocumentStore) -> None:
    read_day(store, "2026-08-01", showing(1, 2))
    update_listings(store, Settings(), "2026-08-01")
    read_day(store, "2026-08-01", showing(1))
    update_listings(store, Settings(), "2026-08-01")
    assert set(stored(store)) == {"greenhouse/acme/1"}


def recorded_days() -> dict[str, list[Row]]:
    """The last snapshot of each day of the recorded board."""
    found = {}
    for path in sorted((RECORDINGS / "greenhouse-history").glob("*.json")):
        found[path.name[:10]] = recorded_file("greenhouse", "figma", path)
    return found


@needs_recordings
def test_three_recorded_weeks_come_to_what_their_sets_of_ids_say_in_any_order_of_days(tmp_path: Path) -> None:
    days = recorded_days()
    sets = [(day, frozenset(f"greenhouse/figma/{row.posting_id}" for row in held)) for day, held in days.items()]
    expected = plain_reference(sets, 2, 0.4)
    shuffled = list(days)
    random.Random(20260801).shuffle(shuffled)
    results, totals = [], []
    for number, order in enumerate((list(days), shuffled)):
        store = open_store(f"sqlite:///{tmp_path / f'{number}.db'}")
        store.migrate()
        for day in order:
            read_day(store, day, days[day], board="figma")
            update_listings(store, Settings(), day)
        results.append(stored(store))
        totals.append([update_listings(store, Settings(), day) for day in sorted(days)])
        store.close()
    assert results[0] == results[1]
    assert totals[0] == totals[1]
    assert {
        name: History(one["first_seen"], one["last_seen"], one["status"], one["closed_on"], one["reopened_on"])
        for name, one in results[0].items()
    } == expected
    assert sum(day.new for day in totals[0]) == len(expected)
    closings = sum(day.closed for day in totals[0]) - sum(day.reopened for day in totals[0])
    assert closings == sum(one.status == "closed" for one in expected.values()) > 0


@needs_recordings
def test_only_what_a_reader_sees_is_a_change_on_the_recorded_board(tmp_path: Path) -> None:
    days = recorded_days()
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    store.migrate()
    for day, held in days.items():
        read_day(store, day, held, board="figma")
    changed = sum(update_listings(store, Settings(), day).changed for day in days)
    store.close()
    before: dict[str, tuple[str, str, str]] = {}
    edits = bumps = 0
    for held in days.values():
        for row in held:
            title, place = (" ".join(text.split()) for text in (row.payload["title"], row.payload["location"]["name"]))
            seen = before.setdefault(row.posting_id, (title, place, row.payload["updated_at"]))
            edits += seen[:2] != (title, place)
            bumps += seen[2] != row.payload["updated_at"]
            before[row.posting_id] = (title, place, row.payload["updated_at"])
    assert 0 < changed == edits < bumps
