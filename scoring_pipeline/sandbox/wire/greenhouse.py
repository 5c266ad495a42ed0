"""Greenhouse Job Board API: `{"jobs": [...], "meta": {"total": n}}`, as `/jobs?content=true` answers.

What belongs here: Greenhouse's field names, entity-escaped content, Eastern time and custom fields. What does not: what
the listings say.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from html import escape as escape_all
from typing import Any

from scoring_pipeline.sandbox.catalogue import City, Employer
from scoring_pipeline.sandbox.pay import Pay
from scoring_pipeline.sandbox.postings import Posting, number, percent
from scoring_pipeline.sandbox.wire import markup

_SUMMER_ENDS = datetime(2026, 11, 1, 6, tzinfo=UTC)  # the sample lies in one year's summer and autumn
_SUMMER = timezone(timedelta(hours=-4))
_WINTER = timezone(timedelta(hours=-5))


def board(employer: Employer, postings: Sequence[Posting]) -> dict[str, Any]:
    """Return the body of a board with content."""
    jobs = [_job(employer, posting) for posting in postings]
    return {"jobs": jobs, "meta": {"total": len(jobs)}}


def eastern(moment: datetime) -> str:
    """Return a moment as Greenhouse writes it: `2026-10-03T09:19:36-04:00`."""
    zone = _SUMMER if moment < _SUMMER_ENDS else _WINTER
    return moment.astimezone(zone).replace(microsecond=0).isoformat()


def _job(employer: Employer, posting: Posting) -> dict[str, Any]:
    post = 4_000_000_000 + number(posting.key, 4_000_000_000)
    own_site = percent(employer.board + "/site", 50)
    host = f"https://careers.{employer.domain}/jobs?gh_jid=" if own_site else _hosted(employer)
    job: dict[str, Any] = {
        "absolute_url": f"{host}{post}",
        "data_compliance": [_compliance(employer)],
        "internal_job_id": None
        if "prospect" in posting.marks
        else 2_000_000_000 + number(posting.family, 2_000_000_000),
        "location": {"name": _location(posting)},
        "metadata": _metadata(posting),
        "id": post,
        "updated_at": eastern(posting.updated),
        "requisition_id": None
        if percent(posting.key + "/no-requisition", 8)
        else f"R-{number(posting.family, 90_000) + 10_000}",
        "title": posting.title + (" " if percent(posting.key + "/untrimmed", 9) else ""),
        "company_name": employer.company,
        "first_published": None if "unpublished" in posting.marks else eastern(posting.published),
        "application_deadline": None,
        "content": _content(posting),
        "departments": [_department(employer, posting)],
        "offices": [_office(place, country) for place, country in zip(posting.places, posting.countries, strict=True)],
    }
    if "prospect" not in posting.marks and not percent(posting.key + "/no-language", 2):
        job["language"] = posting.role.language
    if percent(posting.key + "/education", 22):
        job["education"] = "education_optional"
    return job


def _hosted(employer: Employer) -> str:
    return f"https://job-boards.greenhouse.io/{employer.board}/jobs/"


def _compliance(employer: Employer) -> dict[str, Any]:
    retention = 365 if percent(employer.board + "/retention", 50) else None
    return {
        "type": "gdpr",
        "requires_consent": retention is not None,
        "requires_processing_consent": False,
        "requires_retention_consent": retention is not None,
        "retention_period": retention,
        "demographic_data_consent_applies": False,
    }


def _location(posting: Posting) -> str | None:
    if "no_place" in posting.marks:
        return None
    if posting.work == "remote":
        return f"Remote - {posting.country}"
    bare = percent(posting.key + "/bare", 8)
    pairs = zip(posting.places, posting.countries, strict=True)
    labels = [place.name if bare else _place_label(place, country) for place, country in pairs]
    return "; ".join(labels) + (" " if percent(posting.key + "/trailing", 10) else "")


def _place_label(place: City, country: str) -> str:
    return f"{place.name}, {place.region_code if place.country in {'US', 'CA'} else country}"


def _metadata(posting: Posting) -> list[dict[str, Any]] | None:
    if "user_metadata" not in posting.marks and percent(posting.employer.board + posting.role.id, 30):
        return None
    kinds: list[tuple[str, str, Any]] = [
        ("Employment Type", "single_select", posting.commitment.replace("_", " ").capitalize()),
        ("Sponsorship", "yes_no", None),
        ("Career Areas", "multi_select", [posting.role.field.capitalize()]),
    ]
    if posting.pay and posting.pay.period == "year":
        span = {
            "unit": posting.pay.currency,
            "min_value": str(posting.pay.minimum),
            "max_value": str(posting.pay.maximum),
        }
        kinds.append(("Internal band", "currency_range", span))
    if "user_metadata" in posting.marks:
        person = {
            "name": "Robin Example",
            "email": f"robin@{posting.employer.domain}",
            "user_id": 4021,
            "employee_id": "E-4021",
        }
        kinds.append(("Hiring Manager", "user", person))
    return [
        {
            "id": 9_000_000 + number(posting.employer.board + name, 900_000),
            "name": name,
            "value": value,
            "value_type": kind,
        }
        for name, kind, value in kinds
    ]


def _department(employer: Employer, posting: Posting) -> dict[str, Any]:
    code = number(posting.role.department, 900) + 1000
    name = f"{code} {posting.role.department}" if percent(employer.board + "/codes", 50) else posting.role.department
    return {"id": 4_000_000 + code, "name": name, "child_ids": [], "parent_id": None}


def _office(place: City, country: str) -> dict[str, Any]:
    return {
        "id": 60_000 + number(place.name, 30_000),
        "name": place.name,
        "location": f"{place.name}, {place.region}, {country}" if percent(place.name + "/office", 80) else None,
        "child_ids": [],
        "parent_id": None,
    }


def _content(posting: Posting) -> str:
    parts = [
        f'<div class="content-intro"><p>{markup.escape(posting.intro)}</p><p>&nbsp;</p></div>',
        markup.paragraphs(posting.body),
    ]
    if posting.work == "hybrid":
        parts.append("<p>This is a hybrid position: two days a week at the office.</p>")
    for heading, texts in markup.sections(posting):
        parts.append(f"<h3><strong>{markup.escape(heading)}</strong></h3>\n{markup.bullets(texts)}")
    parts.append(f'<p><a>Read more</a></p><h3 class="perks">{markup.escape(posting.headings["benefits"])}</h3>')
    parts.append(markup.bullets(posting.benefits))
    parts.append(_pay(posting))
    closing = markup.paragraphs((*posting.about, posting.equal))
    parts.append(f'<div class="content-conclusion"><p><strong>{posting.headings["equal"]}</strong></p>{closing}</div>')
    # Greenhouse sends HTML as escaped text, so that entities inside it are escaped twice.
    return escape_all("\n".join(part for part in parts if part)).replace("&#x27;", "&#39;")


def _pay(posting: Posting) -> str:
    if posting.pay is None:
        return ""
    pay = posting.pay
    zones = [("Pay range", pay)]
    if "pay_zones" in posting.marks:
        lower = Pay(pay.minimum * 0.9, pay.maximum * 0.9, pay.currency, pay.period)
        zones = [("Pay range, zone 1", pay), ("Pay range, zone 2", lower)]
    inputs = "".join(_pay_input(posting, title, zone) for title, zone in zones)
    return f'<div class="content-pay-transparency">{inputs}</div>'


def _pay_input(posting: Posting, title: str, pay: Pay) -> str:
    low, high = (markup.money(value, pay.currency) for value in (pay.minimum, pay.maximum))
    about = f"<p>The range for this position at {markup.escape(posting.employer.company)}.</p>"
    return (
        f'<div class="pay-input"><div class="description">{about}</div><div class="title">{title}</div>'
        f'<div class="pay-range"><span>{low}</span><span class="divider">&mdash;</span>'
        f"<span>{high} {pay.currency}</span></div></div>"
    )
