"""Planning: pending requests of a day, grouped into batches that are written down before anything is sent.

What belongs here: choosing and claiming requests, attempts, sealing. What does not: HTTP (`submit.py`), and undoing a
plan that was never sent (`undo.py`).

A plan is inserted, its worst case reserved, its requests claimed by compare-and-set, its attempts written and its file
sealed by digest, in this order; a crash in between leaves an unsealed plan, which the next pass voids.
"""

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from scoring_pipeline.batches.render import (
    BatchFile,
    RubricChangedError,
    TranscriptWriter,
    attempts_of,
    parameters_of,
    rendered,
    static_bytes,
)
from scoring_pipeline.batches.undo import void
from scoring_pipeline.batches.workbench import Workbench
from scoring_pipeline.routing.tiers import Model
from scoring_pipeline.settings import BatchSizes
from scoring_pipeline.spend.budget import BudgetRefusedError
from scoring_pipeline.spend.estimate import reserve_for
from scoring_pipeline.storage.port import Document, Move
from scoring_pipeline.values import canonical_json, chunked, digest, new_digest, utc_text

PAGE = 500


@dataclass
class Plan:
    """What a planning pass did; `refused` is the budget's message where it stopped the pass."""

    batches: list[str] = field(default_factory=list)
    requests: int = 0
    refused: str | None = None


@dataclass
class _Buffer:
    """Requests of one tier on their way into a batch; `static` bytes of each line are the same."""

    static: int
    requests: dict[str, Document] = field(default_factory=dict)
    tokens: int = 0
    size: int = 0


def plan_partition(bench: Workbench) -> Plan:
    """Group the day's pending requests into sealed batches, cheapest first, until the budget refuses."""
    plan = Plan()
    sizes = bench.settings.batch
    most = _batch_size(bench, sizes)
    buffers: dict[str, _Buffer] = {}
    try:
        for request in _pending(bench):
            tier = request["tier"]
            buffer = buffers[tier] = buffers.get(tier) or _empty(bench, tier)
            if request["_id"] in buffer.requests:
                continue
            size = buffer.static + request["prompt_bytes"]
            too_large = buffer.size + size > sizes.max_bytes
            if len(buffer.requests) >= most or (too_large and buffer.requests):
                _plan_batch(bench, plan, tier, buffer)
                buffer = buffers[tier] = _Buffer(buffer.static)
            buffer.requests[request["_id"]] = request
            buffer.tokens += request["prompt_tokens"]
            buffer.size += size
        for tier, buffer in buffers.items():
            if buffer.requests:
                _plan_batch(bench, plan, tier, buffer)
    except BudgetRefusedError as e:
        plan.refused = str(e)
    return plan


def _empty(bench: Workbench, tier: str) -> _Buffer:
    model = bench.tiers.batch_model(tier, bench.settings)
    return _Buffer(static_bytes(bench.rubric, model, bench.settings.batch.max_completion_tokens))


def _pending(bench: Workbench) -> Iterator[Document]:
    """Yield the pending requests that the day's waiting items need, whichever day asked for them first."""
    waiting = bench.store.scan("work_items", {"partition": bench.partition, "status": "waiting"}, batch=PAGE)
    for page in chunked(waiting, PAGE):
        requests = bench.store.get_many("requests", list(dict.fromkeys(item["request_key"] for item in page)))
        for request in requests.values():
            if request["status"] == "pending" and request["sandbox"] == bench.sandbox:
                yield request


