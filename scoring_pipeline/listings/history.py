"""Keeping `listings` true to the readings that are stored: by continuing each board's fold, or folding it anew.

What belongs here: reading days back, when a fold may be continued, writing what changed. What does not: the rules of
the fold (`folding.py`), the document that says where a fold stands (`checkpoints.py`), normalizing rows.

A board's fold is continued when the readings it stands on are the board's readings still, and the day's reading is
later than all of them; then a refresh costs as much as the board has open listings, however many days are kept. In
every other case (a day replayed out of order, a reading recorded again, other settings, a crash) all of the board's
readings are folded, which comes to the same: histories depend on the set of readings alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from scoring_pipeline.listings.checkpoints import Checkpoint, Held, held, readings_digest, renew, withdraw
from scoring_pipeline.listings.folding import Fold, History, Moves
from scoring_pipeline.listings.store import CHUNK, DAILY, SNAPSHOTS, reading_mark, under
from scoring_pipeline.settings import Settings
from scoring_pipeline.storage.port import Document, DocumentStore, StoreError

LISTINGS = "listings"
_BATCH_DOCUMENTS = 2000
_BATCH_BOARDS = 500
_ATTEMPTS = 5
Shown: TypeAlias = Mapping[str, tuple[str, str]]


@dataclass
class Changes:
    """What a day's complete readings changed, counted; `flagged` names boards that shrank too much to be believed."""

    boards: int = 0
    new: int = 0
    changed: int = 0
    closed: int = 0
    reopened: int = 0
    flagged: list[str] = field(default_factory=list)

    def add(self, board: str, counts: Mapping[str, int]) -> None:
        """Count one board's reading."""
        self.boards += 1
        self.new += counts["new"]
        self.changed += counts["changed"]
        self.closed += counts["closed"]
        self.reopened += counts["reopened"]
        if counts["flagged"]:
            self.flagged.append(board)


@dataclass(frozen=True)
class _Plan:
    """What a refresh of one board comes to: `counts` of the day's reading, if it had one; `checkpoint` if it moved."""

    board: Held
    counts: Mapping[str, int] | None
    documents: list[Document] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    checkpoint: Checkpoint | None = None


def update_listings(store: DocumentStore, settings: Settings, day: str) -> Changes:
    """Refresh `listings` for every board that was read on `day`; return what that day's readings changed.

    Stands on the complete, normalized readings of all days that are stored, so days may be processed in any order.
    Holds one board in memory at a time, and up to 2,000 documents to be written. A board whose reading of `day` is not
    complete adds nothing to the counts.

    Raises:
        StoreError: if the store refuses, or other processes keep writing the same board.
    """
    refresh = _Refresh(store, settings, day)
    for snapshot in store.scan(SNAPSHOTS, {"day": day}):
        refresh.take(snapshot)
    refresh.flush()
    found = Changes()
    for board in sorted(refresh.counts):
        found.add(board, refresh.counts[board])
    return found


