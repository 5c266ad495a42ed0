"""Greenhouse Job Board postings.

What belongs here: what Greenhouse's fields mean. Its oddities: `content` is entity-escaped HTML and absent from plain
lists; `location.name` is free text and may be null; pay is markup inside `content`, or cents without a period;
`language` is a setting of the board; `education` and `employment` are settings of the form; `metadata` may name a
hiring manager. What does not: places, pay and text in general.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from selectolax.lexbor import LexborHTMLParser, LexborNode

from scoring_pipeline.listings import dates, pay, remote
from scoring_pipeline.listings.draft import (
    BoardContext,
    Draft,
    Excluded,
    company,
    line,
    mapping,
    markup,
    number,
    objects,
    posting_id,
    required_line,
    required_link,
)
from scoring_pipeline.listings.model import Compensation, Place
from scoring_pipeline.listings.places import joined
from scoring_pipeline.listings.text import clean_line, from_html, unescape_once

_PAY_BLOCK = "content-pay-transparency"
_PAY_WINDOW = 48 * 1024
_PERSONAL = frozenset({"user"})
_MODE_NAMES = frozenset({"location type", "workplace type", "work type", "workplace", "work model", "remote"})
_LANGUAGES = {"zhHant": "zh-Hant", "zhHans": "zh-Hans"}


def parse(payload: Mapping[str, Any], context: BoardContext) -> Draft | Excluded:
    """Return the draft of one posting; a post without a job (`internal_job_id` null) is excluded as `prospect_post`.

    Raises:
        PostingError: if a field that is needed is absent, or any field read is not what it should be.
    """
    if "internal_job_id" in payload and payload["internal_job_id"] is None:
        return Excluded("prospect_post")
    title = required_line(payload, "title")
    location = line(mapping(payload, "location"), "name")
    url = required_link(payload, "absolute_url")
    html = unescape_once(markup(payload, "content"))
    offices = objects(payload, "offices")
    places = joined(location, ())
    policy, evidence = remote.first(
        remote.from_label("location", location), remote.from_title(title), _mode_in_metadata(payload)
    )
    departments = [name for name in (line(item, "name") for item in objects(payload, "departments")) if name]
    return Draft(
        posting_id=posting_id(payload, "id"),
        title=title,
        company=company(context, line(payload, "company_name")),
        description=from_html(html),
        url=url,
        apply_url=url,
        places=places or _office_places(offices),
        remote_policy=policy,
        remote_evidence=evidence,
        posted_at=dates.iso("first_published", payload.get("first_published")),
        department=departments[0] if departments else None,
        compensation=_pay(payload, html, places),
        source=_source(payload, departments, offices),
    )


def _office_places(offices: Sequence[Mapping[str, Any]]) -> tuple[Place, ...]:
    """Return where a posting's offices are, for postings whose own location names no place."""
    found: list[Place] = []
    for office in offices:
        found.extend(joined(line(office, "location"), ()))
    return tuple(dict.fromkeys(found))


def _mode_in_metadata(payload: Mapping[str, Any]) -> remote.Finding:
    for item in objects(payload, "metadata"):
        name, value = item.get("name"), item.get("value")
        if isinstance(name, str) and isinstance(value, str) and clean_line(name).casefold() in _MODE_NAMES:
            return remote.from_label("metadata", clean_line(value))
    return remote.UNKNOWN


def _pay(payload: Mapping[str, Any], html: str, places: Sequence[Place]) -> tuple[Compensation, ...]:
    """Return the pay of `pay_input_ranges` where the detail was read, else of the markup inside `content`."""
    ranges = objects(payload, "pay_input_ranges")
    if ranges:
        return pay.unique(_cents(item) for item in ranges)
    return _pay_in_markup(html, pay.dollars_of(places)) if _PAY_BLOCK in html else ()


def _cents(item: Mapping[str, Any]) -> Compensation | None:
    low, high = number(item, "min_cents"), number(item, "max_cents")
    title = line(item, "title")
    return pay.compensation(
        None if low is None else low / 100,
        None if high is None else high / 100,
        currency=line(item, "currency_type"),
        period=pay.period_in(title) or pay.period_in(from_html(markup(item, "blurb"))),
        label=title,
    )


def _pay_in_markup(html: str, dollar: str | None) -> tuple[Compensation, ...]:
    start = max(html.find(_PAY_BLOCK) - 200, 0)
    tree = LexborHTMLParser(html[start : start + _PAY_WINDOW].encode("utf-8", "replace"))
    found: list[Compensation] = []
    for block in tree.css(".pay-input"):
        title, span = _inner(block, ".title"), _inner(block, ".pay-range")
        period = pay.period_in(span) or pay.period_in(title) or pay.period_in(_inner(block, ".description"))
        for item in pay.in_text(span, dollar=dollar, label=title or None):
            plain = pay.compensation(
                item.minimum, item.maximum, currency=item.currency, period=period, label=item.label
            )
            found.extend([plain] if plain else [])
    return pay.unique(found)


def _inner(block: LexborNode, selector: str) -> str:
    node = block.css_first(selector)
    return clean_line(node.text(separator=" ")) if node is not None else ""


def _source(
    payload: Mapping[str, Any], departments: Sequence[str], offices: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    language = line(payload, "language")
    kept: dict[str, Any] = {
        "internal_job_id": payload.get("internal_job_id"),
        "requisition_id": line(payload, "requisition_id"),
        "departments": list(departments),
        "offices": [name for name in (line(office, "name") for office in offices) if name],
        "board_language": _LANGUAGES.get(language, language) if language else None,
        "application_deadline": line(payload, "application_deadline"),
        "metadata": _metadata(payload),
    }
    return {key: value for key, value in kept.items() if value not in (None, [], {})}


def _metadata(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the employer's own fields that hold plain values; those about a person are dropped."""
    kept: dict[str, Any] = {}
    for item in objects(payload, "metadata"):
        name, value = item.get("name"), item.get("value")
        if not isinstance(name, str) or item.get("value_type") in _PERSONAL:
            continue
        if isinstance(value, str):
            kept[clean_line(name)] = clean_line(value)
        elif isinstance(value, bool):
            kept[clean_line(name)] = value
        elif isinstance(value, list):
            kept[clean_line(name)] = [clean_line(one) for one in value if isinstance(one, str)]
    return kept
