"""Lever Postings API: a bare list, as `?mode=json` answers.

What belongs here: Lever's field names, its text in four pieces with list items that have no list around them, keys that
are absent where nothing is set. What does not: what the listings say.
"""

from collections.abc import Sequence
from typing import Any

from scoring_pipeline.sandbox.catalogue import Employer
from scoring_pipeline.sandbox.postings import Posting, percent
from scoring_pipeline.sandbox.wire import markup

_COMMITMENTS = {
    "full_time": ("Full-time", "Full Time Permanent", "Permanent"),
    "part_time": ("Part-time", "Part Time", "Part-time"),
    "contract": ("Contractor", "Contract", "Fixed Term"),
    "temporary": ("Temporary", "Temporary", "Seasonal"),
    "internship": ("Intern", "Internship", "Prácticas"),
    "apprenticeship": ("Apprenticeship", "Apprentice", "Apprenticeship"),
}
_INTERVALS = {"year": "per-year-salary", "hour": "per-hour-wage", "month": "per-month-salary"}


def board(employer: Employer, postings: Sequence[Posting]) -> list[dict[str, Any]]:
    """Return the body of a board."""
    return [_posting(employer, posting) for posting in postings]


def _posting(employer: Employer, posting: Posting) -> dict[str, Any]:
    identity = markup.uuid_of(posting.key)
    url = f"https://jobs.lever.co/{employer.board}/{identity}"
    additional, additional_plain = _additional(posting)
    row: dict[str, Any] = {
        "additionalPlain": additional_plain,
        "additional": additional,
        "categories": _categories(posting),
        "createdAt": markup.milliseconds(posting.published),
        **_description(posting),
        "id": identity,
        "lists": _lists(posting),
        "text": posting.title,
        "country": posting.city.country if len(set(posting.countries)) == 1 else None,
        "workplaceType": _workplace(posting),
        "hostedUrl": url,
        "applyUrl": f"{url}/apply",
    }
    if posting.pay:
        low, high = (markup.amount(value) for value in (posting.pay.minimum, posting.pay.maximum))
        interval = _INTERVALS[posting.pay.period]
        row["salaryRange"] = {"currency": posting.pay.currency, "interval": interval, "min": low, "max": high}
    if "empty_pay_text" in posting.marks:
        row |= {"salaryDescription": "<div><br></div>", "salaryDescriptionPlain": "\n"}
    return row


def _workplace(posting: Posting) -> str:
    if percent(posting.key + "/workplace", 5):
        return "unspecified"
    return str(posting.work)


def _categories(posting: Posting) -> dict[str, Any]:
    labels = [_label(posting, i) for i in range(len(posting.places))]
    categories: dict[str, Any] = {}
    if not percent(posting.key + "/commitment-absent", 7):
        categories["commitment"] = _COMMITMENTS[posting.commitment][posting.employer.style]
    if not percent(posting.key + "/department-absent", 5):
        categories["department"] = posting.role.department
    categories["location"] = labels[0]
    if not percent(posting.key + "/team-absent", 4):
        categories["team"] = "-" if percent(posting.employer.board + posting.role.id, 20) else posting.role.department
    categories["allLocations"] = labels[1:] if "place_not_in_all" in posting.marks else labels
    return categories


def _label(posting: Posting, index: int) -> str:
    place, country = posting.places[index], posting.countries[index]
    if posting.work == "remote" and percent(posting.key + "/remote-label", 40):
        return f"Remote, {country}"
    return f"{place.name}, {place.region_code}" if place.country in {"US", "CA"} else f"{place.name}, {country}"


def _description(posting: Posting) -> dict[str, str]:
    names = ("description", "descriptionPlain", "opening", "openingPlain", "descriptionBody", "descriptionBodyPlain")
    if "no_description" in posting.marks:
        return dict.fromkeys(names, "")
    has_opening = percent(posting.key + "/opening", 40)
    opening = _divs([posting.intro]) if has_opening else ""
    opening_plain = _lines([posting.intro]) if has_opening else ""
    body_texts = posting.body if has_opening else (posting.intro, *posting.body)
    body, body_plain = _divs(body_texts), _lines(body_texts)
    # The whole is not byte for byte the sum of its parts: Lever spaces styles differently in it.
    whole = (opening + body).replace("font-size:15px", "font-size: 15px")
    values = (whole, opening_plain + body_plain, opening, opening_plain, body, body_plain)
    return dict(zip(names, values, strict=True))


def _divs(texts: Sequence[str]) -> str:
    return "<div>&nbsp;</div>\n".join(
        f'<div><span style="font-size:15px">{markup.escape(text)}</span></div>\n' for text in texts
    )


def _lines(texts: Sequence[str]) -> str:
    return "\n\u00a0\n".join(texts) + "\n"


def _lists(posting: Posting) -> list[dict[str, str]]:
    rows = [{"text": heading, "content": "\n" + markup.items(texts)} for heading, texts in markup.sections(posting)]
    if "blank_list_heading" in posting.marks:
        rows[0]["text"] = ""
    return rows


def _additional(posting: Posting) -> tuple[str, str]:
    if percent(posting.key + "/additional", 6):
        return "", ""
    heading = posting.headings["benefits"]
    closing = (*posting.about, posting.equal)
    html = f"<div><strong>{heading}</strong></div><ul>\n{markup.items(posting.benefits)}</ul>{_divs(closing)}"
    return html, f"{heading}\n" + "\n".join(posting.benefits) + "\n\u00a0\n" + _lines(closing)
