"""Recruitee offers.

What belongs here: what Recruitee's fields mean. Its oddities: the text is in `description`, `requirements` and
`highlight`, whose names do not tell what is in them; numbers of `salary` are text and may be null beside a currency;
`remote`, `hybrid` and `on_site` do not exclude each other; dates are not ISO; `translations` hold the same offer in
other languages. What does not: places, pay and text in general.
"""

from collections.abc import Mapping
from typing import Any

from scoring_pipeline.listings import dates, employment, pay, remote
from scoring_pipeline.listings.draft import (
    BoardContext,
    Draft,
    Excluded,
    PostingError,
    company,
    flag,
    items,
    line,
    link,
    mapping,
    markup,
    number,
    objects,
    posting_id,
    required_line,
    required_link,
)
from scoring_pipeline.listings.model import Compensation, PayPeriod, Place
from scoring_pipeline.listings.places import joined, structured, unique
from scoring_pipeline.listings.text import from_html

_PERIODS: dict[str, PayPeriod] = {"hour": "hour", "day": "day", "week": "week", "month": "month", "year": "year"}
_TEXTS = ("description", "highlight", "requirements")


def parse(payload: Mapping[str, Any], context: BoardContext) -> Draft | Excluded:
    """Return the draft of one offer; one that is not `published` is excluded as `unpublished`.

    Raises:
        PostingError: if a field that is needed is absent, or any field read is not what it should be.
    """
    if line(payload, "status") not in (None, "published"):
        return Excluded("unpublished")
    title = _title(payload)
    url = required_link(payload, "careers_url")
    raw = line(payload, "employment_type_code")
    policy, evidence = remote.first(
        remote.from_flags(
            remote=flag(payload, "remote"), hybrid=flag(payload, "hybrid"), onsite=flag(payload, "on_site")
        ),
        remote.from_label("location", line(payload, "location")),
        remote.from_title(title),
    )
    return Draft(
        posting_id=posting_id(payload, "id"),
        title=title,
        company=company(context, line(payload, "company_name")),
        description=_description(payload),
        url=url,
        apply_url=link(payload, "careers_apply_url") or url,
        places=_places(payload),
        remote_policy=policy,
        remote_evidence=evidence,
        posted_at=dates.utc_words("published_at", payload.get("published_at") or payload.get("created_at")),
        employment_type=employment.classify(raw),
        employment_raw=raw,
        department=line(payload, "department"),
        compensation=_pay(payload),
        source=_source(payload),
    )


def _title(payload: Mapping[str, Any]) -> str:
    """Return the title; a translation's where the default language has none."""
    titles = (line(holder, "title") for holder in (payload, *_translations(payload)))
    return next((title for title in titles if title), None) or required_line(payload, "title")


def _description(payload: Mapping[str, Any]) -> str:
    """Return the three texts together; of one translation where the default language has none of them."""
    for holder in (payload, *_translations(payload)):
        parts = dict.fromkeys(from_html(markup(holder, name)) for name in _TEXTS)
        text = "\n\n".join(part for part in parts if part)
        if text:
            return text
    return ""


def _translations(payload: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the translations in order of their language."""
    translations = mapping(payload, "translations")
    return objects({"translations": [translations[language] for language in sorted(translations)]}, "translations")


def _places(payload: Mapping[str, Any]) -> tuple[Place, ...]:
    """Return the places of `locations`, of the flat fields of the first, and of the label, which may name others."""
    known = [_location(item) for item in objects(payload, "locations")]
    known.append(
        structured(
            line(payload, "city"),
            line(payload, "state_name") or line(payload, "state_code"),
            line(payload, "country_code") or line(payload, "country"),
        )
    )
    places = unique(place for place in known if place is not None)
    return joined(line(payload, "location"), places)


def _location(item: Mapping[str, Any]) -> Place | None:
    return structured(
        line(item, "city"),
        line(item, "state") or line(item, "state_code"),
        line(item, "country_code") or line(item, "country"),
        label=line(item, "name"),
    )


def _pay(payload: Mapping[str, Any]) -> tuple[Compensation, ...]:
    salary = mapping(payload, "salary")
    stated = line(salary, "period")
    found = pay.compensation(
        number(salary, "min"),
        number(salary, "max"),
        currency=line(salary, "currency"),
        period=_PERIODS.get(stated or ""),
    )
    return pay.unique([found])


def _source(payload: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {
        name: line(payload, name) for name in ("experience_code", "education_code", "category_code", "close_at")
    }
    kept["hours_per_week"] = _hours(payload)
    kept["tags"] = _tags(payload)
    kept["languages"] = sorted(mapping(payload, "translations"))
    return {key: value for key, value in kept.items() if value not in (None, [])}


def _hours(payload: Mapping[str, Any]) -> list[float] | None:
    """Return the hours a week, which are integers in one generation of fields and text in another."""
    for low, high in (("min_hours_per_week", "max_hours_per_week"), ("min_hours", "max_hours")):
        bounds = [value for value in (number(payload, low), number(payload, high)) if value is not None]
        if bounds:
            return bounds
    return None


def _tags(payload: Mapping[str, Any]) -> list[str]:
    tags = items(payload, "tags")
    if any(not isinstance(tag, str) for tag in tags):
        raise PostingError("tags", "must hold text")
    return [tag for tag in (line({"tags": tag}, "tags") for tag in tags) if tag]
