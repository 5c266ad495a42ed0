"""Tiers: ordered lists of models, cheapest tier first, as configured in `tiers.yaml`.

What belongs here: reading and checking that file, and the order in which tiers follow each other. What does not: which
tier a listing starts in (`features.py`).
"""

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator

from scoring_pipeline.listings.model import Frozen
from scoring_pipeline.settings import ConfigError, Settings, problems_of, read_yaml


class Model(Frozen):
    """One model of one provider, and how it is asked."""

    provider: str = Field(min_length=1, description="a name under llm.providers")
    model: str = Field(min_length=1)
    reasoning_effort: str | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    prices_as: str | None = Field(default=None, description="provider id in the price list; default: `provider`")

    def parameters(self, max_completion_tokens: int) -> dict[str, Any]:
        """Return the body fields that go with this model."""
        parameters: dict[str, Any] = {"max_completion_tokens": max_completion_tokens}
        if self.reasoning_effort is not None:
            parameters["reasoning_effort"] = self.reasoning_effort
        if self.temperature is not None:
            parameters["temperature"] = self.temperature
        return parameters

    @property
    def price_provider(self) -> str:
        """The provider's id in the price list."""
        return self.prices_as or self.provider


class Tier(Frozen):
    """One tier; its first model whose provider serves the lane is used."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")
    models: tuple[Model, ...] = Field(min_length=1)


class Tiers(Frozen):
    """All tiers, cheapest first."""

    tiers: tuple[Tier, ...] = Field(min_length=1)

    @field_validator("tiers")
    @classmethod
    def _names_differ(cls, tiers: tuple[Tier, ...]) -> tuple[Tier, ...]:
        names = [tier.name for tier in tiers]
        if len(set(names)) < len(names):
            raise ValueError(f"two tiers have one name: {', '.join(names)}")
        return tiers

    def names(self) -> list[str]:
        """Return the names, cheapest first."""
        return [tier.name for tier in self.tiers]

    def at_least(self, level: int) -> str:
        """Return the tier `level` steps above the cheapest, or the best there is."""
        return self.names()[min(level, len(self.tiers) - 1)]

    def after(self, name: str) -> str | None:
        """Return the tier that an answer which failed in `name` goes to, or None from the last one."""
        names = self.names()
        following = names[names.index(name) + 1 :] if name in names else []
        return following[0] if following else None

    def batch_model(self, name: str, settings: Settings) -> Model:
        """Return the model that serves a tier in the batch lane.

        Raises:
            ConfigError: if the tier is gone from the file, or none of its providers serves batches.
        """
        for tier in self.tiers:
            for model in tier.models:
                provider = settings.llm.providers.get(model.provider)
                if tier.name == name and provider is not None and provider.batch:
                    return model
        raise ConfigError([f"{settings.tiers}: tier {name!r} has no model whose provider serves batches"])


def load_tiers(settings: Settings) -> Tiers:
    """Read the tiers file and check it against the configured providers.

    Raises:
        ConfigError: one line for each mistake, naming file and field.
    """
    path: Path = settings.tiers
    try:
        tiers = Tiers.model_validate(read_yaml(path))
    except ValidationError as e:
        raise ConfigError(problems_of(e, path)) from e
    problems = [
        f"{path}: tier {tier.name!r}: provider {model.provider!r} is not under llm.providers "
        f"({', '.join(settings.llm.providers)})"
        for tier in tiers.tiers
        for model in tier.models
        if model.provider not in settings.llm.providers
    ]
    if problems:
        raise ConfigError(problems)
    for name in tiers.names():
        tiers.batch_model(name, settings)
    return tiers
