"""Undoing: a plan that was never created at the provider is taken back, and its requests wait again.

What belongs here: which plans must not be sent, and taking one back so that a crash on the way cannot let it be sent.
What does not: planning (`plan.py`), and what becomes of a batch that was created (`collect.py`).
"""

from scoring_pipeline.batches.model import UNSENT, LostMoveError, batches_in, move
from scoring_pipeline.batches.render import PAGE
from scoring_pipeline.batches.workbench import Workbench
from scoring_pipeline.spend.budget import BudgetAccount, Limits
from scoring_pipeline.storage.port import Document, Move
from scoring_pipeline.values import chunked, utc_text


def void_unfit(bench: Workbench) -> int:
    """Void the day's plans that must not be sent; return how many there were.

    Those are plans that a crash left unsealed or half undone, and plans for the sandbox where the endpoint is a real
    one, or the other way round.
    """
    unfit = [batch for batch in batches_in(bench.store, bench.partition, UNSENT) if _unfit_because(bench, batch)]
    for batch in unfit:
        sendable = move(bench.store, batch, "uploaded", {}) if batch["status"] == "creating" else batch
        void(bench, sendable, reason=_unfit_because(bench, batch) or "")
    return len(unfit)


def _unfit_because(bench: Workbench, batch: Document) -> str | None:
    if batch["sandbox"] != bench.sandbox:
        return f"it was planned for {'the sandbox' if batch['sandbox'] else 'a real endpoint'}"
    return batch.get("voiding") or (None if batch["file_digest"] else "interrupted before it was sealed")


def void(bench: Workbench, batch: Document, *, reason: str) -> None:
    """Undo a plan that was never created at the provider: requests pending again, attempts gone, reserve released."""
    bench.lease.check()
    now = utc_text(bench.settings.clock.now())
    # Marked before anything is undone: a plan that is half undone when a process dies must never be sent.
    if not bench.store.compare_and_set("batches", Move(batch["_id"], {"status": batch["status"]}, {"voiding": reason})):
        raise LostMoveError(f"batch {batch['_id']} is no longer {batch['status']!r}")
    # Requests may have been claimed before their attempts were written, so they are found by themselves.
    claimed = bench.store.scan("requests", {"status": "planned", "batch_id": batch["_id"]}, batch=PAGE)
    for page in chunked(claimed, PAGE):
        expect = {"status": "planned", "batch_id": batch["_id"]}
        assign = {"status": "pending", "batch_id": None, "updated_at": now}
        bench.store.compare_and_set_many("requests", [Move(request["_id"], expect, assign) for request in page])
    bench.store.delete("attempts", {"batch_id": batch["_id"]})
    bench.store.delete("transcripts", {"batch_id": batch["_id"]})
    _account(bench, batch).settle(batch["_id"], 0)
    move(bench.store, batch, "voided", {"error": reason, "ended_at": now})
    bench.spool(batch).unlink(missing_ok=True)


def _account(bench: Workbench, batch: Document) -> BudgetAccount:
    """Return the account that a batch was reserved from."""
    if batch["sandbox"] == bench.sandbox:
        return bench.account
    return BudgetAccount(bench.store, "sandbox" if batch["sandbox"] else "live", Limits(None, None))
