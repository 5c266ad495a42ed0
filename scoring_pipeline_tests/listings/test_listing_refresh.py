"""The refresh of `listings` continues where it can and folds anew where it must: the same documents either way."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from listings_kit import greenhouse, rows

from scoring_pipeline.listings.folding import Fold
from scoring_pipeline.listings.history import Changes, update_listings
from scoring_pipeline.listings.normalize import Normalized, normalize_rows
from scoring_pipeline.listings.store import record_day
from scoring_pipeline.settings import Ats, Settings
from scoring_pipeline.storage.collections import BY_NAME
from scoring_pipeline.storage.port import Document, StoreError
from scoring_pipeline.storage.sqlite import SqliteStore

USED = ("raw_snapshots", "daily_listings", "listing_versions", "quarantine", "listings", "board_histories")
BOARDS = ("acme", "acme-eu")


class Crash(BaseException):
    """A process that ends between two writes: nothing in the pipeline handles it."""


class WatchedStore(SqliteStore):
    """The store, writing documents one by one where it is watched, and counting what is read and written."""

    def __init__(self, url: str) -> None:
        super().__init__(url, collections={name: BY_NAME[name] for name in USED})
        self.before_write: Callable[[], None] | None = None
        self.read: dict[str, int] = {}
        self.written: list[tuple[str, str]] = []

    def _act(self) -> None:
        if self.before_write is not None:
            self.before_write()

    def upsert(self, collection: str, documents: Sequence[Document]) -> None:
        for document in documents:
            self._act()
            self.written.append((collection, document["_id"]))
            super().upsert(collection, [document])

    def insert_absent(self, collection: str, documents: Sequence[Document]) -> set[str]:
        found: set[str] = set()
        for document in documents:
            self._act()
            found |= super().insert_absent(collection, [document])
        return found

    def compare_and_set_many(self, collection: str, moves: Sequence[Any]) -> set[str]:
        found: set[str] = set()
        for move in moves:
            self._act()
            found |= super().compare_and_set_many(collection, [move])
        return found

    def delete(self, collection: str, where: Any) -> int:
        self._act()
        return super().delete(collection, where)

    def page(self, collection: str, *arguments: Any, **named: Any) -> list[Document]:
        found = super().page(collection, *arguments, **named)
        self.read[collection] = self.read.get(collection, 0) + len(found)
        return found


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedStore]:
    """One store for all examples of a property, emptied before each."""
    opened = WatchedStore(f"sqlite:///{tmp_path_factory.mktemp('refresh') / 'store.db'}")
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WatchedStore]:
    opened = WatchedStore(f"sqlite:///{tmp_path / 'store.db'}")
    opened.migrate()
    yield opened
    opened.close()


@cache
def outcome(board: str, number: int, edition: int) -> Normalized:
    payload = greenhouse(id=number, title=f"Job {number}", location={"name": f"Town{'abc'[edition]}"})
    (found,) = normalize_rows(rows("greenhouse", board, [payload]))
    assert isinstance(found, Normalized)
    return found


@dataclass(frozen=True)
class Step:
    """One day is read, or normalized again by other code, and a refresh follows; an event comes before some write."""

    day: int
    shown: tuple[frozenset[int] | None, frozenset[int] | None]  # by board; None where it could not be read
    edition: int
    recorded: bool  # whether the reading was normalized
    event: str = "nothing"  # or a crash, a crash after which the refresh is tried again, another process's refresh
    during: str = "refresh"  # or recording
    at: int = 0  # before which write it happens
    read_again: bool = True  # whether the board was read, or an earlier reading of the day is normalized again

    @property
    def name(self) -> str:
        return f"2026-08-{self.day:02d}"


SHOWN = st.one_of(st.none(), st.frozensets(st.integers(1, 6)), st.just(frozenset({1, 2, 3, 4, 5, 6})))
STEPS = st.lists(
    st.builds(
        Step,
        day=st.integers(1, 6),
        shown=st.tuples(SHOWN, SHOWN),
        edition=st.integers(0, 2),
        recorded=st.sampled_from([True, True, True, False]),
        event=st.sampled_from(["nothing", "crash", "crash, retried", "another"]),
        during=st.sampled_from(["recording", "refresh"]),
        at=st.integers(0, 20),
        read_again=st.booleans(),
    ),
    min_size=1,
    max_size=10,
)


def put(store: WatchedStore, step: Step) -> None:
    """Store what the day's reading leaves behind, and normalize it."""
    for board, shown in zip(BOARDS, step.shown, strict=True):
        earlier = store.get("raw_snapshots", f"{step.name}/greenhouse/{board}")
        if earlier is not None and earlier["complete"] and shown is not None and not step.read_again:
            continue
        facts = {"day": step.name, "provider": "greenhouse", "board": board, "complete": shown is not None}
        rows_shown = 0 if shown is None else len(shown)
        store.upsert("raw_snapshots", [{"_id": f"{step.name}/greenhouse/{board}", **facts, "rows": rows_shown}])
    if step.recorded:
        shown_outcomes = (
            outcome(board, number, step.edition if number % 2 else 0)
            for board, shown in zip(BOARDS, step.shown, strict=True)
            for number in sorted(shown or ())
        )
        record_day(store, step.name, "greenhouse", shown_outcomes)


