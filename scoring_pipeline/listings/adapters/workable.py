"""Workable postings: rows of the widget, and rows of the v3 list.

What belongs here: what Workable's fields mean. Its oddities: a posting in several places is a row for each with one
shortcode (`normalize.py` unites them); the company is in the envelope; `state` is a region in widget rows and a status
in v3 rows; `telecommuting` is the widget's only word on remote work. What does not: places, pay and text in general.
"""

from collections.abc import Mapping
from typing import Any

from scoring_pipeline.listings import dates, employment, remote
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
    objects,
    posting_id,
    required_line,
)
from scoring_pipeline.listings.model import EmploymentType, Place
from scoring_pipeline.listings.places import structured, unique
from scoring_pipeline.listings.text import from_html

_V3_KEYS = ("workplace", "published", "isInternal", "approvalStatus")
_V3_TYPES: dict[str, EmploymentType] = {
    "full": "full_time",
    "part": "part_time",
    "contract": "contract",
    "temporary": "temporary",
    "internship": "internship",
    "volunteer": "volunteer",
    "other": "other",
}
_PAGE = "https://apply.workable.com/j/"


def parse(payload: Mapping[str, Any], context: BoardContext) -> Draft | Excluded:
    """Return the draft of one row; v3 rows that are not published or internal are excluded as such.

    Raises:
        PostingError: if a field that is needed is absent, or any field read is not what it should be.
    """
    v3 = any(key in payload for key in _V3_KEYS)
    if v3 and line(payload, "state") not in (None, "published"):
        return Excluded("unpublished")
    if v3 and flag(payload, "isInternal"):
        return Excluded("internal")
    shortcode = posting_id(payload, "shortcode")
    url = link(payload, "url") or link(payload, "shortlink") or _PAGE + shortcode
    title = required_line(payload, "title")
    kind, raw = _employment(payload, v3=v3)
    policy, evidence = _remote(payload, title, v3=v3)
    posted = dates.iso("published", payload.get("published")) if v3 else dates.day("published_on", _published(payload))
    return Draft(
        posting_id=shortcode,
        title=title,
        company=company(context, line(context.envelope, "name")),
        description=_description(payload),
        url=url,
        apply_url=link(payload, "application_url") or url.rstrip("/") + "/apply",
        places=_places(payload, v3=v3),
        remote_policy=policy,
        remote_evidence=evidence,
        posted_at=posted,
        employment_type=kind,
        employment_raw=raw,
        department=_department(payload),
        source=_source(payload),
    )


def _published(payload: Mapping[str, Any]) -> Any:
    return payload.get("published_on") or payload.get("created_at")


def _description(payload: Mapping[str, Any]) -> str:
    """Return the text of `description` (in the widget all there is), and of the detail's separate parts."""
    parts = (from_html(markup(payload, name)) for name in ("description", "requirements", "benefits"))
    return "\n\n".join(part for part in parts if part)


def _employment(payload: Mapping[str, Any], *, v3: bool) -> tuple[EmploymentType | None, str | None]:
    raw = line(payload, "type" if v3 else "employment_type")
    return (_V3_TYPES.get(raw or "") if v3 else None) or employment.classify(raw), raw


def _remote(payload: Mapping[str, Any], title: str, *, v3: bool) -> remote.Finding:
    """Return the work mode. `telecommuting` is also set for hybrid postings: a title that says so counts first."""
    titled = remote.from_title(title)
    if v3:
        stated = remote.from_value("workplace", line(payload, "workplace"))
        flagged: remote.Finding = ("remote", "remote: true") if flag(payload, "remote") else remote.UNKNOWN
        return remote.first(stated, flagged, titled)
    telecommuting = flag(payload, "telecommuting")
    if telecommuting is None:
        return titled
    flagged = ("remote", "telecommuting: true") if telecommuting else ("onsite", "telecommuting: false")
    return remote.first(titled, flagged)


def _places(payload: Mapping[str, Any], *, v3: bool) -> tuple[Place, ...]:
    """Return the row's place and those of `locations`, hidden ones left out where others are shown."""
    listed = objects(payload, "locations")
    shown = [item for item in listed if not flag(item, "hidden")]
    found = [_place(item) for item in shown or listed]
    if v3:
        found.insert(0, _place(mapping(payload, "location")))
    elif len(shown) == len(listed):
        found.insert(0, structured(line(payload, "city"), line(payload, "state"), line(payload, "country")))
    return unique(place for place in found if place is not None)


def _place(item: Mapping[str, Any]) -> Place | None:
    return structured(line(item, "city"), line(item, "region"), line(item, "countryCode") or line(item, "country"))


def _department(payload: Mapping[str, Any]) -> str | None:
    if not isinstance(payload.get("department"), list):
        return line(payload, "department")
    names = items(payload, "department")
    if any(not isinstance(name, str) for name in names):
        raise PostingError("department", "must be text or a list of text")
    return line({"department": names[0]}, "department") if names else None


def _source(payload: Mapping[str, Any]) -> dict[str, Any]:
    names = ("code", "education", "experience", "function", "industry", "language")
    return {name: value for name in names if (value := line(payload, name)) is not None}
