"""Places from structured fields and labels together.

What belongs here: building a place from fields a board fills in, joining it with what the label says, removing
duplicates. What does not: how a label is read (`labels.py`), names and codes (`gazetteer.py`).
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TypeAlias

from scoring_pipeline.listings.gazetteer import any_country_code, area, city_name, fold, subdivision
from scoring_pipeline.listings.labels import places_in
from scoring_pipeline.listings.model import Place
from scoring_pipeline.listings.text import clean_line

_NO_PLACE = frozenset({"", "remote", "anywhere", "remote job", "n/a", "na", "hybrid", "-", "none", "other", "united"})
Key: TypeAlias = tuple[str, str, str]


def _field(value: str | None) -> str | None:
    text = clean_line(value) if value else ""
    return None if fold(text) in _NO_PLACE else text


def _region(name: str | None, country: str | None) -> tuple[str | None, str | None]:
    """Return a region as it is kept (a code in the US and Canada), and the country it tells."""
    if name is None:
        return None, country
    found = subdivision(name) or (subdivision(name.upper()) if len(name) == 2 else None)  # noqa: PLR2004 - a code
    if found is not None and country in (None, found.country) and fold(name) != "georgia":
        coded = len(name) == 2 and country is None  # noqa: PLR2004 - a bare code is a country's as well
        return (found.code, found.country) if not coded else (name, None)
    if found is not None and country == found.country:
        return found.code, country
    return name, country


@lru_cache(maxsize=8192)
def structured(
    city: str | None = None, region: str | None = None, country: str | None = None, *, label: str | None = None
) -> Place | None:
    """Return the place that a board's own fields describe, or None where they describe none.

    Args:
        city: as the board has it; `Remote`, `anywhere` and the like count as empty.
        region: a state or province by name or code, or any other region.
        country: a name, other name or code; what is no country (`European Union`) is kept as region if there is none.
        label: what the board shows for it; by default the fields joined by commas.
    """
    named_city, named_region, named_country = _field(city), _field(region), _field(country)
    code = any_country_code(named_country) if named_country else None
    if named_country and code is None and named_region is None and (wide := area(named_country)):
        named_region = wide.name
    kept, code = _region(named_region, code)
    if kept is not None and code is not None and not named_city and any_country_code(kept) == code:
        kept = None
    if named_city is None and kept is None and code is None:
        return None
    shown = clean_line(label) if label else ""
    parts = [part for part in (named_city, named_region, named_country) if part]
    return Place(
        city=city_name(named_city) if named_city else None, region=kept, country=code, label=shown or ", ".join(parts)
    )


def _key(place: Place) -> Key:
    city = fold(place.city) if place.city else ""
    return (city, fold(place.region) if place.region else "", place.country or "")


def unique(places: Iterable[Place]) -> tuple[Place, ...]:
    """Return the places without those that name the same city, region and country as an earlier one."""
    found: dict[Key, Place] = {}
    for place in places:
        found.setdefault(_key(place), place)
    return tuple(found.values())


def _compatible(one: Place, other: Place) -> bool:
    """Whether two places can be the same one: no part that both name differs."""
    return all(not mine or not theirs or mine == theirs for mine, theirs in zip(_key(one), _key(other), strict=True))


def _filled(place: Place, known: Place) -> Place:
    return place.model_copy(
        update={
            "city": place.city or known.city,
            "region": place.region or known.region,
            "country": place.country or known.country,
        }
    )


def joined(label: str | None, known: Sequence[Place]) -> tuple[Place, ...]:
    """Return the places of one label and of the structured fields beside it.

    A structured place fills in what the label leaves open when both name the same city, or when there is one of each
    and nothing contradicts; otherwise it is a place of its own. A label says `London`, the address that it is in GB.
    """
    shown = clean_line(label) if label else ""
    named = list(places_in(shown)) if shown else []
    rest: list[Place] = []
    for place in known:
        index = _same_place(named, place, single=len(known) == 1)
        if index is None:
            rest.append(place)
        else:
            named[index] = _filled(named[index], place)
    return unique([*named, *rest])


def _same_place(named: Sequence[Place], place: Place, *, single: bool) -> int | None:
    for index, candidate in enumerate(named):
        same_city = candidate.city and place.city and _compatible(candidate, place)
        if same_city or (single and len(named) == 1 and _compatible(candidate, place)):
            return index
    return None
