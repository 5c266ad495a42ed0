"""The worker: one thread that carries batches from state to state as the clock says.

What belongs here: what is done at each step, and in which transaction. What does not: when a step is due
(`openai_batches.timetable`), what a row's answer is (`openai_rows.py`).

Each step is taken at its due time even if the thread comes to it later, and the earliest is taken first, so that a
clock that leaps, or a slow machine, changes nothing in a batch's history, nor in what it left of its model's queue to
the others.
"""

import heapq
import logging
import threading
from dataclasses import dataclass
from functools import partial
from typing import Literal

import orjson

from scoring_pipeline.sandbox.journal import LIVE, AnswerRow, BatchRecord, FileRecord, Journal
from scoring_pipeline.sandbox.openai_batches import next_due, timetable
from scoring_pipeline.sandbox.openai_clock import VirtualClock
from scoring_pipeline.sandbox.openai_fault_batches import has_empty_error_file, results_from, rule_of
from scoring_pipeline.sandbox.openai_fault_rules import FailRule, FileNotFoundRule, SlowCancelRule
from scoring_pipeline.sandbox.openai_faults import STATUS_LOST, STATUS_MISSING, Scenario
from scoring_pipeline.sandbox.openai_files import MONTH, FileFolder
from scoring_pipeline.sandbox.openai_options import SandboxOptions
from scoring_pipeline.sandbox.openai_results import AnswerLine, Parts, read_lines
from scoring_pipeline.sandbox.openai_rows import Unreached, answer_line, request_tokens, unreached_line
from scoring_pipeline.sandbox.openai_tokens import token_counter
from scoring_pipeline.sandbox.openai_validation import Validation, batch_error, file_not_found, queue_is_full

_log = logging.getLogger(__name__)
_SHORTEST_WAIT, _LONGEST_WAIT = 0.005, 1.0
_COUNTED_AS_DONE = (200, STATUS_LOST, STATUS_MISSING)


@dataclass(frozen=True)
class Desk:
    """What the worker works with."""

    journal: Journal
    folder: FileFolder
    clock: VirtualClock
    options: SandboxOptions
    scenario: Scenario


