"""Estimates: what a day will cost, the most it can cost, and how close both come to what the sandbox bills."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from day_kit import DAY, NOW, Days, ambiguous, billed, economy, ledger, opened, prepare, sandbox_days, settings_at
from openai_kit import serving
from scoring_kit import listing

from scoring_pipeline.batches.engine import Engine
from scoring_pipeline.routing.tiers import Model
from scoring_pipeline.settings import PROJECT, ConfigError
from scoring_pipeline.spend.estimate import (
    ASSUMED_COMPLETION_TOKENS,
    estimate_pending,
    measured_completion_tokens,
    reserve_for,
)
from scoring_pipeline.storage.port import Move

LUNA = Model(provider="openai", model="gpt-6-luna")


@pytest.fixture
def days(tmp_path: Path) -> Iterator[Days]:
    with sandbox_days(tmp_path) as made:
        yield made


def _estimates(days: Days) -> dict[str, tuple[int, int, int, int]]:
    engine = days.engine
    found = estimate_pending(engine.store, DAY, engine.tiers, engine.settings, now=NOW)
    return {one.tier: (one.requests, one.prompt_tokens, one.expected, one.at_most) for one in found}


def test_the_estimate_is_tokens_times_price_by_tier_the_cheapest_first(days: Days) -> None:
    days.show([*ambiguous(50, 2), *economy(1, 3)])
    days.prepare()
    found = _estimates(days)
    assert list(found) == ["economy", "standard"]
    requests, prompt, expected, at_most = found["economy"]
    assert requests == 3
    assert prompt == sum(request["prompt_tokens"] for request in days.requests() if request["tier"] == "economy")
    assert expected == 3 * ((prompt // 3) * 50 + ASSUMED_COMPLETION_TOKENS * 250)
    assert at_most > expected


def test_a_reservation_covers_every_answer_cut_at_its_bound_with_a_margin_on_the_prompt() -> None:
    assert reserve_for(LUNA, 3000, 2, 400, now=NOW) == 2 * (1650 * 50 + 400 * 250)
    assert reserve_for(LUNA, 3001, 2, 400, now=NOW) > 2 * (1650 * 50 + 400 * 250)


def test_a_day_without_work_has_no_estimate(days: Days) -> None:
    days.show([])
    days.prepare()
    assert _estimates(days) == {}


def test_a_tier_that_is_gone_from_the_file_is_named(days: Days) -> None:
    days.show(economy(1, 1))
    days.prepare()
    request = days.requests()[0]
    days.store.compare_and_set("requests", Move(request["_id"], {}, {"tier": "bargain"}))
    with pytest.raises(ConfigError, match="tier 'bargain' has no model"):
        _estimates(days)
    _, report = prepare(days.engine, DAY)
    assert any("bargain" in problem for problem in report.problems)


def test_a_model_without_a_known_price_closes_the_gate(tmp_path: Path) -> None:
    tiers = tmp_path / "tiers.yaml"
    tiers.write_text("tiers: [{name: economy, models: [{provider: openai, model: gpt-99-imaginary}]}]")
    with sandbox_days(tmp_path, tiers=tiers) as days:
        days.show(economy(1, 1))
        _, report = prepare(days.engine, DAY)
    assert not report.passed
    assert "no batch price is known for model 'gpt-99-imaginary'" in report.problems[0]


def test_the_mean_of_what_was_answered_replaces_the_assumption_once_there_is_enough(days: Days) -> None:
    assert measured_completion_tokens(days.store, LUNA) == ASSUMED_COMPLETION_TOKENS
    batch = {"status": "collected", "model": LUNA.model, "partition": DAY}
    days.store.upsert("batches", [{"_id": "a", **batch, "answered": 49, "completion_tokens": 49 * 80}])
    assert measured_completion_tokens(days.store, LUNA) == ASSUMED_COMPLETION_TOKENS
    days.store.upsert("batches", [{"_id": "b", **batch, "answered": 1, "completion_tokens": 81}])
    assert measured_completion_tokens(days.store, LUNA) == 81


def test_prompt_tokens_of_a_day_are_estimated_within_ten_percent_and_nothing_exceeds_what_was_reserved(
    tmp_path: Path,
) -> None:
    description = (PROJECT / "LICENSE").read_text()
    listings = [
        listing(number, description=f"Number {number}.\n\n{description[: 40 * number]}") for number in range(40)
    ]
    with serving(tmp_path / "sandbox", batch_seconds=100, exact_tokens=True) as running, opened(tmp_path) as store:
        days = Days(Engine.of(settings_at(tmp_path, running.url), store), running)
        days.show([*listings, *ambiguous(100, 10)])
        days.prepare()
        estimated = {tier: prompt for tier, (_, prompt, _, _) in _estimates(days).items()}
        days.drive()
        used = store.group_sum("attempts", "tier", ["prompt_tokens"], {"partition": DAY})
        assert ledger(store) == billed(running)
        for batch in days.batches():
            assert batch["cost_nano_usd"] <= batch["reserved_nano_usd"]
    assert set(used) == set(estimated)
    for tier, prompt in estimated.items():
        assert 0.9 <= prompt / used[tier]["prompt_tokens"] <= 1.1
