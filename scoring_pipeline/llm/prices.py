"""What a provider charges for tokens, in integer nano-USD.

What belongs here: looking a price up (`genai-prices`: offline, dated, exact) and multiplying once per usage row. What
does not: limits and sums (`spend/`). An unknown price raises; it is never zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from typing import Any, Literal

from genai_prices import Usage, calc_price

Lane = Literal["batch", "realtime"]

NANO = Decimal(1_000_000_000)
# Some models charge more beyond 200,000 prompt tokens or so; up to here every price is linear in tokens.
LINEAR_UP_TO = 100_000
# No answer has more: a count beyond it is a mistake, and must not reach a ledger.
MOST_TOKENS = 100_000_000
_MILLION = 1_000_000


class UnknownPriceError(LookupError):
    """No price is known for a model; nothing may be bought from it until one is."""


@dataclass(frozen=True)
class TokenUsage:
    """Tokens of one answer. `prompt` includes `cached`; `completion` includes `reasoning`."""

    prompt: int
    completion: int
    cached: int = 0
    reasoning: int = 0

    @classmethod
    def from_body(cls, usage: Any) -> "TokenUsage":
        """Read the `usage` block of a chat completion; the details may be null or absent.

        Raises:
            ValueError: where a count is missing or cannot be meant.
        """
        if not isinstance(usage, dict):
            raise ValueError(f"usage: {type(usage).__name__} where a mapping is expected")  # noqa: TRY004 - one class
        prompt, completion = _tokens(usage, "prompt_tokens"), _tokens(usage, "completion_tokens")
        cached = _detail(usage, "prompt_tokens_details", "cached_tokens", most=prompt)
        reasoning = _detail(usage, "completion_tokens_details", "reasoning_tokens", most=completion)
        return cls(prompt=prompt, completion=completion, cached=cached, reasoning=reasoning)


def _tokens(counts: Mapping[str, Any], name: str, *, most: int = MOST_TOKENS) -> int:
    count = counts.get(name)
    if type(count) is not int or not 0 <= count <= most:
        raise ValueError(f"usage: {name} is {str(count)[:40]!r} where 0 to {most} is expected")
    return count


def _detail(usage: Mapping[str, Any], block: str, name: str, *, most: int) -> int:
    details = usage.get(block)
    if details is None:
        return 0
    if not isinstance(details, dict):
        raise ValueError(f"usage: {block} is no mapping")  # noqa: TRY004 - one class of error for whoever reads a row
    return 0 if details.get(name) is None else _tokens(details, name, most=most)


def cost_nano_usd(usage: TokenUsage, *, provider: str, model: str, lane: Lane, at: datetime) -> int:
    """Return what `usage` costs, in nano-USD, rounded half-even once.

    Args:
        usage: the tokens.
        provider: the provider's id in the price list, e.g. `openai`.
        model: the model's id as requested.
        lane: batch prices or those of direct calls.
        at: when it was bought; prices are dated, some by time of day.

    Raises:
        UnknownPriceError: if the list has no price for the model.
    """
    hour = at.replace(minute=0, second=0, microsecond=0)
    if usage.prompt > LINEAR_UP_TO:
        cost = _listed_price(usage, provider, model, lane, hour)
    else:
        prompt, cached, completion = _per_token(provider, model, lane, hour)
        cost = prompt * (usage.prompt - usage.cached) + cached * usage.cached + completion * usage.completion
    return int((cost * NANO).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


@lru_cache(maxsize=1024)
def _per_token(provider: str, model: str, lane: Lane, hour: datetime) -> tuple[Decimal, Decimal, Decimal]:
    """Return USD for one prompt, one cached and one completion token, below the surcharges for very long prompts."""
    many = 1000
    used = (TokenUsage(many, 0), TokenUsage(many, 0, cached=many), TokenUsage(0, many))
    prompt, cached, completion = (_listed_price(usage, provider, model, lane, hour) / many for usage in used)
    return prompt, cached, completion


def _listed_price(usage: TokenUsage, provider: str, model: str, lane: Lane, hour: datetime) -> Decimal:
    tokens = Usage(input_tokens=usage.prompt, cache_read_tokens=usage.cached, output_tokens=usage.completion)
    context = {"processing": "batch"} if lane == "batch" else None
    try:
        price: Decimal = calc_price(
            tokens, model, provider_id=provider, genai_request_timestamp=hour, price_context=context
        ).total_price
    except LookupError as e:
        raise UnknownPriceError(
            f"no {lane} price is known for model {model!r} of provider {provider!r}: "
            "choose a model with a known price in tiers.yaml"
        ) from e
    return price


def usd(nano: int) -> Decimal:
    """Return nano-USD as USD, exactly."""
    return Decimal(nano) / NANO


def usd_text(nano: int) -> str:
    """Return nano-USD as people read it: `$0.0042`, `$12.30`, `$0`."""
    amount = usd(nano)
    if amount == 0:
        return "$0"
    return f"${amount:,.2f}" if abs(amount) >= 1 else f"${amount:.4f}" if abs(nano) >= _MILLION else f"${amount:.6f}"
