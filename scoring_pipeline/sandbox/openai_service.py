"""The stand-in behind its routes: one folder's journal, files, clock and worker put together.

What belongs here: operations of the API that touch the journal. What does not: HTTP (`openai_routes.py`).
"""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from scoring_pipeline.sandbox.journal import BatchRecord, Journal
from scoring_pipeline.sandbox.openai_batches import check_cancellable, new_batch, shown_json
from scoring_pipeline.sandbox.openai_clock import VirtualClock
from scoring_pipeline.sandbox.openai_completions import Answer, Context
from scoring_pipeline.sandbox.openai_errors import ApiError, rate_limited
from scoring_pipeline.sandbox.openai_fault_batches import is_known, is_listed
from scoring_pipeline.sandbox.openai_fault_calls import OfCall
from scoring_pipeline.sandbox.openai_fault_rules import Operation
from scoring_pipeline.sandbox.openai_faults import load_scenario
from scoring_pipeline.sandbox.openai_files import FileFolder, Files, list_page, page_limit
from scoring_pipeline.sandbox.openai_options import SandboxOptions
from scoring_pipeline.sandbox.openai_rows import answer_request, journal_row
from scoring_pipeline.sandbox.openai_tokens import token_counter
from scoring_pipeline.sandbox.openai_worker import Desk, Worker
from scoring_pipeline.values import canonical_json, digest

_HOUR = 3600


class Service:
    """One sandbox on one folder.

    Args:
        folder: where the journal and the contents lie; made if absent.
        options: speed, durations, limits, scenario.

    Raises:
        JournalError: the journal cannot be opened.
        ScenarioError: the scenario file cannot be used.
    """

    def __init__(self, folder: Path, options: SandboxOptions) -> None:
        self._scenario = load_scenario(options.scenario)
        folder.mkdir(parents=True, exist_ok=True)
        self.journal = Journal(folder / "journal.db")
        self.clock = VirtualClock(self.journal, options.speed)
        contents = FileFolder(folder)
        self._contents = contents
        self.files = Files(
            self.journal, contents, max_batch_bytes=options.max_file_bytes, visible_from=self._visible_from
        )
        self.worker = Worker(Desk(self.journal, contents, self.clock, options, self._scenario))
        self._options = options
        self._count = token_counter(exact=options.exact_tokens)

    def start(self) -> None:
        """Clear what a crash left behind and start the worker."""
        self.files.sweep(self.clock.now())
        self.worker.start()

    def stop(self) -> None:
        """End the worker and release the journal."""
        self.worker.stop()
        self.journal.close()

    def counts_calls(self, operation: Operation) -> bool:
        """Return whether `call_rule` wants to be told of calls of that operation."""
        return self._scenario.counts_calls(operation)

    def call_rule(self, operation: Operation, body: Any = None) -> OfCall | None:
        """Count a call and return the rule that it meets, or None.

        Args:
            operation: what was called.
            body: the call's body, where a rule may have to know its model.
        """
        creates = operation == "create_batch"
        number = self.journal.count("batch_create_calls" if creates else f"calls/{operation}")
        model = self._model_of(body)
        find = self._scenario.create_rule if creates else partial(self._scenario.call_rule, operation)
        rule = find(number, model)
        if rule is not None:
            self.journal.count(f"fault/{rule.kind}")
        return rule

    def _model_of(self, body: Any) -> str | None:
        """Return the model of a synchronous call, or of a create call by the first line of its file."""
        if not isinstance(body, dict) or not self._scenario.asks_for_models():
            return None
        model, file_id = body.get("model"), body.get("input_file_id")
        if isinstance(file_id, str) and (record := self.journal.file(file_id)) is not None:
            if record.purpose != "batch":
                return None
            with self._contents.content(record.id).open("rb") as lines:
                line = orjson.loads(lines.readline())
            model = line["body"].get("model") if isinstance(line.get("body"), dict) else None
        return model if isinstance(model, str) else None

    def create_batch(self, body: Any) -> dict[str, Any]:
        """Create a batch and return it as JSON.

        Raises:
            ApiError: for what the API refuses, and beyond the scenario's batches an hour; nothing was created.
        """
        now, limit = self.clock.now(), self._scenario.limits.creates_per_hour
        make = partial(new_batch, body, now=now, seconds=self._options.batch_seconds)
        make()  # what is refused gets no number
        model = self._model_of(body)
        batch = self.journal.create_batch(
            lambda number: make(faults=self._scenario.batch_rules(number, model)), since=now - _HOUR, at_most=limit
        )
        if batch is None:
            raise rate_limited(f"batch creation: {limit} batches an hour")
        self.worker.wake()
        return shown_json(batch, now)

    def batch(self, batch_id: str) -> BatchRecord:
        """Return a batch as it stands.

        Raises:
            ApiError: 404 where there is none of that id, or the scenario has it vanished.
        """
        found = self.journal.batch(batch_id)
        if found is None or not is_known(found, self.clock.now()):
            raise ApiError(404, f"No batch found with id '{batch_id}'.")
        return found

    def show_batch(self, batch_id: str) -> dict[str, Any]:
        """Return a batch as JSON; raises like `batch`."""
        return shown_json(self.batch(batch_id), self.clock.now())

    def list_batches(self, query: dict[str, str]) -> dict[str, Any]:
        """Return a page of batches, newest first; takes `limit` (1-100, default 20) and `after`."""
        limit = page_limit(query, default=20, most=100)
        before = self.batch(query["after"]).no if "after" in query else None
        now = self.clock.now()
        found = list(islice(self._listed(before, now, limit + 1), limit + 1))
        return list_page([shown_json(batch, now) for batch in found[:limit]], has_more=len(found) > limit)

    def _listed(self, before: int | None, now: float, page: int) -> Iterator[BatchRecord]:
        while batches := self.journal.batches(before=before, limit=page):
            yield from (batch for batch in batches if is_listed(batch, now))
            if len(batches) < page:
                return
            before = batches[-1].no

    def cancel_batch(self, batch_id: str) -> dict[str, Any]:
        """Begin to cancel a batch, and return it; one that is cancelled already is returned as it is.

        Raises:
            ApiError: 404 for an unknown batch, 409 for one that has ended otherwise.
        """
        while True:
            batch = self.batch(batch_id)
            check_cancellable(batch)
            if batch.status in ("cancelling", "cancelled"):
                return shown_json(batch, self.clock.now())
            # The worker may move the batch between the reading and this: then read again.
            if self.journal.move(batch, status="cancelling", cancelling_at=self.clock.now()):
                self.worker.wake()

    def _visible_from(self, now: float) -> float | None:
        rule = self._scenario.file_rule(self.journal.count("uploads")) if self._scenario.files else None
        return None if rule is None else now + rule.seconds

    def call(self, endpoint: str, body: Any) -> Answer:
        """Answer one synchronous request and record it."""
        if not isinstance(body, dict):
            raise ApiError(400, "The body must be a JSON object.")
        number, now = self.journal.count("calls"), self.clock.now()
        body_digest = digest(canonical_json(body))
        answer = answer_request(
            endpoint, body, Context(now, self._count, body_digest), self._scenario, f"{body_digest}/{number}"
        )
        self.journal.record_call(number, journal_row(number, None, body_digest, answer, "chat"), now)
        return answer
