"""What became of each listing over time: a pure fold over its board's complete daily readings.

What belongs here: when a listing is new, closed or reopened, when a board's reading is too short to believe, and the
refresh of `listings`. What does not: reading boards, normalizing rows.

The fold depends on the set of readings alone, not on the order in which days were written: a backfilled day changes
exactly what it is evidence for. A posting that is absent is closed after so many consecutive complete readings without
it; a posting that returns is reopened, never new. A board that shrinks by `drop_flag_ratio` or more between two
readings is flagged, and that reading closes nothing: the next one confirms, or the postings are back.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from scoring_pipeline.listings.store import CHUNK, DAILY, SNAPSHOTS, under
from scoring_pipeline.settings import Settings
from scoring_pipeline.storage.port import Document, DocumentStore

LISTINGS = "listings"
Status: TypeAlias = Literal["open", "closed"]
Reading: TypeAlias = tuple[str, frozenset[str]]


@dataclass(frozen=True)
class History:
    """One listing's history; days are `YYYY-MM-DD`.

    `closed_on` is the day of the reading that closed it, None while it is open; `reopened_on` the last day on which it
    returned after having been closed.
    """

    first_seen: str
    last_seen: str
    status: Status
    closed_on: str | None
    reopened_on: str | None


@dataclass(frozen=True)
class Moves:
    """What one reading changed."""

    new: tuple[str, ...]
    closed: tuple[str, ...]
    reopened: tuple[str, ...]
    flagged: bool


@dataclass
class _State:
    first_seen: str
    last_seen: str
    absences: int = 0
    closed_on: str | None = None
    reopened_on: str | None = None


class Fold:
    """The fold, one reading at a time in order of day."""

    def __init__(self, closed_after: int, drop_flag_ratio: float) -> None:
        self._closed_after = closed_after
        self._ratio = drop_flag_ratio
        self._states: dict[str, _State] = {}
        self._open: set[str] = set()
        self._size = 0

    def read(self, day: str, ids: Collection[str]) -> Moves:
        """Take in the complete reading of `day`, later than all before; return what it changed."""
        present = set(ids)
        flagged = len(present) < self._size and len(present) <= (1 - self._ratio) * self._size
        new, reopened = [], []
        for listing in sorted(present - self._open):
            state = self._states.get(listing)
            if state is None:
                self._states[listing] = _State(day, day)
                new.append(listing)
            else:
                state.closed_on, state.reopened_on = None, day
                reopened.append(listing)
        closed = [listing for listing in sorted(self._open - present) if self._absent(listing, day, flagged)]
        for listing in present:
            state = self._states[listing]
            state.last_seen, state.absences = day, 0
        self._open = (self._open | present) - set(closed)
        self._size = len(present)
        return Moves(tuple(new), tuple(closed), tuple(reopened), flagged)

    def _absent(self, listing: str, day: str, flagged: bool) -> bool:
        """Count an absence; return whether it closes the listing."""
        state = self._states[listing]
        state.absences += 1
        if flagged or state.absences < self._closed_after:
            return False
        state.closed_on = day
        return True

    def histories(self) -> Iterator[tuple[str, History]]:
        """Yield every listing seen so far, in order of id."""
        for listing, state in sorted(self._states.items()):
            status: Status = "closed" if state.closed_on else "open"
            yield listing, History(state.first_seen, state.last_seen, status, state.closed_on, state.reopened_on)


def fold(days: Sequence[Reading], closed_after: int, drop_flag_ratio: float) -> dict[str, History]:
    """Return every listing's history from a board's complete readings, in whatever order they are given.

    Args:
        days: for each complete reading its day and the ids it showed.
        closed_after: consecutive complete readings without a listing that close it, from 1.
        drop_flag_ratio: a reading smaller than the one before by this share, or more, closes nothing.

    Raises:
        ValueError: if a day is given twice.
    """
    ordered = sorted(days, key=lambda reading: reading[0])
    if len({day for day, _ in ordered}) != len(ordered):
        raise ValueError("a board has one complete reading a day; a day was given twice")
    folding = Fold(closed_after, drop_flag_ratio)
    for day, ids in ordered:
        folding.read(day, ids)
    return dict(folding.histories())


@dataclass
class Changes:
    """What a day's complete readings changed, counted; `flagged` names boards that shrank too much to be believed."""

    boards: int = 0
    new: int = 0
    changed: int = 0
    closed: int = 0
    reopened: int = 0
    flagged: list[str] = field(default_factory=list)


