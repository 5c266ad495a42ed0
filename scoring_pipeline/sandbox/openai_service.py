"""The stand-in behind its routes: one folder's journal, files, clock and worker put together.

What belongs here: operations of the API that touch the journal. What does not: HTTP (`openai_routes.py`).
"""

from pathlib import Path
from typing import Any

from scoring_pipeline.sandbox.journal import BatchRecord, Journal
from scoring_pipeline.sandbox.openai_batches import batch_json, check_cancellable, new_batch
from scoring_pipeline.sandbox.openai_clock import VirtualClock
from scoring_pipeline.sandbox.openai_completions import Answer, Context
from scoring_pipeline.sandbox.openai_errors import ApiError, insufficient_quota, rate_limited
from scoring_pipeline.sandbox.openai_faults import LostReplyRule, QuotaRule, RateLimitRule, load_scenario
from scoring_pipeline.sandbox.openai_files import FileFolder, Files, list_page, page_limit
from scoring_pipeline.sandbox.openai_options import SandboxOptions
from scoring_pipeline.sandbox.openai_rows import answer_request, journal_row
from scoring_pipeline.sandbox.openai_tokens import token_counter
from scoring_pipeline.sandbox.openai_worker import Desk, Worker
from scoring_pipeline.values import canonical_json, digest


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
        self.files = Files(self.journal, contents, max_batch_bytes=options.max_file_bytes)
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

    def create_batch(self, body: Any) -> tuple[dict[str, Any], bool]:
        """Create a batch.

        Returns:
            The batch as JSON, and whether the scenario wants the reply lost.

        Raises:
            ApiError: for what the API or the scenario refuses; nothing was created.
        """
        rule = self._scenario.create_rule(self.journal.count("batch_create_calls"))
        if isinstance(rule, RateLimitRule):
            raise rate_limited("batch creation", {"retry-after": f"{rule.retry_after:g}"})
        if isinstance(rule, QuotaRule):
            raise insufficient_quota()
        now = self.clock.now()
        fields = {"now": now, "seconds": self._options.batch_seconds}
        new_batch(body, **fields, fault=None)
        fault = self._scenario.batch_rule(self.journal.count("batches_created"))
        batch = self.journal.add_batch(new_batch(body, **fields, fault=fault))
        self.worker.wake()
        return batch_json(batch), isinstance(rule, LostReplyRule)

    def batch(self, batch_id: str) -> BatchRecord:
        """Return a batch as it stands.

        Raises:
            ApiError: 404 where there is none of that id.
        """
        found = self.journal.batch(batch_id)
        if found is None:
            raise ApiError(404, f"No batch found with id '{batch_id}'.")
        return found

    def list_batches(self, query: dict[str, str]) -> dict[str, Any]:
        """Return a page of batches, newest first; takes `limit` (1-100, default 20) and `after`."""
        limit = page_limit(query, default=20, most=100)
        before = self.batch(query["after"]).no if "after" in query else None
        found = self.journal.batches(before=before, limit=limit + 1)
        return list_page([batch_json(batch) for batch in found[:limit]], has_more=len(found) > limit)

    def cancel_batch(self, batch_id: str) -> dict[str, Any]:
        """Begin to cancel a batch, and return it; one that is cancelled already is returned as it is.

        Raises:
            ApiError: 404 for an unknown batch, 409 for one that has ended otherwise.
        """
        while True:
            batch = self.batch(batch_id)
            check_cancellable(batch)
            if batch.status in ("cancelling", "cancelled"):
                return batch_json(batch)
            # The worker may move the batch between the reading and this: then read again.
            if self.journal.move(batch, status="cancelling", cancelling_at=self.clock.now()):
                self.worker.wake()

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