def reference(store: WatchedStore, configured: Settings, day: str) -> tuple[dict[str, Document], Changes]:
    """Fold every stored reading of every board from the first: what a refresh of `day` has to come to."""
    documents: dict[str, Document] = {}
    changes = Changes()
    for board in BOARDS:
        fold = Fold(configured.ats.closed_after_days, configured.ats.drop_flag_ratio)
        shown: dict[str, tuple[str, str]] = {}
        for snapshot in store.scan("raw_snapshots", {"board": board, "complete": True}):
            daily = store.scan("daily_listings", {"day": snapshot["day"], "board": board})
            reading = {one["listing_id"]: (one["version"], one["content_hash"]) for one in daily}
            if not reading and snapshot.get("listings") is None and snapshot["rows"]:
                continue
            moves = fold.read(snapshot["day"], reading)
            if snapshot["day"] == day:
                edited = sum(1 for key, (_, seen) in reading.items() if key in shown and shown[key][1] != seen)
                figures = {"new": len(moves.new), "changed": edited, "closed": len(moves.closed)}
                changes.add(
                    f"greenhouse/{board}", {**figures, "reopened": len(moves.reopened), "flagged": moves.flagged}
                )
            shown.update(reading)
        for listing, history in fold.histories():
            version, content_hash = shown[listing]
            identity = {"_id": listing, "provider": "greenhouse", "board": board}
            documents[listing] = {**identity, **vars(history), "version": version, "content_hash": content_hash}
    return documents, changes


def emptied(store: WatchedStore) -> WatchedStore:
    store.before_write = None
    for name in USED:
        store.delete(name, {"_id": {"$gte": ""}})
    return store


def listings(store: WatchedStore) -> dict[str, Document]:
    return {document["_id"]: document for document in store.scan("listings")}


def eventful(store: WatchedStore, configured: Settings, step: Step) -> None:
    """Let the step's event happen once, before the write it is due at."""
    left = step.at

    def act() -> None:
        nonlocal left
        left -= 1
        if left == -1 and step.event.startswith("crash"):
            raise Crash
        if left == -1 and step.event == "another":
            store.before_write = None
            update_listings(store, configured, step.name)

    store.before_write = act


def taken(store: WatchedStore, configured: Settings, step: Step) -> Changes | None:
    """Let a step happen; return what its refresh found, None where a crash ended it."""
    try:
        if step.during == "recording":
            eventful(store, configured, step)
        put(store, step)
        store.before_write = None
        if step.during == "refresh":
            eventful(store, configured, step)
        return update_listings(store, configured, step.name)
    except Crash:
        store.before_write = None
        return update_listings(store, configured, step.name) if step.event == "crash, retried" else None
    finally:
        store.before_write = None


@given(STEPS, st.integers(1, 3), st.sampled_from([0.3, 0.6]))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_refresh_comes_to_the_fold_of_all_readings(
    shared: WatchedStore, steps: list[Step], closed_after: int, ratio: float
) -> None:
    store = emptied(shared)
    configured = Settings(ats=Ats(closed_after_days=closed_after, drop_flag_ratio=ratio))
    for step in steps:
        found = taken(store, configured, step)
        if found is not None:
            assert (listings(store), found) == reference(store, configured, step.name)
    for day in sorted({step.name for step in steps}):
        found = update_listings(store, configured, day)
        assert (listings(store), found) == reference(store, configured, day)


