"""What planning, submitting and collecting share.

What belongs here: the one object that the steps of a day are given. What does not: what they do with it.
"""

from dataclasses import dataclass
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from scoring_pipeline.batches.lease import Lease
from scoring_pipeline.routing.tiers import Tiers
from scoring_pipeline.scoring.rubric import Rubric
from scoring_pipeline.settings import Settings
from scoring_pipeline.spend.budget import BudgetAccount
from scoring_pipeline.storage.port import Document, DocumentStore


@dataclass(frozen=True)
class Workbench:
    """The store, the rules, and the lease under which a day is worked on."""

    store: DocumentStore
    settings: Settings
    tiers: Tiers
    rubric: Rubric
    account: BudgetAccount
    lease: Lease
    sandbox: bool
    log: FilteringBoundLogger

    @property
    def partition(self) -> str:
        """The day worked on."""
        return self.lease.partition

    def spool(self, batch: Document) -> Path:
        """Return where a batch's file lies between rendering and upload."""
        return self.settings.state / "spool" / f"{batch['_id'].replace('/', '_')}.jsonl"
