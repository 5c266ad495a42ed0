"""Submitting: a sealed plan becomes a file and a batch at the provider, once.

What belongs here: upload, create, and what to do when a reply was lost or a process died in between. What does not:
choosing what to send (`plan.py`). The API has no idempotency key, so the plan's id travels in the batch's metadata: who
finds a plan in `creating` lists the provider's batches and adopts the one that bears it, and creates again only when
the list has had time to show it and does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from scoring_pipeline.batches.model import batches_in, move
from scoring_pipeline.batches.plan import file_is_ready
from scoring_pipeline.batches.undo import void
from scoring_pipeline.batches.workbench import Workbench
from scoring_pipeline.llm.batch_client import TERMINAL_STATUSES, BatchClient, Providers, RemoteBatch
from scoring_pipeline.llm.errors import PermanentProviderError, StopProviderError, TransientProviderError
from scoring_pipeline.storage.port import Document
from scoring_pipeline.values import from_utc_text, utc_text

METADATA_DEPLOYMENT = "scoring_pipeline"
METADATA_PLAN = "plan"

_CLOCK_SKEW_SECONDS = 3600


@dataclass
class Submission:
    """What a submitting pass did with the day's unsent batches.

    `doubt` is what was said instead of a reply to the last creation in doubt; `stopped` the provider's message where it
    ended the pass, and `halted` whether a person must act before it goes on.
    """

    created: list[str] = field(default_factory=list)
    adopted: list[str] = field(default_factory=list)
    voided: list[str] = field(default_factory=list)
    in_doubt: list[str] = field(default_factory=list)
    doubt: str | None = None
    stopped: str | None = None
    halted: bool = False


def submit_partition(bench: Workbench, providers: Providers) -> Submission:
    """Send the day's sealed plans, the oldest first.

    A stop (quota, billing, authentication) or a provider that is away ends the pass; what was not sent stays planned.

    Raises:
        PermanentProviderError: if the provider refuses a file or batch as such; that plan is voided.
    """
    result = Submission()
    try:
        adopt_in_doubt(bench, providers, result)
        for batch in list(batches_in(bench.store, bench.partition, ("planned", "uploaded"))):
            _send(bench, providers.batch(batch["provider"]), batch, result)
    except (StopProviderError, TransientProviderError) as e:
        result.stopped, result.halted = str(e), isinstance(e, StopProviderError)
    return result


def adopt_in_doubt(bench: Workbench, providers: Providers, result: Submission) -> None:
    """Find out about batches whose creation was under way when a process died or a reply was lost."""
    for batch in list(batches_in(bench.store, bench.partition, ("creating",))):
        client = providers.batch(batch["provider"])
        asked = from_utc_text(batch["create_asked_at"])
        mine = _bearing_plan(client, batch, int(asked.timestamp()) - _CLOCK_SKEW_SECONDS)
        bench.lease.check()
        if mine:
            for younger in mine[1:]:
                if younger.status not in TERMINAL_STATUSES:
                    client.cancel(younger.id)
            _created(bench, batch, mine[0], duplicates=[younger.id for younger in mine[1:]])
            result.adopted.append(batch["_id"])
            continue
        lag = timedelta(seconds=client.provider.list_lag_seconds)
        if bench.settings.clock.now() - from_utc_text(batch["create_started_at"]) > lag:
            move(bench.store, batch, "uploaded", {})
        else:
            result.in_doubt.append(batch["_id"])


def _bearing_plan(client: BatchClient, batch: Document, not_before: int) -> list[RemoteBatch]:
    found = [
        remote
        for remote in client.recent(not_before=not_before)
        if (remote.metadata or {}).get(METADATA_PLAN) == batch["_id"]
        and (remote.metadata or {}).get(METADATA_DEPLOYMENT) == batch["deployment"]
    ]
    return sorted(found, key=lambda remote: (remote.created_at, remote.id))


def _send(bench: Workbench, client: BatchClient, batch: Document, result: Submission) -> None:
    if batch["status"] == "planned":
        if not file_is_ready(bench, batch):
            void(bench, batch, reason="the file rendered again is not the one that was sealed")
            result.voided.append(batch["_id"])
            return
        bench.lease.check()
        try:
            file_id = client.upload(bench.spool(batch))
        except PermanentProviderError as e:
            void(bench, batch, reason=str(e))
            raise
        batch = move(bench.store, batch, "uploaded", {"input_file_id": file_id, "uploaded_at": _now(bench)})
    # The provider dates batches by the real time, whatever the pipeline's clock is set to.
    asked = utc_text(bench.settings.clock.now() - bench.settings.clock.offset)
    batch = move(bench.store, batch, "creating", {"create_started_at": _now(bench), "create_asked_at": asked})
    bench.lease.check(left=timedelta(seconds=client.timeout_seconds))
    try:
        remote = client.create(
            batch["input_file_id"],
            {METADATA_DEPLOYMENT: batch["deployment"], METADATA_PLAN: batch["_id"]},
        )
    except TransientProviderError as e:
        result.in_doubt.append(batch["_id"])
        result.doubt = str(e)
        return
    except StopProviderError:
        move(bench.store, batch, "uploaded", {})
        raise
    except PermanentProviderError as e:
        void(bench, move(bench.store, batch, "uploaded", {}), reason=str(e))
        raise
    _created(bench, batch, remote)
    result.created.append(batch["_id"])


def _created(bench: Workbench, batch: Document, remote: RemoteBatch, duplicates: Sequence[str] = ()) -> None:
    about = {"provider_batch_id": remote.id, "submitted_at": _now(bench), **remote_fields(remote)}
    move(bench.store, batch, remote.status, about | ({"duplicates": list(duplicates)} if duplicates else {}))
    bench.spool(batch).unlink(missing_ok=True)


def remote_fields(remote: RemoteBatch) -> Document:
    """Return what is kept of the provider's own description of a batch."""
    return {
        "provider_status": remote.status,
        "output_file_id": remote.output_file_id or None,
        "error_file_id": remote.error_file_id or None,
        "request_counts": remote.request_counts,
        "usage": remote.usage,
        "provider_errors": remote.errors,
    }


def _now(bench: Workbench) -> str:
    return utc_text(bench.settings.clock.now())
