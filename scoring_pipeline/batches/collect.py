"""Collecting: the rows of a terminal batch become outcomes, answers and costs, whatever way the batch ended.

What belongs here: reading both files, matching rows to attempts, what follows from each outcome, and closing the batch.
What does not: reading one line (`scoring/answers.py`). Every step can be repeated: an attempt takes its outcome once,
and a batch that was collected half-way is collected again from its first row.

Only answers about the request itself count as failures; what expired, was cancelled or is missing goes again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from scoring_pipeline.batches.attempt_log import log_attempt
from scoring_pipeline.batches.days import await_files, note_progress, pause_day
from scoring_pipeline.batches.model import LIVE, TERMINAL, UNSENT, batches_in, move
from scoring_pipeline.batches.render import PAGE, TranscriptWriter, attempts_of
from scoring_pipeline.batches.workbench import Workbench
from scoring_pipeline.llm.batch_client import BatchClient, Providers
from scoring_pipeline.llm.errors import STOP_CODES, NotFoundAtProvider, ProviderError
from scoring_pipeline.llm.prices import cost_nano_usd
from scoring_pipeline.matching.settle import settle_partition, settle_subscribers
from scoring_pipeline.scoring.answers import Outcome, Row, UnreadableLineError, read_line
from scoring_pipeline.storage.port import Document, Move
from scoring_pipeline.values import chunked, from_utc_text, utc_text

# An outcome that says nothing about the request: it goes again in the same tier.
_NOT_ITS_FAULT: frozenset[Outcome] = frozenset({"expired", "cancelled", "missing", "stopped"})
_ABSENT: dict[str, Outcome] = {"expired": "expired", "cancelled": "cancelled"}
# Collected half-way before a crash, these may have their outcome while their request still waits for it.
_WITHOUT_ANSWER: frozenset[Outcome | None] = frozenset({None, "expired", "cancelled", "missing", "rejected", "stopped"})
# What only a person can mend is tried again this seldom.
_HALT = timedelta(minutes=30)
_KEPT_ERRORS = 10
# Whatever happens around a request, it is not sent for ever; what a stop kept from being executed was not sent.
MOST_SENDS = 12


@dataclass
class Collected:
    """What a collecting pass over one day did."""

    batches: list[str] = field(default_factory=list)
    outcomes: dict[str, int] = field(default_factory=dict)
    settled_items: int = 0
    unreadable_lines: int = 0
    foreign_rows: int = 0
    waiting_for_files: list[str] = field(default_factory=list)


def collect_partition(bench: Workbench, providers: Providers) -> Collected:
    """Collect every terminal batch of the day, then end the items whose requests have ended."""
    result = Collected()
    for batch in list(batches_in(bench.store, bench.partition, TERMINAL)):
        try:
            _collect_batch(bench, providers.batch(batch["provider"]), batch, result)
        except NotFoundAtProvider as e:
            # Content may lag behind the status; the batch stays terminal and is tried again.
            result.waiting_for_files.append(f"{batch['_id']}: {e}")
    if result.waiting_for_files:
        await_files(bench.store, bench.partition, now=bench.settings.clock.now())
    if not any(batches_in(bench.store, bench.partition, (*UNSENT, *LIVE, *TERMINAL))):
        result.settled_items += settle_partition(bench.store, bench.partition, now=bench.settings.clock.now())
    return result


def _collect_batch(bench: Workbench, client: BatchClient, batch: Document, result: Collected) -> None:
    lines = _Lines(bench, client, batch)
    for rows in chunked(lines, PAGE):
        _take_rows(bench, batch, rows, result)
    lines.close()
    result.unreadable_lines += lines.unreadable
    # `failed` means that the file did not validate: nothing ran, and the lines named in the errors are why.
    rejected = _rejected_lines(batch)
    absent: Outcome = "stopped" if _is_stop(batch) else _ABSENT.get(batch["status"], "missing")
    error = _batch_error(batch) or f"in neither file of a batch that ended {batch['status']}"
    for page in chunked(enumerate(attempts_of(bench.store, batch["_id"]), 1), PAGE):
        rows = [
            Row(attempt["_id"], "rejected", error=rejected[number])
            if number in rejected
            else Row(attempt["_id"], absent, error=error)
            for number, attempt in page
            if attempt["outcome"] in _WITHOUT_ANSWER
        ]
        _take_rows(bench, batch, rows, result)
    collected = _close(bench, batch, lines.unreadable)
    if bench.settings.retention.delete_provider_files:
        _delete_files(client, batch)
    now = bench.settings.clock.now()
    note_progress(bench.store, bench.partition, answered=collected["answered"], now=now)
    if collected["outcomes"].get("stopped"):
        why = _batch_error(batch) or f"{batch['provider']} stopped rows of batch {batch['_id']}: quota or billing"
        pause_day(bench.store, bench.partition, now=now, pause=_HALT, why=why, halted=True)
    result.batches.append(batch["_id"])


def _is_stop(batch: Document) -> bool:
    errors = (batch.get("provider_errors") or {}).get("data") or []
    return any(error.get("code") in STOP_CODES for error in errors)


def _rejected_lines(batch: Document) -> dict[int, str]:
    errors = (batch.get("provider_errors") or {}).get("data") or []
    return {error["line"]: f"{error.get('code')}: {error.get('message')}" for error in errors if error.get("line")}


class _Lines:
    """The rows of a batch's output and error files as they stream in, each line kept as a transcript."""

    def __init__(self, bench: Workbench, client: BatchClient, batch: Document) -> None:
        self._files = [file_id for file_id in (batch["output_file_id"], batch["error_file_id"]) if file_id]
        self._client = client
        self._transcript = TranscriptWriter(bench.store, batch["_id"], "out", bench.settings.clock.now())
        self.unreadable = 0

    def __iter__(self) -> Iterator[Row]:
        for file_id in self._files:
            for line in self._client.lines(file_id):
                self._transcript.add([line])
                try:
                    yield read_line(line)
                except UnreadableLineError:
                    self.unreadable += 1

    def close(self) -> None:
        """Write the rest of the transcript."""
        self._transcript.close()


