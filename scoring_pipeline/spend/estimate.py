"""What the pending requests of a day will cost, and the most they can cost.

What belongs here: tokens times prices before anything is bought. What does not: limits (`budget.py`).
"""

from dataclasses import dataclass
from datetime import datetime

from scoring_pipeline.llm.prices import TokenUsage, cost_nano_usd
from scoring_pipeline.routing.tiers import Model, Tiers
from scoring_pipeline.settings import Settings
from scoring_pipeline.storage.port import DocumentStore

# Until a model has answered: the function call with three reasons takes about this many tokens.
ASSUMED_COMPLETION_TOKENS = 140
# Chat and tool overhead is estimated; a reservation must cover it.
RESERVE_MARGIN_PERCENT = 10
_HISTORY = 50


@dataclass(frozen=True)
class TierEstimate:
    """One tier's share: requests, tokens in all, and nano-USD expected and at most."""

    tier: str
    model: str
    requests: int
    prompt_tokens: int
    completion_tokens: int
    expected: int
    at_most: int


def estimate_pending(
    store: DocumentStore, partition: str, tiers: Tiers, settings: Settings, *, now: datetime
) -> list[TierEstimate]:
    """Return the estimate per tier for the day's pending requests.

    Raises:
        UnknownPriceError: if a tier's model has no known price.
        ConfigError: if a tier is gone from the file or has no model in the batch lane.
    """
    order = {name: level for level, name in enumerate(tiers.names())}
    where = {"status": "pending", "partition": partition}
    counts = store.group_count("requests", "tier", where)
    sums = store.group_sum("requests", "tier", ["prompt_tokens"], where)
    estimates = []
    for tier in sorted(counts, key=lambda name: order.get(name, len(order))):
        model = tiers.batch_model(tier, settings)
        requests, prompt = counts[tier], sums[tier]["prompt_tokens"]
        each = measured_completion_tokens(store, model)
        estimates.append(
            TierEstimate(
                tier=tier,
                model=model.model,
                requests=requests,
                prompt_tokens=prompt,
                completion_tokens=each * requests,
                expected=requests * _price(model, prompt // requests, each, now),
                at_most=reserve_for(model, prompt, requests, settings.batch.max_completion_tokens, now=now),
            )
        )
    return estimates


def reserve_for(model: Model, prompt_tokens: int, requests: int, max_completion_tokens: int, *, now: datetime) -> int:
    """Return the most that `requests` with `prompt_tokens` in all can cost, in nano-USD."""
    prompt = -(-prompt_tokens * (100 + RESERVE_MARGIN_PERCENT) // (100 * requests))
    return requests * _price(model, prompt, max_completion_tokens, now)


def measured_completion_tokens(store: DocumentStore, model: Model) -> int:
    """Return the mean completion tokens of a model's answers so far, or the assumption before it has enough."""
    sums = store.group_sum("batches", "model", ["answered", "completion_tokens"], {"status": "collected"})
    totals = sums.get(model.model, {"answered": 0, "completion_tokens": 0})
    if totals["answered"] < _HISTORY:
        return ASSUMED_COMPLETION_TOKENS
    return -(-totals["completion_tokens"] // totals["answered"])


def _price(model: Model, prompt: int, completion: int, now: datetime) -> int:
    usage = TokenUsage(prompt=prompt, completion=completion)
    return cost_nano_usd(usage, provider=model.price_provider, model=model.model, lane="batch", at=now)
