"""Keeping a day's listings: versions once, a row for each day, and what was quarantined.

What belongs here: the layout of `listing_versions`, `daily_listings` and `quarantine`, and making a repeated pass leave
nothing of an earlier one. What does not: what became of a listing over time (`history.py`).

When a day is recorded, each complete snapshot of it is marked with the number of listings its rows came to
(`listings`), so that a board without listings can be told from one that was not normalized yet, and with a digest of
them (`reading`), so that what stands on a reading can tell whether it changed. A new reading clears the marks; the
digest is cleared before rows are written that differ from it, so that it is never believed of others.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TypeVar

from scoring_pipeline.listings.model import Provider
from scoring_pipeline.listings.normalize import ExcludedRow, Merged, Normalized, Outcome, Quarantined
from scoring_pipeline.storage.port import Document, DocumentStore, Move
from scoring_pipeline.values import canonical_json, digest

VERSIONS, DAILY, QUARANTINE, SNAPSHOTS = "listing_versions", "daily_listings", "quarantine", "raw_snapshots"
CHUNK = 500
T = TypeVar("T")


@dataclass
class Counts:
    """What a day's rows came to; `rows` is the sum of the others."""

    rows: int = 0
    normalized: int = 0
    merged: int = 0
    excluded: dict[str, int] = field(default_factory=dict)
    quarantined: int = 0
    new_versions: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        self.rows += 1
        if isinstance(outcome, Normalized):
            self.normalized += 1
        elif isinstance(outcome, Merged):
            self.merged += 1
        elif isinstance(outcome, ExcludedRow):
            self.excluded[outcome.rule] = self.excluded.get(outcome.rule, 0) + 1
        else:
            self.quarantined += 1


def record_day(store: DocumentStore, day: str, provider: Provider, outcomes: Iterable[Outcome]) -> Counts:
    """Keep the outcomes of one provider's rows of one day, replacing what an earlier pass kept for both.

    Writes in sorted order, 500 documents at a time, one board in memory at a time. Repeated with the same outcomes it
    changes nothing.

    Args:
        store: the document store.
        day: the partition, `YYYY-MM-DD`.
        provider: whose rows they are.
        outcomes: as `normalize_rows` yields them; those of one board together.

    Raises:
        ValueError: if a board's outcomes are not together.
        StoreError: if the store refuses.
    """
    counts = Counts()
    boards: dict[str, _Marks] = {}
    for board, group in groupby(outcomes, key=lambda outcome: outcome.board):
        if board in boards:
            raise ValueError(f"the outcomes of board {board!r} are not together")
        held = list(group)
        for outcome in held:
            counts.add(outcome)
        boards[board] = _record_board(store, day, provider, board, held, counts)
    prefix = f"{day}/{provider}/"
    _drop_other_boards(store, DAILY, prefix, frozenset(boards), reading_mark(day, {}))
    _drop_other_boards(store, QUARANTINE, prefix, frozenset(boards), reading_mark(day, {}))
    _mark_snapshots(store, day, provider, boards)
    return counts


def _record_board(
    store: DocumentStore, day: str, provider: Provider, board: str, outcomes: Sequence[Outcome], counts: Counts
) -> "_Marks":
    """Write one board; return what its snapshot is to be marked with."""
    found = sorted((one for one in outcomes if isinstance(one, Normalized)), key=lambda one: one.listing.listing_id)
    reading = reading_mark(day, {one.listing.listing_id: (one.version, one.content_hash) for one in found})
    _unmark(store, f"{day}/{provider}/{board}", reading)
    for chunk in _chunks(found):
        counts.new_versions += len(store.insert_absent(VERSIONS, [_version(one) for one in chunk]))
        store.upsert(DAILY, [_daily(day, one) for one in chunk])
    failed = sorted((one for one in outcomes if isinstance(one, Quarantined)), key=lambda one: one.row)
    entries = [_quarantine(day, provider, one) for one in failed]
    for entry_chunk in _chunks(entries):
        store.upsert(QUARANTINE, entry_chunk)
    prefix = f"{day}/{provider}/{board}/"
    _drop_surplus(store, DAILY, prefix, board, {f"{day}/{one.listing.listing_id}" for one in found})
    _drop_surplus(store, QUARANTINE, prefix, board, {entry["_id"] for entry in entries})
    return _Marks(len(found), reading)


