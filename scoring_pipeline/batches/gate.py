"""The gate: what must hold before anything is bought for a day.

What belongs here: the conditions, each with what to do about it. What does not: how they are shown (`defs/scoring`).
The answer is written to the day's document together with the work set's revision; submitting refuses without it, in
whatever run or process it happens.
"""

from dataclasses import dataclass
from datetime import timedelta

from scoring_pipeline.batches.days import open_day
from scoring_pipeline.batches.engine import Engine
from scoring_pipeline.llm.errors import PermanentProviderError, ProviderError, TransientProviderError
from scoring_pipeline.llm.prices import UnknownPriceError, usd_text
from scoring_pipeline.settings import ConfigError
from scoring_pipeline.spend.estimate import TierEstimate, estimate_pending

_SHUTDOWN_NOTICE = timedelta(days=60)


@dataclass(frozen=True)
class GateReport:
    """Whether the day may be bought for, why not, and the estimate that was looked at."""

    partition: str
    revision: int
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    estimates: tuple[TierEstimate, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing stands against it."""
        return not self.problems

    @property
    def expected(self) -> int:
        """Expected cost, nano-USD."""
        return sum(estimate.expected for estimate in self.estimates)

    @property
    def at_most(self) -> int:
        """The most it can cost, nano-USD."""
        return sum(estimate.at_most for estimate in self.estimates)


def check_gate(engine: Engine, partition: str, revision: int) -> GateReport:
    """Look at a day's pending work, and open the day if nothing stands against buying it."""
    problems: list[str] = []
    warnings: list[str] = []
    estimates: list[TierEstimate] = []
    now = engine.settings.clock.now()
    try:
        sandbox = engine.sandbox
        estimates = estimate_pending(engine.store, partition, engine.tiers, engine.settings, now=now)
        if not sandbox:
            problems += _model_problems(engine, estimates, warnings)
            warnings += _budget_warnings(engine, estimates)
    except (ConfigError, UnknownPriceError, ProviderError) as e:
        problems.append(str(e))
    report = GateReport(partition, revision, tuple(problems), tuple(warnings), tuple(estimates))
    if report.passed:
        gate = {"revision": revision, "expected_nano_usd": report.expected, "at_most_nano_usd": report.at_most}
        open_day(engine.store, partition, gate=gate, now=now)
    return report


def _model_problems(engine: Engine, estimates: list[TierEstimate], warnings: list[str]) -> list[str]:
    today = engine.settings.clock.today()
    problems = []
    for estimate in estimates:
        model = engine.tiers.batch_model(estimate.tier, engine.settings)
        try:
            known = engine.providers.batch(model.provider).models()
        except (PermanentProviderError, TransientProviderError) as e:
            warnings.append(f"tier {estimate.tier}: whether {model.model} is still served could not be asked: {e}")
            continue
        shutdown = (known.get(model.model) or {}).get("shutdown_date")
        if known and model.model not in known:
            problems.append(f"tier {estimate.tier}: {model.provider} does not offer {model.model} to this key")
        elif shutdown and shutdown <= today:
            problems.append(f"tier {estimate.tier}: {model.model} was shut down on {shutdown}: choose another model")
        elif shutdown and shutdown <= (engine.settings.clock.now() + _SHUTDOWN_NOTICE).date().isoformat():
            warnings.append(f"tier {estimate.tier}: {model.model} shuts down on {shutdown}")
    return problems


def _budget_warnings(engine: Engine, estimates: list[TierEstimate]) -> list[str]:
    now = engine.settings.clock.now()
    expected = sum(estimate.expected for estimate in estimates)
    balance = engine.account.balance(now=now)
    limits = engine.account.limits
    warnings = []
    for name, limit, used in (("daily", limits.daily, balance.day), ("monthly", limits.monthly, balance.month)):
        if limit is not None and used + expected > limit:
            warnings.append(
                f"{usd_text(expected)} is expected and the {name} budget has {usd_text(max(0, limit - used))} left: "
                "what does not fit is deferred"
            )
    return warnings
