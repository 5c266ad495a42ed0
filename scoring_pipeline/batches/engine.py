"""The engine: submitting, polling and collecting for one day, each a whole step under the day's lease.

What belongs here: putting the parts of this room together the one right way, for assets, sensor and command line. What
does not: deciding which step is next (`days.py`), and Dagster.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from scoring_pipeline.batches.attempt_log import attempt_log
from scoring_pipeline.batches.collect import Collected, collect_partition
from scoring_pipeline.batches.days import DayFacts, pause_day, read_day
from scoring_pipeline.batches.lease import held
from scoring_pipeline.batches.plan import Plan, plan_partition
from scoring_pipeline.batches.poll import Polled, poll_batches
from scoring_pipeline.batches.submit import Submission, submit_partition
from scoring_pipeline.batches.undo import void_unfit
from scoring_pipeline.batches.workbench import Workbench
from scoring_pipeline.llm.batch_client import Providers
from scoring_pipeline.matching.settle import defer_waiting
from scoring_pipeline.routing.tiers import Tiers, load_tiers
from scoring_pipeline.scoring.rubric import Rubric, current_rubric
from scoring_pipeline.settings import ConfigError, Settings
from scoring_pipeline.spend.budget import BudgetAccount, Limits
from scoring_pipeline.storage.port import DocumentStore


class GateClosedError(Exception):
    """The day's checks have not passed for its current work set: nothing may be bought."""


@dataclass(frozen=True)
class Submitted:
    """What a submitting step did; `deferred` counts items that the budget sent to another day."""

    plan: Plan
    submission: Submission
    deferred: int = 0


@dataclass(frozen=True)
class Engine:
    """Everything a step needs, made once from the settings."""

    store: DocumentStore
    settings: Settings
    tiers: Tiers
    rubric: Rubric
    providers: Providers

    @classmethod
    def of(cls, settings: Settings, store: DocumentStore) -> "Engine":
        """Return the engine of a configuration.

        Raises:
            ConfigError: if the tiers cannot be used.
        """
        return cls(store, settings, load_tiers(settings), current_rubric(), Providers(settings.llm.providers))

    @cached_property
    def sandbox(self) -> bool:
        """Whether the tiers' endpoints are the sandbox; asks a loopback endpoint once.

        Raises:
            ConfigError: if some are and some are not, or a real endpoint has no budget.
            ProviderError: if a loopback endpoint does not answer.
        """
        names = sorted({model.provider for tier in self.tiers.tiers for model in tier.models})
        kinds = {name: self.providers.batch(name).is_sandbox() for name in names}
        if len(set(kinds.values())) > 1:
            raise ConfigError([f"{self.settings.tiers}: tiers mix the sandbox with real endpoints: {kinds}"])
        if not all(kinds.values()):
            require_budget(self.settings)
        return all(kinds.values())

    @property
    def generation(self) -> str:
        """The base generation of requests: answers of the sandbox and of real endpoints never satisfy each other."""
        return "sandbox" if self.sandbox else "live"

    @property
    def account(self) -> BudgetAccount:
        """The budget account that this engine spends from; the sandbox's has no limits."""
        limits = Limits(None, None) if self.sandbox else Limits.of(self.settings.budget)
        return BudgetAccount(self.store, self.generation, limits)

    def submit(self, partition: str) -> Submitted:
        """Plan what is pending for the day and send it; finish what an earlier process left half-sent.

        Raises:
            GateClosedError: if the day's checks have not passed.
            LeaseHeldError, LeaseLostError: if another process works on the day.
            ProviderError: if the provider refuses.
        """
        with self._bench(partition) as bench:
            day = self.store.get("partitions", partition)
            if day is None or day["status"] != "open":
                raise GateClosedError(
                    f"partition {partition} may not be submitted: its checks have not passed for its current work set"
                )
            void_unfit(bench)
            plan = plan_partition(bench)
            submission = submit_partition(bench, self.providers)
            self._after_stop(partition, submission)
            deferred = self._after_refusal(partition, plan.refused) if plan.refused else 0
            return Submitted(plan, submission, deferred)

    def collect(self, partition: str) -> Collected:
        """Collect every terminal batch of the day.

        Raises:
            LeaseHeldError, LeaseLostError: if another process works on the day.
            ProviderError: if a file cannot be read.
        """
        with self._bench(partition) as bench:
            return collect_partition(bench, self.providers)

    def poll(self) -> Polled:
        """Read the status of every live batch, of whatever day."""
        return poll_batches(self.store, self.providers, now=self.settings.clock.now())

    def facts(self, partition: str) -> DayFacts:
        """Return what a decision about the day rests on."""
        return read_day(self.store, partition, self.settings.clock)

    def _after_stop(self, partition: str, submission: Submission) -> None:
        """Let submission rest where trying again at once can only fail again, or before a list can show a batch."""
        now = self.settings.clock.now()
        if submission.stopped:
            pause_day(self.store, partition, now=now, why=submission.stopped, halted=submission.halted)
        elif submission.in_doubt:
            lag = max(provider.list_lag_seconds for provider in self.settings.llm.providers.values())
            pause_day(self.store, partition, now=now, pause=timedelta(seconds=lag), why=submission.doubt)

    def _after_refusal(self, partition: str, reason: str) -> int:
        """Wait for money that comes back when a batch settles; where none is under way, defer."""
        now = self.settings.clock.now()
        facts = self.facts(partition)
        if facts.live_batches or facts.unsent_batches or facts.terminal_batches:
            pause_day(self.store, partition, now=now)
            return 0
        return defer_waiting(self.store, partition, reason=reason, now=now)

    @contextmanager
    def _bench(self, partition: str) -> Iterator[Workbench]:
        account, sandbox = self.account, self.sandbox
        folder, clock = self.settings.state / "logs", self.settings.clock
        with held(self.store, partition, clock) as lease, attempt_log(folder, clock.today()) as log:
            yield Workbench(self.store, self.settings, self.tiers, self.rubric, account, lease, sandbox, log)


def require_budget(settings: Settings) -> None:
    """Refuse a real endpoint without a budget.

    Raises:
        ConfigError: naming the limits that are missing.
    """
    missing = [f"budget.{name}" for name in ("daily_usd", "monthly_usd") if getattr(settings.budget, name) is None]
    if missing:
        raise ConfigError(
            [f"{' and '.join(missing)} must be set (in USD) before a real endpoint is used; for a try, `make run`"]
        )