def _batch_size(bench: Workbench, sizes: BatchSizes) -> int:
    pending = bench.store.count("requests", {"status": "pending", "partition": bench.partition})
    grown = -(-pending // sizes.target_batches)
    return min(sizes.max_requests, max(sizes.requests, grown))


def _plan_batch(bench: Workbench, plan: Plan, tier: str, buffer: _Buffer) -> None:
    bench.lease.check()
    model = bench.tiers.batch_model(tier, bench.settings)
    batch = _insert(bench, tier, model)
    requests = list(buffer.requests.values())
    reserve = reserve_for(
        model,
        buffer.tokens,
        len(requests),
        bench.settings.batch.max_completion_tokens,
        now=bench.settings.clock.now(),
    )
    try:
        bench.account.reserve(batch["_id"], reserve, now=bench.settings.clock.now())
    except BudgetRefusedError as e:
        void(bench, batch, reason=str(e))
        raise
    claimed = _claim(bench, batch, requests)
    if not claimed:
        void(bench, batch, reason="another day claimed its requests first")
        return
    attempts = sorted((_attempt(batch, request) for request in claimed), key=lambda attempt: attempt["_id"])
    _seal(bench, batch, attempts, reserve=reserve, tokens=sum(request["prompt_tokens"] for request in claimed))
    plan.batches.append(batch["_id"])
    plan.requests += len(claimed)


def _insert(bench: Workbench, tier: str, model: Model) -> Document:
    sequence = bench.store.count("batches", {"partition": bench.partition})
    now = bench.settings.clock.now()
    batch: Document = {
        "_id": f"{bench.partition}/{sequence:06d}-{secrets.token_hex(4)}",
        "partition": bench.partition,
        "deployment": bench.settings.deployment,
        "status": "planned",
        "provider": model.provider,
        "prices_as": model.price_provider,
        "model": model.model,
        "tier": tier,
        "lane": "batch",
        "sandbox": bench.sandbox,
        "parameters": parameters_of(model, bench.settings.batch.max_completion_tokens),
        "rubric": bench.rubric.digest,
        "fencing_token": bench.lease.token,
        "requests": 0,
        "file_digest": None,
        "input_file_id": None,
        "provider_batch_id": None,
        "create_started_at": None,
        "created_at": utc_text(now),
    }
    bench.store.insert_absent("batches", [batch])
    return batch


def _claim(bench: Workbench, batch: Document, requests: Sequence[Document]) -> list[Document]:
    assign = {
        "status": "planned",
        "batch_id": batch["_id"],
        "partition": bench.partition,
        "updated_at": batch["created_at"],
    }
    moves = [
        Move(request["_id"], {"status": "pending", "tier": batch["tier"], "sent": request["sent"]}, assign)
        for request in requests
    ]
    won = bench.store.compare_and_set_many("requests", moves)
    return [request for request in requests if request["_id"] in won]


def _attempt(batch: Document, request: Document) -> Document:
    purchase = [
        batch["deployment"],
        [request["_id"]],
        batch["model"],
        batch["parameters"],
        request["round"],
        request["sent"],
    ]
    return {
        "_id": digest(canonical_json(purchase)),
        "request_key": request["_id"],
        "batch_id": batch["_id"],
        "partition": batch["partition"],
        "provider": batch["provider"],
        "model": batch["model"],
        "tier": batch["tier"],
        "lane": batch["lane"],
        "round": request["round"],
        "listing_view": request["listing_view"],
        "profile_view": request["profile_view"],
        "outcome": None,
        "sandbox": batch["sandbox"],
        "created_at": batch["created_at"],
    }


def _seal(bench: Workbench, batch: Document, attempts: Sequence[Document], *, reserve: int, tokens: int) -> None:
    """Write attempts and file, and then the file's digest: from here on the plan may be sent."""
    transcript = TranscriptWriter(bench.store, batch["_id"], "in", bench.settings.clock.now())
    file = BatchFile(bench.spool(batch))
    for page in rendered(bench.store, batch, bench.rubric, attempts):
        bench.store.upsert("attempts", [{**item.attempt, "prompt_hash": item.prompt_hash} for item in page])
        file.write(page)
        transcript.add([item.line for item in page])
    transcript.close()
    bench.lease.check()
    sealed = {
        "file_digest": file.close(),
        "file_bytes": file.size,
        "requests": len(attempts),
        "prompt_tokens_counted": tokens,
        "reserved_nano_usd": reserve,
    }
    bench.store.compare_and_set("batches", Move(batch["_id"], {"status": "planned", "file_digest": None}, sealed))


def file_is_ready(bench: Workbench, batch: Document) -> bool:
    """Whether the sealed file lies in the spool; where it does not (any more), it is rendered anew and compared."""
    path = bench.spool(batch)
    if path.is_file():
        with path.open("rb") as spooled:
            if hashlib.file_digest(spooled, new_digest).hexdigest() == batch["file_digest"]:
                return True
    file = BatchFile(path)
    try:
        for page in rendered(bench.store, batch, bench.rubric, attempts_of(bench.store, batch["_id"])):
            file.write(page)
    except RubricChangedError:
        return False
    return bool(file.close() == batch["file_digest"])