def update_listings(store: DocumentStore, settings: Settings, day: str) -> Changes:
    """Refresh `listings` for every board that was read on `day`; return what that day's readings changed.

    Uses the complete, normalized readings of all days that are stored, so days may be processed in any order. Holds one
    board in memory at a time. A board whose reading of `day` is not complete adds nothing to the counts.

    Raises:
        StoreError: if the store refuses.
    """
    changes = Changes()
    for snapshot in store.scan(SNAPSHOTS, {"day": day}):
        _update_board(store, settings, snapshot["provider"], snapshot["board"], day, changes)
    return changes


def _update_board(
    store: DocumentStore, settings: Settings, provider: str, board: str, day: str, changes: Changes
) -> None:
    folding = Fold(settings.ats.closed_after_days, settings.ats.drop_flag_ratio)
    shown: dict[str, tuple[str, str]] = {}
    for snapshot in store.scan(SNAPSHOTS, {"provider": provider, "board": board, "complete": True}):
        reading = _reading(store, snapshot)
        if reading is None:
            continue
        moves = folding.read(snapshot["day"], reading)
        if snapshot["day"] == day:
            _count(changes, moves, shown, reading, f"{provider}/{board}")
        shown.update(reading)
    documents = (
        _document(provider, board, listing, history, shown[listing]) for listing, history in folding.histories()
    )
    _replace(store, provider, board, documents)


def _reading(store: DocumentStore, snapshot: Document) -> dict[str, tuple[str, str]] | None:
    """Return what a complete snapshot showed: (version, content hash) by listing; None if it was not normalized yet."""
    prefix = f"{snapshot['_id']}/"
    found = {
        document["listing_id"]: (document["version"], document["content_hash"])
        for document in store.scan(DAILY, {"_id": under(prefix)})
        if document["board"] == snapshot["board"]
    }
    if not found and snapshot.get("listings") is None and snapshot.get("rows") != 0:
        return None
    return found


def _count(
    changes: Changes,
    moves: Moves,
    before: dict[str, tuple[str, str]],
    reading: dict[str, tuple[str, str]],
    name: str,
) -> None:
    changes.boards += 1
    changes.new += len(moves.new)
    changes.closed += len(moves.closed)
    changes.reopened += len(moves.reopened)
    changes.changed += sum(
        1 for listing, (_, seen) in reading.items() if listing in before and before[listing][1] != seen
    )
    if moves.flagged:
        changes.flagged.append(name)


def _document(provider: str, board: str, listing: str, history: History, shown: tuple[str, str]) -> Document:
    return {
        "_id": listing,
        "provider": provider,
        "board": board,
        "status": history.status,
        "first_seen": history.first_seen,
        "last_seen": history.last_seen,
        "closed_on": history.closed_on,
        "reopened_on": history.reopened_on,
        "version": shown[0],
        "content_hash": shown[1],
    }


def _replace(store: DocumentStore, provider: str, board: str, documents: Iterable[Document]) -> None:
    """Make the board's documents these, writing only what differs."""
    stored = {document["_id"]: document for document in store.scan(LISTINGS, {"provider": provider, "board": board})}
    differing = [document for document in documents if stored.pop(document["_id"], None) != document]
    for start in range(0, len(differing), CHUNK):
        store.upsert(LISTINGS, differing[start : start + CHUNK])
    for start in range(0, len(stored), CHUNK):
        store.delete(LISTINGS, {"_id": {"$in": list(stored)[start : start + CHUNK]}})
