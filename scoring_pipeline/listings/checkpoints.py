"""Where a board's fold stands, so that the next day continues it instead of reading every day again.

What belongs here: the document of `board_histories`, and who may write a board's listings. What does not: the fold
(`folding.py`), when it may be continued (`history.py`).

A checkpoint is believed only while its `readings` are those that the board has; it is withdrawn before a listing of
the board is written and renewed after the last, each by compare-and-set on its revision. A crash between, or another
process at the same board, leaves none to believe, and the next refresh folds the board's readings anew. To delete
these documents loses nothing but time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scoring_pipeline.storage.port import Document, DocumentStore, Move
from scoring_pipeline.values import canonical_json, digest

HISTORIES = "board_histories"


@dataclass(frozen=True)
class Checkpoint:
    """One board's fold after its last reading.

    Args:
        day: of the last reading, empty where there was none.
        readings: the digest of all readings folded; None for a state that nothing may be continued from.
        rules: what the fold went by.
        size: how many listings the last reading showed.
        absences: readings without it for each listing that is open and absent.
        counts: what the last reading changed.
    """

    day: str
    readings: str | None
    rules: Mapping[str, Any]
    size: int
    absences: Mapping[str, int]
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Held:
    """A board's checkpoint as it was found: `revision` 0 where there was no document."""

    key: str
    revision: int
    checkpoint: Checkpoint | None


def readings_digest(marks: Iterable[str]) -> str:
    """Return one digest of the marks of a set of readings, in whatever order."""
    return digest(canonical_json(sorted(marks)))


def held(store: DocumentStore, key: str) -> Held:
    """Return what is stored for the board `{provider}/{board}`; its checkpoint is None unless it may be believed."""
    document = store.get(HISTORIES, key)
    if document is None:
        return Held(key, 0, None)
    if document["readings"] is None:
        return Held(key, document["revision"], None)
    fields = ("day", "readings", "rules", "size", "absences", "counts")
    return Held(key, document["revision"], Checkpoint(**{name: document[name] for name in fields}))


def withdraw(store: DocumentStore, boards: Sequence[Held]) -> set[str]:
    """Make the boards' checkpoints unbelievable before their listings are written; return the keys this call got.

    A board whose checkpoint moved since it was read is another process's.
    """
    new = [_document(board.key) for board in boards if not board.revision]
    moves = [
        Move(board.key, {"revision": board.revision}, {"revision": board.revision + 1, "readings": None})
        for board in boards
        if board.revision
    ]
    got = store.insert_absent(HISTORIES, new) if new else set()
    return got | (store.compare_and_set_many(HISTORIES, moves) if moves else set())


def renew(store: DocumentStore, boards: Sequence[tuple[Held, Checkpoint]]) -> set[str]:
    """Write the checkpoints of boards that were withdrawn; return the keys of those nobody else took meanwhile."""
    moves = [
        Move(
            board.key,
            {"revision": board.revision + 1},
            {"revision": board.revision + 2, **vars(checkpoint)},
        )
        for board, checkpoint in boards
    ]
    return store.compare_and_set_many(HISTORIES, moves) if moves else set()


def _document(key: str) -> Document:
    provider, _, board = key.partition("/")
    return {"_id": key, "provider": provider, "board": board, "revision": 1, "readings": None}