@given(STEPS)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_refresh_without_checkpoints_writes_nothing_that_the_continued_ones_left(
    shared: WatchedStore, steps: list[Step]
) -> None:
    store = emptied(shared)
    for step in steps:
        put(store, step)
        update_listings(store, Settings(), step.name)
    days = sorted({step.name for step in steps})
    for day in days:
        update_listings(store, Settings(), day)
    store.delete("board_histories", {"_id": {"$gte": ""}})
    store.written.clear()
    for day in days:
        update_listings(store, Settings(), day)
    assert [written for written in store.written if written[0] == "listings"] == []


def plain_step(day: int, *numbers: int, edition: int = 0, recorded: bool = True) -> Step:
    return Step(day, (frozenset(numbers), frozenset()), edition, recorded)


def refresh(store: WatchedStore, step: Step, configured: Settings | None = None) -> Changes:
    put(store, step)
    store.read.clear()
    store.written.clear()
    return update_listings(store, configured or Settings(), step.name)


def test_a_later_day_reads_its_own_rows_and_the_open_listings_however_many_days_are_kept(store: WatchedStore) -> None:
    for day in range(1, 21):
        refresh(store, plain_step(day, 1, 2, 3, 4, 10 + day))
        assert store.read["daily_listings"] == 5
        assert store.read.get("listings", 0) <= 4 + 3  # those open: four that stay, the last of the passing ones
        assert len([one for one in store.written if one[0] == "listings"]) <= 6
    assert len(listings(store)) == 24


def test_closed_listings_are_not_written_again(store: WatchedStore) -> None:
    for day in range(1, 6):
        refresh(store, plain_step(day, 1, 2, 3, *([4] if day == 1 else [])))
    assert {name for collection, name in store.written if collection == "listings"} == {
        f"greenhouse/acme/{number}" for number in (1, 2, 3)
    }


def test_the_same_day_again_reads_and_writes_no_listing_and_counts_the_same(store: WatchedStore) -> None:
    refresh(store, plain_step(1, 1, 2, 3))
    first = refresh(store, plain_step(2, 1, 2, 3, 4, edition=1))
    again = refresh(store, plain_step(2, 1, 2, 3, 4, edition=1))
    assert first == again == Changes(boards=2, new=1, changed=2)
    assert "daily_listings" not in store.read
    assert store.written == []


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(lambda store: put(store, plain_step(1, 1, 2)), id="an earlier day was recorded again"),
        pytest.param(lambda store: put(store, plain_step(2, 1, recorded=False)), id="and was not normalized again yet"),
        pytest.param(
            lambda store: store.upsert(
                "raw_snapshots", [{**store.get("raw_snapshots", "2026-08-02/greenhouse/acme"), "complete": False}]
            ),
            id="an earlier day's reading is being replaced",
        ),
        pytest.param(
            lambda store: store.delete("raw_snapshots", {"_id": "2026-08-02/greenhouse/acme"}),
            id="an earlier day's reading is gone",
        ),
    ],
)
def test_a_reading_that_changed_after_it_was_folded_is_noticed_by_the_next_day(
    store: WatchedStore, event: Callable[[WatchedStore], None]
) -> None:
    for day in (1, 2, 3):
        refresh(store, plain_step(day, 1, 2, 3, 4))
    event(store)
    found = refresh(store, plain_step(4, 2, 3, 4))
    assert (listings(store), found) == reference(store, Settings(), "2026-08-04")


def test_other_settings_fold_anew(store: WatchedStore) -> None:
    for day in (1, 2, 3):
        refresh(store, plain_step(day, *([1, 2, 3, 4] if day == 1 else [2, 3, 4])))
    patient = Settings(ats=Ats(closed_after_days=4))
    assert listings(store)["greenhouse/acme/1"]["status"] == "closed"
    refresh(store, plain_step(4, 2, 3, 4), patient)
    assert listings(store)["greenhouse/acme/1"]["status"] == "open"
    assert listings(store) == reference(store, patient, "2026-08-04")[0]


def test_a_board_that_other_processes_never_leave_alone_is_named(store: WatchedStore) -> None:
    put(store, plain_step(1, 1))
    busy = False

    def act() -> None:
        nonlocal busy
        if not busy:
            busy = True
            store.delete("board_histories", {"_id": {"$gte": ""}})
            store.insert_absent("board_histories", [{"_id": "greenhouse/acme", "revision": 99, "readings": None}])
            busy = False

    store.before_write = act
    with pytest.raises(StoreError, match="keep writing the board 'greenhouse/acme'"):
        update_listings(store, Settings(), "2026-08-01")
