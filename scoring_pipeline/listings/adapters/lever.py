"""Lever postings (v0).

What belongs here: what Lever's fields mean. Its oddities: the title is `text`; the description is in up to five pieces,
of which `lists` holds bare `<li>` without a list around them; keys of `categories` are absent when unset and `-` when
emptied; `createdAt` is milliseconds; no company, no updated date. What does not: places, pay and text in general.
"""

from collections.abc import Mapping
from html import escape
from typing import Any

from scoring_pipeline.listings import dates, employment, pay, remote
from scoring_pipeline.listings.draft import (
    BoardContext,
    Draft,
    PostingError,
    company,
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
from scoring_pipeline.listings.text import clean_line, from_html

_INTERVALS: dict[str, PayPeriod] = {
    "per-year-salary": "year",
    "per-month-salary": "month",
    "per-week-salary": "week",
    "per-day-wage": "day",
    "per-hour-wage": "hour",
}


def parse(payload: Mapping[str, Any], context: BoardContext) -> Draft:
    """Return the draft of one posting.

    Raises:
        PostingError: if a field that is needed is absent, or any field read is not what it should be.
    """
    title = required_line(payload, "text")
    categories = mapping(payload, "categories")
    url = required_link(payload, "hostedUrl")
    commitment = _category(categories, "commitment")
    labels = _labels(categories)
    places = _places(labels, line(payload, "country"))
    policy, evidence = remote.first(
        remote.from_value("workplaceType", line(payload, "workplaceType")),
        *(remote.from_label("location", label) for label in labels),
        remote.from_label("commitment", commitment),
        remote.from_title(title),
    )
    return Draft(
        posting_id=posting_id(payload, "id"),
        title=title,
        company=company(context, None),
        description=_description(payload),
        url=url,
        apply_url=link(payload, "applyUrl") or url,
        places=places,
        remote_policy=policy,
        remote_evidence=evidence,
        posted_at=dates.epoch_milliseconds("createdAt", payload.get("createdAt")),
        employment_type=employment.classify(commitment),
        employment_raw=commitment,
        department=_category(categories, "department") or _category(categories, "team"),
        compensation=_pay(payload, places),
        source=_source(payload, categories),
    )


def _category(categories: Mapping[str, Any], name: str) -> str | None:
    value = line(categories, name)
    return None if value in {"-", "\u2013", "\u2014"} else value


def _labels(categories: Mapping[str, Any]) -> list[str]:
    """Return the location labels: `location`, and those of `allLocations`, which need not contain it."""
    labels = [_category(categories, "location")]
    for value in items(categories, "allLocations"):
        if value is not None and not isinstance(value, str):
            raise PostingError("categories.allLocations", f"must hold text, holds {type(value).__name__}")
        labels.append(clean_line(value) if value else None)
    return list(dict.fromkeys(label for label in labels if label and label != "-"))


def _places(labels: list[str], country: str | None) -> tuple[Place, ...]:
    """Return the union of the labels' places; `country` is the primary location's."""
    primary = structured(country=country)
    known = (primary,) if primary is not None else ()
    found: list[Place] = list(joined(labels[0] if labels else None, known))
    if primary is not None and len(found) > 1 and any(place.country == primary.country for place in found[:-1]):
        found = [place for place in found if place != primary]
    for label in labels[1:]:
        found.extend(joined(label, ()))
    return unique(_without_known(found))


def _without_known(places: list[Place]) -> list[Place]:
    """Drop places that an earlier one names more fully: `London` after `London, GB`."""
    kept: list[Place] = []
    for place in places:
        fuller = any(
            place.city and place.city == other.city and place.region in (None, other.region) and place.country is None
            for other in kept
        )
        if not fuller:
            kept.append(place)
    return kept


def _description(payload: Mapping[str, Any]) -> str:
    """Return opening, body, lists with their headings, closing and salary text, in the order of Lever's own page."""
    body = markup(payload, "descriptionBody")
    parts = [markup(payload, "opening"), body] if from_html(body) else [_whole(payload)]
    for item in objects(payload, "lists"):
        heading = line(item, "text")
        content = markup(item, "content")
        parts.append((f"<h3>{escape(heading)}</h3>" if heading else "") + f"<ul>{content}</ul>")
    parts.extend(markup(payload, name) for name in ("additional", "salaryDescription"))
    return "\n\n".join(text for text in map(from_html, parts) if text)


def _whole(payload: Mapping[str, Any]) -> str:
    """Return `description`, which is opening and body together, else the opening alone."""
    whole = markup(payload, "description")
    return whole if from_html(whole) else markup(payload, "opening")


def _pay(payload: Mapping[str, Any], places: tuple[Place, ...]) -> tuple[Compensation, ...]:
    stated = mapping(payload, "salaryRange")
    if not stated:
        text = from_html(markup(payload, "salaryDescription"))
        return pay.in_text(text, dollar=pay.dollars_of(places)) if text else ()
    found = pay.compensation(
        number(stated, "min"),
        number(stated, "max"),
        currency=line(stated, "currency"),
        period=_INTERVALS.get(line(stated, "interval") or ""),
    )
    return pay.unique([found])


def _source(payload: Mapping[str, Any], categories: Mapping[str, Any]) -> dict[str, Any]:
    kept = {
        "team": _category(categories, "team"),
        "level": _category(categories, "level"),
        "country": line(payload, "country"),
        "pay_interval": line(mapping(payload, "salaryRange"), "interval"),
    }
    return {key: value for key, value in kept.items() if value is not None}
