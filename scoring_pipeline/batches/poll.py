"""Polling: what the provider says of the batches it works on, written down as it is read.

What belongs here: reading statuses, by the list first and one by one only for stragglers. What does not: acting on a
terminal status (`collect.py`). Needs no lease: a status is a fact, and each is a compare-and-set of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from scoring_pipeline.batches.model import LostMoveError, live_batches, move
from scoring_pipeline.batches.submit import remote_fields
from scoring_pipeline.llm.batch_client import BatchClient, Providers, RemoteBatch
from scoring_pipeline.llm.errors import NotFoundAtProvider, ProviderError
from scoring_pipeline.storage.port import Document, DocumentStore
from scoring_pipeline.values import from_utc_text, utc_text

_CLOCK_SKEW_SECONDS = 3600


@dataclass
class Polled:
    """What one poll saw: batches asked about, those whose status changed, and providers that did not answer."""

    asked: int = 0
    changed: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def poll_batches(store: DocumentStore, providers: Providers, *, now: datetime) -> Polled:
    """Read the status of every live batch. A provider that does not answer is a failure, not an empty list."""
    polled = Polled()
    by_provider: dict[str, list[Document]] = {}
    for batch in live_batches(store):
        by_provider.setdefault(batch["provider"], []).append(batch)
    for name, batches in by_provider.items():
        polled.asked += len(batches)
        try:
            _poll_provider(store, providers.batch(name), batches, polled, now)
        except ProviderError as e:
            polled.failures.append(str(e))
    return polled


def _poll_provider(
    store: DocumentStore, client: BatchClient, batches: Sequence[Document], polled: Polled, now: datetime
) -> None:
    oldest = min(from_utc_text(batch["submitted_at"]) for batch in batches)
    listed = {remote.id: remote for remote in client.recent(not_before=int(oldest.timestamp()) - _CLOCK_SKEW_SECONDS)}
    for batch in batches:
        remote = listed.get(batch["provider_batch_id"])
        try:
            remote = remote or client.retrieve(batch["provider_batch_id"])
        except NotFoundAtProvider as e:
            _write(store, batch, "vanished", {"error": str(e)}, now, polled)
            continue
        if _differs(batch, remote):
            _write(store, batch, remote.status, remote_fields(remote), now, polled)


def _differs(batch: Document, remote: RemoteBatch) -> bool:
    return any(batch.get(name) != value for name, value in remote_fields(remote).items())


def _write(store: DocumentStore, batch: Document, status: str, fields: Document, now: datetime, polled: Polled) -> None:
    try:
        move(store, batch, status, {**fields, "polled_at": utc_text(now)})
    except LostMoveError:
        return
    if status != batch["status"]:
        polled.changed.append(batch["_id"])
