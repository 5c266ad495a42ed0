"""Workable widget: `{"name", "description", "jobs": [...]}`, as `?details=true` answers.

What belongs here: Workable's field names, one row for each place with the same shortcode, dates without a time. What
does not: what the listings say.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from scoring_pipeline.sandbox.catalogue import Employer
from scoring_pipeline.sandbox.postings import Posting, percent
from scoring_pipeline.sandbox.wire import markup
from scoring_pipeline.values import digest

_TYPES = {
    "full_time": "Full-time",
    "part_time": "Part-time",
    "contract": "Contract",
    "temporary": "Temporary",
    "internship": "Other",
    "apprenticeship": "Other",
}
_EXPERIENCE = {
    "intern": "Internship",
    "junior": "Entry level",
    "mid": "Associate",
    "senior": "Mid-Senior level",
    "lead": "Mid-Senior level",
    "executive": "Executive",
}


def board(employer: Employer, postings: Sequence[Posting]) -> dict[str, Any]:
    """Return the body of an account's widget with details."""
    texts = next(iter(employer.texts.values()))
    rows = [row for posting in postings for row in _rows(posting)]
    return {"name": employer.company, "description": f"<p>{markup.escape(texts.intro)}</p>", "jobs": rows}


def shortcode(key: str) -> str:
    """Return the ten hexadecimal digits that name a posting."""
    return digest(key.encode())[:10].upper()


def _rows(posting: Posting) -> Iterator[dict[str, Any]]:
    code = shortcode(posting.key)
    url = f"https://apply.workable.com/j/{code}"
    shared = {
        "title": posting.title,
        "shortcode": code,
        "code": posting.role.id.upper()[:6] if percent(posting.key + "/code", 10) else "",
        "employment_type": _employment(posting),
        "telecommuting": posting.work == "remote"
        or (posting.work == "hybrid" and percent(posting.key + "/hybrid", 50)),
        "department": posting.role.department if percent(posting.key + "/department", 85) else "",
        "url": url,
        "shortlink": url,
        "application_url": f"{url}/apply",
        "published_on": posting.published.date().isoformat(),
        "created_at": posting.created.date().isoformat(),
    }
    detail = {
        "education": "",
        "experience": _EXPERIENCE[posting.level] if percent(posting.key + "/experience", 70) else "",
        "function": posting.role.field.capitalize() if percent(posting.key + "/function", 60) else "",
        "industry": "",
    }
    description = _description(posting)
    for i in range(len(posting.places)):
        yield {**shared, **_place(posting, i), **detail, "description": description}


def _employment(posting: Posting) -> str | None:
    if percent(posting.key + "/type-empty", 12):
        return ""
    return None if percent(posting.key + "/type-null", 4) else _TYPES[posting.commitment]


def _place(posting: Posting, index: int) -> dict[str, Any]:
    place, country = posting.places[index], posting.countries[index]
    location = {
        "country": country,
        "countryCode": place.country,
        "city": place.name,
        "region": None if percent(place.name + "/region", 10) else place.region,
        "hidden": "hidden" in posting.marks and index > 0,
    }
    return {"country": country, "city": place.name, "state": place.region, "locations": [location]}


def _description(posting: Posting) -> str:
    duties, (_, needs), (extras_heading, extras) = markup.sections(posting)
    pay = (f"Pay: {markup.pay_sentence(posting.pay)}.",) if posting.pay else ()
    return "".join(
        [
            markup.paragraphs((posting.intro, *posting.body)),
            f"<p><strong>{markup.escape(duties[0])}</strong></p>{markup.bullets(duties[1])}",
            f"<p><strong>Requirements</strong></p>{markup.bullets(needs)}",
            f"<p>{markup.escape(extras_heading)}:</p>{markup.bullets(extras)}",
            f"<p><strong>Benefits</strong></p>{markup.bullets((*pay, *posting.benefits))}",
            markup.paragraphs((*posting.about, posting.equal)),
        ]
    )
