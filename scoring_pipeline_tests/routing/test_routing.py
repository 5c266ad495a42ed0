"""Routing: which tier a listing starts in and why, and what a tiers file may say."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from scoring_kit import listing

from scoring_pipeline.routing.features import features_of, route
from scoring_pipeline.routing.tiers import Model, Tier, Tiers, load_tiers
from scoring_pipeline.settings import PROJECT, ConfigError, Settings

THREE = Tiers(
    tiers=tuple(
        Tier(name=name, models=(Model(provider="openai", model=f"model-{name}"),))
        for name in ("economy", "standard", "premium")
    )
)
NAMED = ("Python", "SQL", "Docker")
SHORT, LONG = "word " * 499, "word " * 500
LISTED = "- word\n" + LONG


@pytest.mark.parametrize(
    ("changes", "tier", "reason"),
    [
        pytest.param({"description": SHORT}, "economy", "499 words, 3 required skills named", id="short and defined"),
        pytest.param({"description": LONG}, "standard", "500 words without structure", id="long and shapeless"),
        pytest.param(
            {"description": LISTED}, "economy", "502 words, but structured: 1 list items", id="long, but a list"
        ),
        pytest.param(
            {"description": SHORT, "skills_required": NAMED[:2]},
            "standard",
            "ambiguous: 2 required skills named",
            id="short, but few skills are named",
        ),
        pytest.param(
            {"description": LISTED, "skills_required": ()},
            "standard",
            "ambiguous: 0 required skills named",
            id="structured, but no skills are named",
        ),
        pytest.param({"seniority": "executive"}, "standard", "executive", id="an executive, well defined"),
        pytest.param(
            {"seniority": "executive", "skills_required": ()},
            "premium",
            "executive, and few skills are named",
            id="an executive, ambiguous",
        ),
        pytest.param({"seniority": "lead"}, "economy", "9 words, 3 required skills named", id="a lead is no executive"),
        pytest.param({"seniority": None}, "economy", "9 words, 3 required skills named", id="no seniority"),
        pytest.param({"description": ""}, "economy", "0 words, 3 required skills named", id="no description"),
    ],
)
def test_a_listing_starts_in_a_tier_for_a_reason(changes: dict[str, Any], tier: str, reason: str) -> None:
    fields = {"description": "We build ledgers in Python and we like that.", "skills_required": NAMED, **changes}
    found = route(listing(**fields), THREE)
    assert (found.tier, found.reason) == (tier, reason)


def test_the_features_are_those_of_the_listing() -> None:
    features = features_of(listing(description="- one\n\nTwo words.\n- three", language="de"))
    assert features.model_dump() == {
        "words": 6,
        "required_skills": 3,
        "list_items": 2,
        "seniority": "senior",
        "language": "de",
        "places": 1,
    }


def test_where_there_are_fewer_tiers_the_best_there_is_stands_in() -> None:
    one = Tiers(tiers=THREE.tiers[:1])
    assert route(listing(seniority="executive", skills_required=()), one).tier == "economy"


def test_tiers_follow_each_other_and_the_last_has_none_after_it() -> None:
    assert [THREE.after(name) for name in THREE.names()] == ["standard", "premium", None]
    assert THREE.after("unheard of") is None


def test_a_models_parameters_are_those_that_were_given() -> None:
    plain = Model(provider="openai", model="m")
    assert plain.parameters(300) == {"max_completion_tokens": 300}
    assert plain.price_provider == "openai"
    tuned = Model(provider="mine", model="m", reasoning_effort="none", temperature=0, prices_as="openai")
    assert tuned.parameters(300) == {"max_completion_tokens": 300, "reasoning_effort": "none", "temperature": 0}
    assert tuned.price_provider == "openai"


def _settings(tmp_path: Path, data: Any, **providers: Any) -> Settings:
    path = tmp_path / "tiers.yaml"
    path.write_text(data if isinstance(data, str) else yaml.safe_dump(data))
    return Settings.model_validate({"tiers": path, "llm": {"providers": providers or {"openai": {}}}})


def _tier(name: str = "economy", **model: Any) -> dict[str, Any]:
    return {"name": name, "models": [{"provider": "openai", "model": "gpt-6-luna", **model}]}


@pytest.mark.parametrize("name", ["tiers.yaml", "tiers-gpt-4o.yaml"])
def test_the_shipped_tiers_are_valid(name: str) -> None:
    tiers = load_tiers(Settings(tiers=PROJECT / "config" / name))
    assert tiers.names()[0] == "economy"


def test_the_first_model_whose_provider_serves_batches_is_used(tmp_path: Path) -> None:
    models = [{"provider": "direct", "model": "a"}, {"provider": "openai", "model": "b"}]
    settings = _settings(
        tmp_path, {"tiers": [{"name": "economy", "models": models}]}, direct={"batch": False}, openai={}
    )
    assert load_tiers(settings).batch_model("economy", settings).model == "b"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param({}, "tiers: Field required", id="an empty file"),
        pytest.param({"tiers": []}, "tiers: Tuple should have at least 1 item", id="no tier"),
        pytest.param({"tiers": [{"name": "economy", "models": []}]}, "tiers.0.models:", id="no model"),
        pytest.param({"tiers": [_tier("Economy!")]}, "tiers.0.name:", id="a name that is none"),
        pytest.param({"tiers": [_tier(), _tier()]}, "two tiers have one name", id="two tiers of one name"),
        pytest.param({"tiers": [_tier(temperature=3)]}, "tiers.0.models.0.temperature:", id="out of bounds"),
        pytest.param({"tiers": [_tier(effort="none")]}, "tiers.0.models.0.effort:", id="a field nobody knows"),
        pytest.param(
            {"tiers": [_tier(provider="azure")]}, "provider 'azure' is not under llm.providers", id="provider"
        ),
        pytest.param("tiers: [", "is not YAML", id="not YAML"),
    ],
)
def test_a_mistake_in_the_tiers_file_names_file_and_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: Any, said: str
) -> None:
    settings = _settings(tmp_path, data)
    # The variable that names the file must not be taken for the origin of what is wrong in it.
    monkeypatch.setenv("SCORING_TIERS", str(settings.tiers))
    with pytest.raises(ConfigError) as caught:
        load_tiers(settings)
    assert str(caught.value).startswith(f"{settings.tiers}: ")
    assert said in str(caught.value)


def test_a_tier_without_a_batch_lane_is_refused(tmp_path: Path) -> None:
    settings = _settings(tmp_path, {"tiers": [_tier()]}, openai={"batch": False})
    with pytest.raises(ConfigError, match="tier 'economy' has no model whose provider serves batches"):
        load_tiers(settings)