class _Refresh:
    """One refresh: plans boards one by one, writes many of them together."""

    def __init__(self, store: DocumentStore, settings: Settings, day: str) -> None:
        self.counts: dict[str, Mapping[str, int]] = {}
        self._store = store
        self._day = day
        self._closed_after, self._ratio = settings.ats.closed_after_days, settings.ats.drop_flag_ratio
        self._rules = {"closed_after": self._closed_after, "drop_flag_ratio": self._ratio}
        self._plans: list[_Plan] = []
        self._documents = 0

    def take(self, snapshot: Document) -> None:
        """Plan the board of one of the day's snapshots; write the batch when it is large enough."""
        plan = self._plan(snapshot["provider"], snapshot["board"])
        if plan.checkpoint is None:
            self._counted(plan)
            return
        self._plans.append(plan)
        self._documents += len(plan.documents) + len(plan.gone)
        if self._documents >= _BATCH_DOCUMENTS or len(self._plans) >= _BATCH_BOARDS:
            self.flush()

    def flush(self) -> None:
        """Write what is planned; boards that another process was at are planned anew."""
        plans, self._plans, self._documents = self._plans, [], 0
        for _ in range(_ATTEMPTS):
            written = _write(self._store, plans)
            for plan in plans:
                if plan.board.key in written:
                    self._counted(plan)
            plans = [self._folded_anew(plan.board.key) for plan in plans if plan.board.key not in written]
            if not plans:
                return
        raise StoreError(f"{LISTINGS}: other processes keep writing the board {plans[0].board.key!r}")

    def _counted(self, plan: _Plan) -> None:
        if plan.counts is not None:
            self.counts[plan.board.key] = plan.counts

    def _plan(self, provider: str, board: str) -> _Plan:
        found = held(self._store, f"{provider}/{board}")
        if found.checkpoint is not None and found.checkpoint.rules == self._rules:
            marks = self._store.group_count(
                SNAPSHOTS, "reading", {"provider": provider, "board": board, "complete": True}
            )
            plan = None if None in marks else self._continued(found, found.checkpoint, set(marks))
            if plan is not None:
                return plan
        return self._folded_anew(found.key)

    def _continued(self, found: Held, at: Checkpoint, marks: set[str]) -> _Plan | None:
        """Return the plan that continues from a checkpoint; None where all readings must be folded."""
        snapshot = self._store.get(SNAPSHOTS, f"{self._day}/{found.key}")
        own = snapshot.get("reading") if snapshot is not None and snapshot["complete"] else None
        if readings_digest(marks) == at.readings:
            if own is None:
                return _Plan(found, None)
            return _Plan(found, at.counts) if at.day == self._day else None
        if own is None or self._day <= at.day or readings_digest(marks - {own}) != at.readings:
            return None
        shown = _shown(self._store, snapshot) if snapshot is not None else {}
        if reading_mark(self._day, shown) != own:
            return None
        stored = _open_or_shown(self._store, found.key, shown)
        fold = Fold(self._closed_after, self._ratio)
        fold.resume({key: _history(document) for key, document in stored.items()}, at.absences, at.size)
        before = {key: (document["version"], document["content_hash"]) for key, document in stored.items()}
        counts = _counts(fold.read(self._day, shown), before, shown)
        documents = _documents(found.key, fold, {**before, **shown})
        return _Plan(
            found,
            counts,
            [document for document in documents if stored.get(document["_id"]) != document],
            checkpoint=self._checkpoint(fold, self._day, readings_digest(marks), counts),
        )

    def _folded_anew(self, key: str) -> _Plan:
        """Return the plan that folds every reading of the board and replaces all of its listings."""
        found = held(self._store, key)
        provider, _, board = key.partition("/")
        fold, shown = Fold(self._closed_after, self._ratio), dict[str, tuple[str, str]]()
        marks: set[str] | None = set()
        last, counts, own = "", _counts(Moves((), (), (), flagged=False), {}, {}), None
        for snapshot in self._store.scan(SNAPSHOTS, {"provider": provider, "board": board, "complete": True}):
            reading = _shown(self._store, snapshot)
            mark = snapshot.get("reading")
            marks = marks | {mark} if marks is not None and mark == reading_mark(snapshot["day"], reading) else None
            if not reading and snapshot.get("listings") is None and snapshot.get("rows") != 0:
                continue  # not normalized yet
            last = snapshot["day"]
            counts = _counts(fold.read(last, reading), shown, reading)
            own = counts if last == self._day else own
            shown.update(reading)
        stored = {document["_id"]: document for document in _of_board(self._store, key)}
        differing = [one for one in _documents(key, fold, shown) if stored.pop(one["_id"], None) != one]
        readings = None if marks is None else readings_digest(marks)
        return _Plan(found, own, differing, list(stored), self._checkpoint(fold, last, readings, counts))

    def _checkpoint(self, fold: Fold, day: str, readings: str | None, counts: Mapping[str, int]) -> Checkpoint:
        return Checkpoint(day, readings, self._rules, fold.size, fold.absences(), counts)


def _write(store: DocumentStore, plans: list[_Plan]) -> set[str]:
    """Write the plans; return the boards that nobody else was at from the reading of their checkpoints to now."""
    mine = withdraw(store, [plan.board for plan in plans])
    plans = [plan for plan in plans if plan.board.key in mine]
    if documents := [document for plan in plans for document in plan.documents]:
        store.upsert(LISTINGS, documents)
    gone = [listing for plan in plans for listing in plan.gone]
    for start in range(0, len(gone), CHUNK):
        store.delete(LISTINGS, {"_id": {"$in": gone[start : start + CHUNK]}})
    return renew(store, [(plan.board, plan.checkpoint) for plan in plans if plan.checkpoint is not None])


def _shown(store: DocumentStore, snapshot: Document) -> dict[str, tuple[str, str]]:
    """Return what a complete snapshot showed, as far as it was normalized: (version, content hash) by listing."""
    return {
        document["listing_id"]: (document["version"], document["content_hash"])
        for document in store.scan(DAILY, {"_id": under(f"{snapshot['_id']}/")})
        if document["board"] == snapshot["board"]
    }


def _of_board(store: DocumentStore, key: str) -> Iterable[Document]:
    provider, _, board = key.partition("/")
    for document in store.scan(LISTINGS, {"_id": under(f"{key}/")}):
        if document["provider"] == provider and document["board"] == board:
            yield document


def _open_or_shown(store: DocumentStore, key: str, shown: Shown) -> dict[str, Document]:
    """Return the stored listings of a board that a reading can change: those open, and those it shows again."""
    provider, _, board = key.partition("/")
    where = {"provider": provider, "board": board, "status": "open"}
    found = {document["_id"]: document for document in store.scan(LISTINGS, where)}
    return found | store.get_many(LISTINGS, [listing for listing in shown if listing not in found])


def _counts(moves: Moves, before: Shown, reading: Shown) -> dict[str, int]:
    edited = sum(1 for listing, (_, seen) in reading.items() if listing in before and before[listing][1] != seen)
    return {
        "new": len(moves.new),
        "changed": edited,
        "closed": len(moves.closed),
        "reopened": len(moves.reopened),
        "flagged": int(moves.flagged),
    }


def _history(document: Document) -> History:
    fields = ("first_seen", "last_seen", "status", "closed_on", "reopened_on")
    return History(*(document[name] for name in fields))


def _documents(key: str, fold: Fold, shown: Shown) -> Iterable[Document]:
    provider, _, board = key.partition("/")
    for listing, history in fold.histories():
        version, content_hash = shown[listing]
        facts: dict[str, Any] = {"_id": listing, "provider": provider, "board": board, "status": history.status}
        facts |= {"first_seen": history.first_seen, "last_seen": history.last_seen}
        facts |= {"closed_on": history.closed_on, "reopened_on": history.reopened_on}
        yield {**facts, "version": version, "content_hash": content_hash}
