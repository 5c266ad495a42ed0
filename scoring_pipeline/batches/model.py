"""The states of a batch and the one function that moves it between them.

What belongs here: the table of legal moves, reading batches by state. What does not: the work that goes with a move.

`planned` (requests claimed; sealed once `file_digest` is set), `uploaded`, `creating` (the POST is on its way or its
reply was lost), then the provider's own statuses, then `collected`. `voided`: nothing was created, its requests are
pending again. `vanished`: the provider no longer knows it (a changed key or project): a person decides, it is never
sent again by itself.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from scoring_pipeline.llm.batch_client import TERMINAL_STATUSES
from scoring_pipeline.storage.port import Document, DocumentStore, Move, StoreError

UNSENT = ("planned", "uploaded", "creating")
LIVE = ("validating", "in_progress", "finalizing", "cancelling")
TERMINAL = tuple(sorted(TERMINAL_STATUSES))
ENDED = ("collected", "voided", "vanished")

_PROVIDER = frozenset({*LIVE, *TERMINAL})
_MOVES: dict[str, frozenset[str]] = {
    "planned": frozenset({"uploaded", "voided"}),
    "uploaded": frozenset({"creating", "voided"}),
    "creating": frozenset({"uploaded", *_PROVIDER}),
    **{status: frozenset({*_PROVIDER, "vanished"}) for status in LIVE},
    **{status: frozenset({"collected"}) for status in TERMINAL},
    "vanished": frozenset({*_PROVIDER, "voided"}),
    "collected": frozenset(),
    "voided": frozenset(),
}


class LostMoveError(StoreError):
    """The batch is no longer in the state it was read in: another process moved it."""


def move(store: DocumentStore, batch: Document, to: str, assign: Mapping[str, Any]) -> Document:
    """Move a batch to another status and return it as it is after.

    A status that the provider has invented since is kept as it is spelled and treated as live.

    Raises:
        LostMoveError: if it was moved by somebody else since it was read.
        StoreError: if the move is not legal.
    """
    legal = _MOVES.get(batch["status"], frozenset({*_PROVIDER, "vanished"}))
    known = to in _PROVIDER or to in UNSENT or to in ENDED
    if known and to not in legal:
        raise StoreError(f"batch {batch['_id']}: no move from {batch['status']!r} to {to!r}")
    changes = {"status": to, **assign}
    if not store.compare_and_set("batches", Move(batch["_id"], {"status": batch["status"]}, changes)):
        raise LostMoveError(f"batch {batch['_id']} is no longer {batch['status']!r}")
    return {**batch, **changes}


def is_live(batch: Document) -> bool:
    """Whether the provider still works on it, by a known status or one it has invented since."""
    return batch["status"] not in {*UNSENT, *TERMINAL, *ENDED}


def batches_in(store: DocumentStore, partition: str, statuses: tuple[str, ...]) -> Iterator[Document]:
    """Yield one day's batches in some statuses."""
    yield from store.scan("batches", {"partition": partition, "status": {"$in": list(statuses)}})


def live_batches(store: DocumentStore) -> Iterator[Document]:
    """Yield every batch, of whatever day, that the provider still works on."""
    for status, count in store.group_count("batches", "status").items():
        if count and is_live({"status": status}):
            yield from store.scan("batches", {"status": status})
