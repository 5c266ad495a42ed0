"""What a role of the sample pays: by level and country, by the hour, month or year.

What belongs here: the arithmetic. What does not: who discloses it (`postings.py`) and how it is written (`wire/`).
"""

from dataclasses import dataclass
from typing import Literal

from scoring_pipeline.sandbox.catalogue import Catalogue, City, Level, Role

Period = Literal["hour", "month", "year"]

_HOURLY = frozenset({"US", "CA", "GB"})
_MONTHLY = frozenset({"NL", "ES", "DE"})
_HOURS_A_YEAR = 2080


@dataclass(frozen=True, slots=True)
class Pay:
    """A pay range in units of `currency` (never cents) per `period`."""

    minimum: float
    maximum: float
    currency: str
    period: Period


def pay_of(catalogue: Catalogue, role: Role, level: Level, city: City) -> Pay:
    """Return what a role pays at a level in a city, rounded as the country does."""
    country = catalogue.countries[city.country]
    share = catalogue.phrases.levels[level].pay * country.pay
    period: Period = "year"
    divisor, step = 1.0, float(country.round_to)
    if role.hourly and city.country in _HOURLY:
        period, divisor, step = "hour", _HOURS_A_YEAR, 0.25
    elif role.hourly and city.country in _MONTHLY:
        period, divisor, step = "month", 12.0, 50.0
    low, high = (round(figure * share / divisor / step) * step for figure in role.pay)
    return Pay(low, high, country.currency, period)
