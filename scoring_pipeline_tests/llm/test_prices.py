"""Prices: exact integers for what the default tiers buy, and a refusal for what has no known price."""

from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from scoring_pipeline.llm.prices import LINEAR_UP_TO, TokenUsage, UnknownPriceError, cost_nano_usd, usd, usd_text
from scoring_pipeline.settings import PROJECT

NOW = datetime(2026, 11, 21, 3, 30, tzinfo=UTC)

# nano-USD per token in a batch: prompt, cached, completion
BATCH_PRICES = {
    "gpt-6-luna": (50, 5, 250),
    "gpt-6.1-terra": (500, 25, 2500),
    "gpt-6-sol": (1000, 100, 5000),
    "gpt-4o-mini": (75, 75, 300),
    "gpt-4o": (1250, 1250, 5000),
}


def _cost(model: str, usage: TokenUsage, **changes: Any) -> int:
    return cost_nano_usd(usage, **{"provider": "openai", "model": model, "lane": "batch", "at": NOW, **changes})


@pytest.mark.parametrize("file", ["tiers.yaml", "tiers-gpt-4o.yaml"])
def test_every_model_of_the_shipped_tiers_is_in_the_table_of_this_test(file: str) -> None:
    tiers = yaml.safe_load((PROJECT / "config" / file).read_text())["tiers"]
    assert {model["model"] for tier in tiers for model in tier["models"]} <= set(BATCH_PRICES)


@pytest.mark.parametrize("model", BATCH_PRICES)
def test_a_batch_costs_what_the_price_list_says_to_the_nano_dollar(model: str) -> None:
    prompt, cached, completion = BATCH_PRICES[model]
    usage = TokenUsage(prompt=1501, completion=137, cached=1024)
    assert _cost(model, usage) == prompt * (1501 - 1024) + cached * 1024 + completion * 137
    assert _cost(model, TokenUsage(prompt=1, completion=0)) == prompt
    assert _cost(model, TokenUsage(prompt=0, completion=1)) == completion
    assert _cost(model, TokenUsage(prompt=0, completion=0)) == 0


@pytest.mark.parametrize("model", BATCH_PRICES)
def test_a_batch_costs_half_of_direct_calls(model: str) -> None:
    usage = TokenUsage(prompt=2000, completion=200)
    assert 2 * _cost(model, usage) == _cost(model, usage, lane="realtime")


def test_reasoning_is_part_of_the_completion_and_not_charged_twice() -> None:
    assert _cost("gpt-6-luna", TokenUsage(100, 50, reasoning=40)) == _cost("gpt-6-luna", TokenUsage(100, 50))


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        pytest.param("openai", "gpt-99-imaginary", id="a model nobody knows"),
        pytest.param("nobody", "gpt-6-luna", id="a provider nobody knows"),
    ],
)
@pytest.mark.parametrize("prompt", [100, LINEAR_UP_TO + 1])
def test_an_unknown_price_refuses_and_is_never_zero(provider: str, model: str, prompt: int) -> None:
    with pytest.raises(UnknownPriceError, match="no batch price is known for model"):
        _cost(model, TokenUsage(prompt=prompt, completion=1), provider=provider)


def test_very_long_prompts_are_priced_as_a_whole() -> None:
    short, long = TokenUsage(LINEAR_UP_TO, 0), TokenUsage(2 * LINEAR_UP_TO, 0)
    assert _cost("gpt-6-luna", long) >= 2 * _cost("gpt-6-luna", short)


def test_usage_is_read_with_its_details_null_or_absent() -> None:
    assert TokenUsage.from_body({"prompt_tokens": 5, "completion_tokens": 2}) == TokenUsage(5, 2)
    body = {
        "prompt_tokens": 5,
        "completion_tokens": 3,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }
    assert TokenUsage.from_body(body) == TokenUsage(5, 3, cached=4, reasoning=1)
    nulls = {**body, "prompt_tokens_details": None, "completion_tokens_details": {"reasoning_tokens": None}}
    assert TokenUsage.from_body(nulls) == TokenUsage(5, 3)


@pytest.mark.parametrize(
    "usage",
    [
        pytest.param(None, id="null"),
        pytest.param([], id="a list"),
        pytest.param({"prompt_tokens": 5}, id="half of it"),
        pytest.param({"prompt_tokens": "5", "completion_tokens": 1}, id="a number as text"),
        pytest.param({"prompt_tokens": 5.5, "completion_tokens": 1}, id="a fraction"),
        pytest.param({"prompt_tokens": True, "completion_tokens": 1}, id="a truth value"),
        pytest.param({"prompt_tokens": -5, "completion_tokens": 1}, id="less than nothing"),
        pytest.param({"prompt_tokens": 1.2e29, "completion_tokens": 1}, id="more than any store holds"),
        pytest.param({"prompt_tokens": 10**18, "completion_tokens": 1}, id="more than any prompt has"),
        pytest.param({"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": "?"}, id="details as text"),
        pytest.param(
            {"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 6}},
            id="more cached than there were",
        ),
    ],
)
def test_usage_that_cannot_be_meant_is_a_value_error(usage: Any) -> None:
    with pytest.raises(ValueError, match="usage"):
        TokenUsage.from_body(usage)


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        pytest.param(0, "$0", id="nothing"),
        pytest.param(1_234_567_890_123, "$1,234.57", id="thousands of dollars"),
        pytest.param(12_300_000_000, "$12.30", id="dollars"),
        pytest.param(4_200_000, "$0.0042", id="fractions of a cent"),
        pytest.param(50_000, "$0.000050", id="one answer"),
    ],
)
def test_money_is_written_as_people_read_it(nano: int, text: str) -> None:
    assert usd_text(nano) == text
    assert usd(nano) * 10**9 == nano
