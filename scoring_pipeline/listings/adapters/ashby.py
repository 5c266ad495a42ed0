"""Ashby job postings.

What belongs here: what Ashby's fields mean. Its oddities: the plain text upper-cases headings, so the HTML is read;
`address` is null, empty or dirty; `secondaryLocations` held texts once; a null `isRemote` is not false; `workplaceType`
came in 2026; pay is inside each job, in tiers of components of which only `Salary` is pay. What does not: places, pay
and text in general.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
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
from scoring_pipeline.listings.text import clean_line, from_html

_INTERVAL = re.compile(r"([1-9]\d?) (HOUR|DAY|WEEK|MONTH|YEAR)S?")
_PERIODS: dict[str, PayPeriod] = {"HOUR": "hour", "DAY": "day", "WEEK": "week", "MONTH": "month", "YEAR": "year"}


def parse(payload: Mapping[str, Any], context: BoardContext) -> Draft | Excluded:
    """Return the draft of one posting; one with `isListed` false is excluded as `unlisted`.

    Raises:
        PostingError: if a field that is needed is absent, or any field read is not what it should be.
    """
    if flag(payload, "isListed") is False:
        return Excluded("unlisted")
    title = required_line(payload, "title")
    url = required_link(payload, "jobUrl")
    raw = line(payload, "employmentType")
    places = unique(_places(payload))
    policy, evidence = _remote(payload, title)
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
        posted_at=dates.iso("publishedAt", payload.get("publishedAt")),
        employment_type=employment.classify(raw),
        employment_raw=raw,
        department=line(payload, "department"),
        compensation=_pay(payload, places),
        source=_source(payload),
    )


def _description(payload: Mapping[str, Any]) -> str:
    """Return the text of the HTML; the plain text only where there is no HTML."""
    html = markup(payload, "descriptionHtml")
    if html:
        return from_html(html)
    plain = markup(payload, "descriptionPlain")
    paragraphs = (clean_line(paragraph) for paragraph in plain.split("\n"))
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def _places(payload: Mapping[str, Any]) -> Iterator[Place]:
    """Yield the places of the main location, then of the secondary ones; of each, label and address together."""
    yield from joined(line(payload, "location"), _address(payload))
    for item in items(payload, "secondaryLocations"):
        if isinstance(item, str):
            yield from joined(item, ())
        elif isinstance(item, Mapping):
            yield from joined(line(item, "location"), _address(item))
        else:
            raise PostingError("secondaryLocations", f"must hold objects or text, holds {type(item).__name__}")


def _address(holder: Mapping[str, Any]) -> tuple[Place, ...]:
    postal = mapping(mapping(holder, "address"), "postalAddress")
    place = structured(line(postal, "addressLocality"), line(postal, "addressRegion"), line(postal, "addressCountry"))
    return () if place is None else (place,)


def _remote(payload: Mapping[str, Any], title: str) -> remote.Finding:
    """Return the work mode: `workplaceType`, else what the label says, else `isRemote`; its null says nothing."""
    stated = remote.from_value("workplaceType", line(payload, "workplaceType"))
    labelled = remote.from_label("location", line(payload, "location"))
    is_remote = flag(payload, "isRemote")
    if is_remote is None:
        return remote.first(stated, labelled, remote.from_title(title))
    flagged: remote.Finding = ("remote", "isRemote: true") if is_remote else ("onsite", "isRemote: false")
    return remote.first(stated, labelled, flagged)


def _pay(payload: Mapping[str, Any], places: Sequence[Place]) -> tuple[Compensation, ...]:
    """Return the salaries of every tier, labelled with its title; equity, bonus and commission are not pay."""
    stated = mapping(payload, "compensation")
    found = [
        _salary(component, line(tier, "title"))
        for tier in objects(stated, "compensationTiers")
        for component in objects(tier, "components")
        if component.get("compensationType") == "Salary"
    ]
    ranges = pay.unique(found)
    if ranges:
        return ranges
    summary = line(stated, "scrapeableCompensationSalarySummary")
    return pay.in_text(summary, dollar=pay.dollars_of(places)) if summary else ()


def _salary(component: Mapping[str, Any], label: str | None) -> Compensation | None:
    low, high = number(component, "minValue"), number(component, "maxValue")
    interval = _INTERVAL.fullmatch(line(component, "interval") or "")
    times = int(interval[1]) if interval else 1
    return pay.compensation(
        None if low is None else low / times,
        None if high is None else high / times,
        currency=line(component, "currencyCode"),
        period=_PERIODS[interval[2]] if interval else None,
        label=label,
    )


def _source(payload: Mapping[str, Any]) -> dict[str, Any]:
    kept = {
        "team": line(payload, "team"),
        "compensation_summary": line(mapping(payload, "compensation"), "compensationTierSummary"),
    }
    return {key: value for key, value in kept.items() if value is not None}