class Worker:
    """The thread; `failure` holds the error that stopped it, None while all is well."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._count = token_counter(exact=desk.options.exact_tokens)
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._pass_lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="sandbox-worker", daemon=True)
        self.failure: Exception | None = None

    def start(self) -> None:
        """Start the thread; batches that were live when the sandbox last ended go on."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the step it is at."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def wake(self) -> None:
        """Tell the thread that something may be due."""
        self._wake.set()

    def settle(self) -> None:
        """Return when everything that is due now is done, by this thread or the worker's."""
        with self._pass_lock:
            self._advance()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._wake.clear()
                with self._pass_lock:
                    self._advance()
                self._wake.wait(self._pause())
        except Exception as error:  # noqa: BLE001 - whatever it is, health and log must say so
            self.failure = error
            _log.exception("the sandbox's worker stopped; no batch will move until the sandbox is started again")

    def _pause(self) -> float | None:
        live = self._desk.journal.live_batches()
        if not live:
            return None
        due = min(self._due(batch) for batch in live)
        wait = (due - self._desk.clock.now()) / self._desk.clock.speed
        return max(_SHORTEST_WAIT, min(_LONGEST_WAIT, wait))

    def _advance(self) -> None:
        now = self._desk.clock.now()
        waiting = [(self._due(batch), batch.no, batch.id) for batch in self._desk.journal.live_batches()]
        heapq.heapify(waiting)
        while waiting and not self._stopping.is_set():
            _, number, batch_id = heapq.heappop(waiting)
            batch = self._desk.journal.batch(batch_id)
            if batch is None or not self._step(batch, now):
                continue
            moved = self._desk.journal.batch(batch_id)
            if moved is not None and moved.status in LIVE:
                heapq.heappush(waiting, (self._due(moved), number, batch_id))

    def _due(self, batch: BatchRecord) -> float:
        return next_due(batch, self._chunk(batch))

    def _chunk(self, batch: BatchRecord) -> int:
        return min(self._desk.options.chunk_requests, max(1, batch.total // 4))

    def _step(self, batch: BatchRecord, now: float) -> bool:
        """Take one step if one is due; return whether one was taken."""
        table = timetable(batch)
        if batch.status == "cancelling":
            return self._cancel(batch, now)
        if batch.status == "validating":
            return now >= table.validated and self._validate(batch, table.validated)
        if batch.status == "in_progress":
            return self._progress(batch, now)
        if batch.status == "finalizing":
            if table.expires < table.completed:
                return now >= table.expires and self._end(batch, "expired", table.expires)
            return now >= table.completed and self._end(batch, "completed", table.completed)
        return False

    def _cancel(self, batch: BatchRecord, now: float) -> bool:
        table, rule = timetable(batch), rule_of(batch, SlowCancelRule)
        if table.cancelled is None or now < table.cancelled:
            return False
        if rule is not None and rule.keeps_answering:
            due = table.target(table.cancelled) - batch.next_line
            if due > 0:
                return self._answer(batch, min(due, self._desk.options.chunk_requests), table.cancelled)
        return self._end(batch, "cancelled", table.cancelled)

    def _progress(self, batch: BatchRecord, now: float) -> bool:
        table = timetable(batch)
        due = table.target(now) - batch.next_line
        if due >= self._chunk(batch) or (due > 0 and now >= min(table.answered, table.expires)):
            return self._answer(batch, min(due, self._desk.options.chunk_requests), now)
        if due > 0:
            return False
        if batch.next_line == batch.total and now >= table.answered:
            return self._desk.journal.move(batch, status="finalizing", finalizing_at=table.answered)
        return now >= table.expires and self._end(batch, "expired", table.expires)

    def _validate(self, batch: BatchRecord, at: float) -> bool:
        found = self._validation(batch, at)
        if found.errors:
            errors = orjson.dumps(found.errors).decode()
            moved = self._desk.journal.move(batch, status="failed", failed_at=at, errors=errors, model=found.model)
            self._forget_input(batch)
            return moved
        return self._desk.journal.move(
            batch,
            status="in_progress",
            in_progress_at=at,
            total=found.total,
            model=found.model,
            enqueued_tokens=found.tokens,
        )

    def _validation(self, batch: BatchRecord, at: float) -> Validation:
        limits = self._desk.scenario.limits.enqueued_tokens
        count = partial(request_tokens, batch.endpoint, count=self._count) if limits else None
        found = Validation(batch.endpoint, at, self._desk.options.max_requests, count)
        fail = rule_of(batch, FailRule)
        if rule_of(batch, FileNotFoundRule) is not None or not self._has_input(batch, at):
            found.errors.append(file_not_found(batch.input_file_id))
        elif fail is not None:
            found.errors.append(batch_error(fail.code, fail.message, param=fail.param))
        else:
            found.read(self._desk.folder.content(batch.input_file_id))
        limit = limits.get(found.model or "")
        if limit is not None and found.model is not None and not found.errors:
            taken = self._desk.journal.enqueued_tokens(found.model)
            if taken + found.tokens > limit:
                found.errors.append(queue_is_full(found.model, limit))
        return found

    def _has_input(self, batch: BatchRecord, at: float) -> bool:
        record = self._desk.journal.file(batch.input_file_id)
        if record is None or record.purpose != "batch" or not record.is_visible(batch.created_at):
            return False
        return record.expires_at is None or record.expires_at >= at

    def _answerer(self, batch: BatchRecord) -> AnswerLine:
        return partial(answer_line, batch, count=self._count, scenario=self._desk.scenario)

    def _answer(self, batch: BatchRecord, limit: int, now: float) -> bool:
        answer = self._answerer(batch)
        parts = Parts(self._desk.folder, batch, answer)
        rows: list[AnswerRow] = []
        offset = batch.next_offset
        for line in read_lines(self._desk.folder.content(batch.input_file_id), offset, limit):
            answered = answer(line, batch.next_line + len(rows))
            parts.append(answered)
            rows.append(answered.row)
            offset += len(line)
        output_bytes, error_bytes = parts.close()
        done = sum(row.status in _COUNTED_AS_DONE for row in rows)
        return self._desk.journal.record_rows(
            batch,
            rows,
            now,
            next_line=batch.next_line + len(rows),
            next_offset=offset,
            output_bytes=output_bytes,
            error_bytes=error_bytes,
            completed=batch.completed + done,
            failed=batch.failed + len(rows) - done,
            prompt_tokens=batch.prompt_tokens + sum(row.prompt_tokens for row in rows),
            completion_tokens=batch.completion_tokens + sum(row.completion_tokens for row in rows),
        )

    def _end(self, batch: BatchRecord, status: Literal["completed", "expired", "cancelled"], at: float) -> bool:
        parts = Parts(self._desk.folder, batch, self._answerer(batch))
        code = _code_of_unreached(batch, status)
        if code is not None:
            content = self._desk.folder.content(batch.input_file_id)
            for number, line in enumerate(read_lines(content, batch.next_offset), start=batch.next_line):
                parts.append_error(unreached_line(batch, line, number, code))
        parts.close()
        output_id, error_id = parts.publish(
            batch,
            self._desk.folder,
            shuffled=self._desk.scenario.shuffled,
            empty_errors=has_empty_error_file(batch),
        )
        records = [
            self._result_file(batch, file_id, name, at)
            for file_id, name in ((output_id, "output"), (error_id, "error"))
            if file_id is not None
        ]
        times = {f"{status}_at": at}
        moved = self._desk.journal.move(
            batch, records, status=status, output_file_id=output_id, error_file_id=error_id, **times
        )
        if moved:
            parts.remove()
            self._forget_input(batch)
        return moved

    def _result_file(self, batch: BatchRecord, file_id: str, name: str, at: float) -> FileRecord:
        size = self._desk.folder.content(file_id).stat().st_size
        expires_at = at + (batch.output_expires_seconds or MONTH)
        filename, visible_at = f"{batch.id}_{name}.jsonl", results_from(batch, at)
        return FileRecord(file_id, filename, "batch_output", size, at, expires_at, visible_at)

    def _forget_input(self, batch: BatchRecord) -> None:
        """Remove the content of an input file that was deleted while its batch was still live."""
        if self._desk.journal.file(batch.input_file_id) is None:
            self._desk.folder.content(batch.input_file_id).unlink(missing_ok=True)


def _code_of_unreached(batch: BatchRecord, status: str) -> Unreached | None:
    """Return the code of the error rows for what was not answered when the batch ended, None for no such rows."""
    if status == "expired":
        return "batch_expired"
    rule = rule_of(batch, SlowCancelRule)
    # A batch that was cancelled while it was validated has no rows yet.
    named = rule is not None and rule.names_unreached and batch.in_progress_at is not None
    return "batch_cancelled" if status == "cancelled" and named else None