def _take_rows(bench: Workbench, batch: Document, rows: Sequence[Row], result: Collected) -> None:
    bench.lease.check()
    attempts = bench.store.get_many("attempts", [row.custom_id for row in rows])
    mine: dict[str, Row] = {}
    for row in (_believed(batch, row) for row in rows):
        attempt = attempts.get(row.custom_id)
        if attempt is None or attempt["batch_id"] != batch["_id"]:
            result.foreign_rows += 1
        elif row.custom_id not in mine and attempt["outcome"] in {None, row.outcome}:
            mine[row.custom_id] = row
    outcomes = {
        key: _outcome(batch, row, _cost(batch, row)) for key, row in mine.items() if attempts[key]["outcome"] is None
    }
    moves = [Move(key, {"outcome": None}, outcome) for key, outcome in outcomes.items()]
    for key in bench.store.compare_and_set_many("attempts", moves):
        result.outcomes[mine[key].outcome] = result.outcomes.get(mine[key].outcome, 0) + 1
        log_attempt(bench.log, attempts[key], outcomes[key])
    requests = {attempts[key]["request_key"]: (attempts[key], row) for key, row in mine.items()}
    _end_requests(bench, batch, requests)
    now = bench.settings.clock.now()
    result.settled_items += settle_subscribers(bench.store, list(requests), now=now)


def _believed(batch: Document, row: Row) -> Row:
    if row.sandbox and row.score is not None and not batch["sandbox"]:
        return replace(
            row, outcome="invalid", score=None, error="a sandbox answered at an endpoint taken for a real one"
        )
    return row


def _cost(batch: Document, row: Row) -> int:
    if row.usage is None:
        return 0
    bought = from_utc_text(batch["submitted_at"])
    return cost_nano_usd(row.usage, provider=batch["prices_as"], model=batch["model"], lane="batch", at=bought)


def _latency(batch: Document, row: Row) -> int | None:
    """Return whole seconds from submission to the answer, as the provider dates it."""
    if row.answered_at is None:
        return None
    return max(0, row.answered_at - int(from_utc_text(batch["submitted_at"]).timestamp()))


