"""Ashby Job Postings API: `{"jobs": [...], "apiVersion": "1"}`, as `?includeCompensation=true` answers.

What belongs here: Ashby's field names, compensation tiers, plain text with upper-cased headings, addresses. What does
not: what the listings say.
"""

from collections.abc import Sequence
from typing import Any

from scoring_pipeline.sandbox.catalogue import City, Employer
from scoring_pipeline.sandbox.pay import Pay
from scoring_pipeline.sandbox.postings import Posting, number, percent
from scoring_pipeline.sandbox.wire import markup

_TYPES = {
    "full_time": "FullTime",
    "part_time": "PartTime",
    "contract": "Contract",
    "temporary": "Temporary",
    "internship": "Intern",
    "apprenticeship": "Temporary",
}
_WORKPLACES = {"remote": "Remote", "hybrid": "Hybrid", "onsite": "OnSite"}
_SUFFIX = {"year": "", "hour": " per hour", "month": " per month"}
_STYLE = ' style="min-height:1.5em"'


def board(employer: Employer, postings: Sequence[Posting]) -> dict[str, Any]:
    """Return the body of a board with compensation."""
    return {"jobs": [_job(employer, posting) for posting in postings], "apiVersion": "1"}


def _job(employer: Employer, posting: Posting) -> dict[str, Any]:
    identity = markup.uuid_of(posting.key)
    slug = employer.board.replace(" ", "%20")
    url = f"https://jobs.ashbyhq.com/{slug}/{identity}"
    shown = posting.pay is not None or percent(posting.key + "/shown", 10)
    moment = posting.published.replace(microsecond=0).isoformat()
    return {
        "id": identity,
        "title": posting.title + (" " if percent(posting.key + "/untrimmed", 6) else ""),
        "department": posting.role.department,
        "team": posting.role.department
        if percent(posting.role.id, 64)
        else f"{posting.role.department} {posting.city.name}",
        "employmentType": _TYPES[posting.commitment],
        "location": _label(posting),
        "shouldDisplayCompensationOnJobPostings": shown,
        "secondaryLocations": [_secondary(posting, i) for i in range(1, len(posting.places))],
        "publishedAt": moment.replace("+00:00", f".{number(posting.key, 1000):03d}+00:00"),
        "isListed": "unlisted" not in posting.marks,
        "isRemote": _is_remote(posting),
        "workplaceType": None if percent(posting.key + "/workplace", 14) else _WORKPLACES[posting.work],
        "address": _address(posting),
        "jobUrl": url,
        "applyUrl": f"{url}/application",
        "descriptionHtml": _html(posting),
        "descriptionPlain": _plain(posting),
        "compensation": _compensation(posting),
    }


def _is_remote(posting: Posting) -> bool | None:
    if percent(posting.key + "/remote-unset", 15):
        return None
    return posting.work == "remote"


def _label(posting: Posting) -> str:
    if posting.work == "remote" and percent(posting.key + "/remote-label", 50):
        return f"Remote - {posting.country}"
    return f"{posting.city.name} (HQ)" if percent(posting.city.name + "/hq", 20) else posting.city.name


def _address(posting: Posting) -> dict[str, Any] | None:
    return None if "no_address" in posting.marks else {"postalAddress": _postal(posting.city, posting.country)}


def _secondary(posting: Posting, index: int) -> dict[str, Any]:
    place, country = posting.places[index], posting.countries[index]
    known = not percent(posting.key + place.name, 25)
    return {"location": place.name, "address": {"postalAddress": _postal(place, country)} if known else None}


def _postal(place: City, country: str) -> dict[str, str]:
    if percent(place.name + "/empty", 5):
        return {}
    address = {"addressRegion": place.region, "addressCountry": country, "addressLocality": place.name}
    if percent(place.name + "/postal", 40):
        address["postalCode"] = place.postal_code
    return address


