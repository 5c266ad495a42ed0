"""Recruitee Careers Site API: `{"offers": [...]}`.

What belongs here: Recruitee's field names, numbers as strings, flags that do not exclude each other, its date format,
and `reordered` for those who serve or record a board. What does not: what the listings say.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from scoring_pipeline.sandbox.catalogue import City, Employer
from scoring_pipeline.sandbox.postings import Posting, number, percent
from scoring_pipeline.sandbox.wire import markup
from scoring_pipeline.values import digest

_TYPES = {
    "full_time": "fulltime_permanent",
    "part_time": "parttime_permanent",
    "contract": "fulltime_fixed_term",
    "temporary": "contract",
    "internship": "internship",
    "apprenticeship": "apprenticeship",
}
_EXPERIENCE = {
    "intern": "student_college",
    "junior": "entry_level",
    "mid": "mid_level",
    "senior": "experienced",
    "lead": "manager",
    "executive": "executive",
}
_CATEGORIES = {
    "software": "engineering",
    "trades": "skilled_trade",
    "finance": "accounting",
    "people": "human_resources",
    "legal": "legal",
    "it": "information_technology",
}


def board(employer: Employer, postings: Sequence[Posting]) -> dict[str, Any]:
    """Return the body of a company's offers."""
    return {"offers": [_offer(employer, posting, i) for i, posting in enumerate(postings)]}


def stamp(moment: datetime) -> str:
    """Return a moment as Recruitee writes it: `2026-10-03 13:19:36 UTC`."""
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def _offer(employer: Employer, posting: Posting, position: int) -> dict[str, Any]:
    identity = 1_000_000 + number(posting.key, 900_000_000)
    slug = _slug(posting.title) + f"-{identity % 1000}"
    url = f"https://careers.{employer.domain}/o/{slug}"
    texts = _texts(posting)
    return {
        "id": identity,
        "guid": f"{number(posting.key + '/guid', 16**5):05x}",
        "slug": slug,
        "title": posting.title,
        "company_name": employer.company,
        "status": "published",
        **texts,
        "translations": _translations(posting, texts),
        "department": None if percent(posting.key + "/department", 17) else posting.role.department,
        **_places(posting),
        **_flags(posting),
        "employment_type_code": _TYPES[posting.commitment],
        "experience_code": _EXPERIENCE[posting.level],
        "education_code": "bachelor_degree" if posting.level in {"senior", "lead", "executive"} else "vocational",
        "category_code": _CATEGORIES.get(posting.role.field, posting.role.field),
        "salary": _salary(posting),
        **_hours(posting),
        "published_at": stamp(posting.published),
        "created_at": stamp(posting.created),
        "updated_at": stamp(posting.updated),
        "close_at": None,
        "position": position + 1,
        "careers_url": url,
        "careers_apply_url": f"{url}/c/new",
        "tags": [posting.role.field],
        "open_questions": [],
        "options_cv": "required",
        "options_cover_letter": "optional",
        "options_phone": "optional",
        "options_photo": "off",
        "mailbox_email": f"job.{identity:x}@{employer.board}.recruitee.example",
        "cover_image": None,
        "sharing_title": None,
        "sharing_description": None,
        "sharing_image": None,
    }


def _slug(title: str) -> str:
    folded = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in title.lower())
    return "-".join(part for part in folded.split("-") if part)


def _texts(posting: Posting) -> dict[str, str]:
    duties, needs, extras = markup.sections(posting)
    benefits = (posting.headings["benefits"], posting.benefits)
    texts = {
        "description": markup.paragraphs((posting.intro, *posting.body)) + _block(duties) + _block(benefits),
        "requirements": _block(needs) + _block(extras) + markup.paragraphs((*posting.about, posting.equal)),
    }
    if "highlight" in posting.marks:
        texts["highlight"] = "<p>A signing bonus of one month's pay for those who start before February.</p>"
    return texts


def _block(section: tuple[str, tuple[str, ...]]) -> str:
    heading, texts = section
    return f"<p><strong>{markup.escape(heading)}</strong></p>{markup.bullets(texts)}"


def _translations(posting: Posting, texts: dict[str, str]) -> dict[str, Any]:
    translations: dict[str, Any] = {posting.role.language: {"title": posting.title, **texts}}
    if "translated" in posting.marks:
        short = "<p>German is the language of this site. Please read the German text for details.</p>"
        translations["en"] = {
            "title": "Senior Site Manager, Building Construction",
            "description": short,
            "requirements": "",
        }
    return translations


def _places(posting: Posting) -> dict[str, Any]:
    city, country = posting.city, posting.country
    remote = posting.work == "remote"
    return {
        "location": "Remote job" if remote else f"{city.name}, {city.region}, {country}",
        "locations": [_location(posting, place, posting.countries[i]) for i, place in enumerate(posting.places)],
        "city": city.name,
        "state_name": city.region,
        "state_code": city.region_code,
        "country": country,
        "country_code": city.country,
        "postal_code": city.postal_code if percent(city.name + "/postal", 70) else None,
    }


def _location(posting: Posting, place: City, country: str) -> dict[str, Any]:
    return {
        "id": 40_000 + number(posting.employer.board + place.name, 50_000),
        "name": place.name,
        "city": place.name,
        "state": place.region,
        "state_code": place.region_code,
        "country": country,
        "country_code": place.country,
        "street": None,
        "postal_code": place.postal_code,
        "note": None,
        "translations": {posting.role.language: {"name": place.name, "note": None}},
    }


def _flags(posting: Posting) -> dict[str, bool]:
    if "all_flags" in posting.marks:
        return {"remote": True, "hybrid": True, "on_site": True}
    both = posting.work == "hybrid" and percent(posting.key + "/flags", 60)
    return {
        "remote": posting.work == "remote",
        "hybrid": posting.work == "hybrid",
        "on_site": posting.work == "onsite" or both,
    }


def _salary(posting: Posting) -> dict[str, str | None]:
    if posting.pay is None:
        half = percent(posting.key + "/half-salary", 15)
        return {"min": None, "max": None, "period": "month" if half else None, "currency": "EUR" if half else None}
    pay = posting.pay
    style = "{:.2f}" if percent(posting.key + "/cents", 40) or pay.minimum != int(pay.minimum) else "{:.0f}"
    return {
        "min": style.format(pay.minimum),
        "max": style.format(pay.maximum),
        "period": pay.period,
        "currency": pay.currency,
    }


def _hours(posting: Posting) -> dict[str, Any]:
    low, high = (24, 32) if posting.commitment == "part_time" else (36, 40)
    hours: dict[str, Any] = {"min_hours": low, "max_hours": high}
    if percent(posting.key + "/hours-absent", 20):
        return hours
    if percent(posting.key + "/hours-null", 20):
        return {**hours, "min_hours_per_week": None, "max_hours_per_week": None}
    suffix = ".0" if percent(posting.key + "/hours-style", 50) else ""
    return {**hours, "min_hours_per_week": f"{low}{suffix}", "max_hours_per_week": f"{high}{suffix}"}


def reordered(value: Any, seed: str) -> Any:
    """Return the same JSON with its keys in an order that depends on `seed`: Recruitee's differs at every call."""
    return _reordered(value, seed, {})


def _reordered(value: Any, seed: str, ranks: dict[str, str]) -> Any:
    if isinstance(value, dict):
        for key in value:
            if key not in ranks:
                ranks[key] = digest(f"{seed}/{key}".encode())
        return {key: _reordered(value[key], seed, ranks) for key in sorted(value, key=ranks.__getitem__)}
    if isinstance(value, list):
        return [_reordered(item, seed, ranks) for item in value]
    return value