def _outcome(batch: Document, row: Row, cost: int) -> dict[str, Any]:
    usage = row.usage
    return {
        "outcome": row.outcome,
        "error": row.error,
        "score": row.score.model_dump(mode="json") if row.score else None,
        "answered_model": row.model,
        "sandbox": row.sandbox or batch["sandbox"],
        "spend_day": batch["submitted_at"][:10],
        "latency_seconds": _latency(batch, row),
        "prompt_tokens": usage.prompt if usage else 0,
        "cached_tokens": usage.cached if usage else 0,
        "completion_tokens": usage.completion if usage else 0,
        "reasoning_tokens": usage.reasoning if usage else 0,
        "cost_nano_usd": cost,
    }


def _end_requests(bench: Workbench, batch: Document, rows: dict[str, tuple[Document, Row]]) -> None:
    stored = bench.store.get_many("requests", list(rows))
    now = utc_text(bench.settings.clock.now())
    moves = []
    for key, request in stored.items():
        attempt, row = rows[key]
        expect = {"status": "planned", "batch_id": batch["_id"]}
        moves.append(Move(key, expect, {**_next(bench, batch, request, attempt, row), "updated_at": now}))
    bench.store.compare_and_set_many("requests", moves)


def _next(bench: Workbench, batch: Document, request: Document, attempt: Document, row: Row) -> dict[str, Any]:
    """Return what becomes of a request after one outcome."""
    if row.score is not None:
        return {"status": "answered", "answer": _answer(batch, attempt, row)}
    failed = row.outcome not in _NOT_ITS_FAULT
    failures = request["failures"] + failed
    stops = request.get("stops", 0) + (row.outcome == "stopped")
    error = {"attempt": attempt["_id"], "model": batch["model"], "outcome": row.outcome, "error": row.error}
    again = {
        "status": "pending",
        "batch_id": None,
        "sent": request["sent"] + 1,
        "failures": failures,
        "stops": stops,
        "errors": [*request["errors"], error][-_KEPT_ERRORS:],
    }
    # An answer that cannot be used, or a request refused as it stands, is the next tier's; a provider's failure on the
    # row is worth the same tier again.
    following = bench.tiers.after(request["tier"])
    if again["sent"] - stops >= MOST_SENDS:
        return {**again, "status": "dead"}
    if row.outcome in {"invalid", "rejected"}:
        if following is None or failures >= bench.settings.batch.tries:
            return {**again, "status": "dead"}
        return {**again, "tier": following, "round": request["round"] + 1}
    return {**again, "status": "dead"} if failures >= bench.settings.batch.tries else again


def _answer(batch: Document, attempt: Document, row: Row) -> dict[str, Any]:
    return {
        **(row.score.model_dump(mode="json") if row.score else {}),
        "attempt_id": attempt["_id"],
        "batch_id": batch["_id"],
        "provider": batch["provider"],
        "model": batch["model"],
        "tier": batch["tier"],
        "rubric": batch["rubric"],
        "sandbox": row.sandbox or batch["sandbox"],
    }


def _batch_error(batch: Document) -> str | None:
    errors = (batch.get("provider_errors") or {}).get("data") or []
    first = errors[0] if errors else None
    return f"batch {batch['status']}: {first.get('code')}: {first.get('message')}" if first else None


def _close(bench: Workbench, batch: Document, unreadable: int) -> Document:
    """Settle the batch's cost, sum it up and mark it collected."""
    names = ["cost_nano_usd", "prompt_tokens", "completion_tokens", "cached_tokens"]
    where = {"batch_id": batch["_id"]}
    outcomes = bench.store.group_count("attempts", "outcome", where)
    sums = bench.store.group_sum("attempts", "batch_id", names, where)
    totals = sums.get(batch["_id"], dict.fromkeys(names, 0))
    bench.account.settle(batch["_id"], totals["cost_nano_usd"])
    return move(
        bench.store,
        batch,
        "collected",
        {
            **totals,
            "outcomes": outcomes,
            "answered": outcomes.get("valid", 0) + outcomes.get("invalid", 0),
            "unreadable_lines": unreadable,
            "terminal_status": batch["status"],
            "collected_at": utc_text(bench.settings.clock.now()),
        },
    )


def _delete_files(client: BatchClient, batch: Document) -> None:
    for name in ("input_file_id", "output_file_id", "error_file_id"):
        if not batch[name]:
            continue
        try:
            client.delete_file(batch[name])
        except ProviderError:
            # Tidiness only: the provider deletes them by itself after 30 days.
            return