def _blocks(posting: Posting) -> list[tuple[str, tuple[str, ...], bool]]:
    lists = [(heading, texts, True) for heading, texts in markup.sections(posting)]
    return [
        (posting.employer.company, (posting.intro, *posting.body), False),
        *lists,
        (posting.headings["benefits"], posting.benefits, True),
        (posting.headings["equal"], (*posting.about, posting.equal), False),
    ]


def _html(posting: Posting) -> str:
    parts = []
    for heading, texts, is_list in _blocks(posting):
        parts.append(f"<h2>{markup.escape(heading)}</h2>")
        wrapped = [f"<p{_STYLE}>{markup.escape(text)}</p>" for text in texts]
        parts.append(
            f"<ul{_STYLE}>{''.join(f'<li>{item}</li>' for item in wrapped)}</ul>" if is_list else "".join(wrapped)
        )
    return "".join(parts)


def _plain(posting: Posting) -> str:
    return markup.joined(
        [
            markup.joined([heading.upper(), markup.plain_bullets(texts) if is_list else markup.joined(texts)])
            for heading, texts, is_list in _blocks(posting)
        ]
    )


def _compensation(posting: Posting) -> dict[str, Any]:
    if posting.pay is None:
        return {
            "compensationTierSummary": None,
            "scrapeableCompensationSalarySummary": None,
            "compensationTiers": [],
            "summaryComponents": [],
        }
    pay = posting.pay
    if "slipped_pay" in posting.marks:
        pay = Pay(26, 34, pay.currency, "year")  # an hourly wage typed into a yearly field
    equity = posting.employer.board == "openharbor.ai"
    components = [_salary(pay), *([_equity(posting)] if equity else [])]
    summary = " • ".join(component["summary"] for component in components)
    tiers = [_tier(posting, None, summary, components)]
    if len(posting.places) > 1:
        tiers = [_tier(posting, country, summary, components) for country in dict.fromkeys(posting.countries)]
    top = summary if len(tiers) == 1 else f"{summary} • Multiple Ranges"
    return {
        "compensationTierSummary": top,
        "scrapeableCompensationSalarySummary": None if pay.period == "hour" else _span(pay, "-"),
        "compensationTiers": tiers,
        "summaryComponents": [{k: v for k, v in c.items() if k not in {"id", "summary"}} for c in components],
    }


def _tier(posting: Posting, title: str | None, summary: str, components: list[dict[str, Any]]) -> dict[str, Any]:
    key = f"{posting.key}/tier/{title}"
    return {
        "id": markup.uuid_of(key),
        "tierSummary": summary,
        "title": title,
        "additionalInformation": None,
        "components": [{"id": markup.uuid_of(f"{key}/{i}"), **c} for i, c in enumerate(components)],
    }


def _salary(pay: Pay) -> dict[str, Any]:
    return {
        "summary": _span(pay, "–") + _SUFFIX[pay.period],  # noqa: RUF001 - Ashby writes an en dash here
        "compensationType": "Salary",
        "interval": f"1 {pay.period.upper()}",
        "currencyCode": pay.currency,
        "minValue": markup.amount(pay.minimum),
        "maxValue": markup.amount(pay.maximum),
    }


def _equity(posting: Posting) -> dict[str, Any]:
    stated = posting.level in {"senior", "lead", "executive"}
    return {
        "summary": "0.05% – 0.5%" if stated else "Offers Equity",  # noqa: RUF001 - as above
        "compensationType": "EquityPercentage",
        "interval": "NONE",
        "currencyCode": None,
        "minValue": 0.05 if stated else None,
        "maxValue": 0.5 if stated else None,
    }


def _span(pay: Pay, dash: str) -> str:
    symbol = markup.SYMBOLS[pay.currency]
    if pay.period == "hour" or pay.minimum < 1000:  # noqa: PLR2004 - thousands are abbreviated
        return f"{symbol}{pay.minimum:.2f} {dash} {symbol}{pay.maximum:.2f}"
    low, high = (f"{symbol}{value / 1000:.1f}".removesuffix(".0") + "K" for value in (pay.minimum, pay.maximum))
    return f"{low} {dash} {high}"