def reading_mark(day: str, shown: Mapping[str, tuple[str, str]]) -> str:
    """Return the digest of a reading: its day, and the version and content hash of each listing by id."""
    return digest(canonical_json([day, shown]))


@dataclass(frozen=True)
class _Marks:
    listings: int
    reading: str


def _unmark(store: DocumentStore, snapshot_id: str, reading: str) -> None:
    """Let the snapshot not claim a reading that is about to be replaced by another."""
    snapshot = store.get(SNAPSHOTS, snapshot_id)
    if snapshot is not None and snapshot.get("reading") not in (None, reading):
        store.compare_and_set(SNAPSHOTS, Move(snapshot_id, {"reading": snapshot["reading"]}, {"reading": None}))


def _version(one: Normalized) -> Document:
    return {
        "_id": one.version,
        "listing_id": one.listing.listing_id,
        "content_hash": one.content_hash,
        "word_count": one.word_count,
        "listing": one.document,
    }


def _daily(day: str, one: Normalized) -> Document:
    return {
        "_id": f"{day}/{one.listing.listing_id}",
        "day": day,
        "listing_id": one.listing.listing_id,
        "provider": one.listing.provider,
        "board": one.board,
        "version": one.version,
        "content_hash": one.content_hash,
    }


def _quarantine(day: str, provider: Provider, one: Quarantined) -> Document:
    return {
        "_id": f"{day}/{provider}/{one.board}/{one.row:07d}",
        "day": day,
        "provider": provider,
        "board": one.board,
        "row": one.row,
        "posting_id": one.posting_id,
        "field": one.field,
        "reason": one.reason,
    }


def _chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


def under(prefix: str) -> dict[str, str]:
    """Return the range of ids that begin with `prefix`, which ends in a slash."""
    return {"$gte": prefix, "$lt": prefix[:-1] + "0"}  # "0" follows "/"


def _drop_surplus(store: DocumentStore, collection: str, prefix: str, board: str, keep: set[str]) -> None:
    """Delete the board's documents that this pass, which has written those to keep, did not write."""
    if store.count(collection, {"_id": under(prefix)}) == len(keep):
        return
    surplus = [
        document["_id"]
        for document in store.scan(collection, {"_id": under(prefix)})
        if document["board"] == board and document["_id"] not in keep
    ]
    for chunk in _chunks(surplus):
        store.delete(collection, {"_id": {"$in": list(chunk)}})


def _drop_other_boards(store: DocumentStore, collection: str, prefix: str, boards: frozenset[str], empty: str) -> None:
    """Delete documents of boards that an earlier pass had and this one has not, leaping over those it has."""
    bounds = under(prefix)
    after: str | None = None
    while page := store.page(collection, {"_id": bounds}, after=after, limit=1):
        board = page[0]["board"]
        own = f"{prefix}{board}/"
        if board not in boards:
            _unmark(store, f"{prefix}{board}", empty)
            _drop_surplus(store, collection, own, board, set())
            after = page[0]["_id"]
        else:
            after = under(own)["$lt"]


def _mark_snapshots(store: DocumentStore, day: str, provider: Provider, boards: Mapping[str, _Marks]) -> None:
    none = _Marks(0, reading_mark(day, {}))
    moves = []
    for snapshot in store.scan(SNAPSHOTS, {"day": day, "provider": provider, "complete": True}):
        marks = boards.get(snapshot["board"], none)
        if (snapshot.get("listings"), snapshot.get("reading")) != (marks.listings, marks.reading):
            moves.append(Move(snapshot["_id"], {"complete": True}, vars(marks)))
    for chunk in _chunks(moves):
        store.compare_and_set_many(SNAPSHOTS, chunk)
