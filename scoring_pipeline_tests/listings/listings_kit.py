"""Postings in each provider's wire shape, written by hand, and readers of the recordings: for this room's tests."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from scoring_pipeline.listings.model import Provider

RECORDINGS = Path(__file__).resolve().parents[2].parent / "shared" / "recordings"
needs_recordings = pytest.mark.skipif(not RECORDINGS.is_dir(), reason=f"the recordings are not at {RECORDINGS}")


@dataclass(frozen=True)
class Row:
    provider: Provider
    board: str
    posting_id: str
    row: int
    payload: Mapping[str, Any]
    envelope: Mapping[str, Any] = field(default_factory=dict)
    company: str | None = None


def rows(provider: Provider, board: str, payloads: list[dict[str, Any]], **facts: Any) -> list[Row]:
    return [
        Row(provider, board, str(payload.get("shortcode", payload.get("id"))), index, payload, **facts)
        for index, payload in enumerate(payloads)
    ]


def recorded(provider: Provider) -> Iterator[Row]:
    for path in sorted((RECORDINGS / provider).glob("*.json")):
        yield from recorded_file(provider, path.stem, path)


def recorded_file(provider: Provider, board: str, path: Path) -> list[Row]:
    body = json.loads(path.read_bytes())
    if isinstance(body, list):
        return rows(provider, board, body)
    facts = {name: value for name, value in body.items() if isinstance(value, str)}
    return rows(provider, board, body.get("jobs", body.get("results", body.get("offers"))), envelope=facts)


def greenhouse(**changes: Any) -> dict[str, Any]:
    posting = {
        "id": 4011,
        "internal_job_id": 9022,
        "title": "Backend Engineer",
        "absolute_url": "https://careers.example.com/jobs?gh_jid=4011",
        "location": {"name": "Lisbon, Portugal"},
        "updated_at": "2026-07-22T05:37:08-04:00",
        "first_published": "2026-03-09T11:34:05-04:00",
        "requisition_id": "R-1",
        "company_name": "Example",
        "language": "en",
        "metadata": None,
        "data_compliance": [{"type": "gdpr", "requires_consent": False}],
        "application_deadline": None,
        "content": "&lt;p&gt;Build things.&lt;/p&gt;",
        "departments": [{"id": 1, "name": "Engineering", "child_ids": [], "parent_id": None}],
        "offices": [],
    }
    return {**posting, **changes}


def lever(**changes: Any) -> dict[str, Any]:
    posting = {
        "id": "0d1c7a5e-1111-4222-8333-444455556666",
        "text": "Backend Engineer",
        "categories": {"commitment": "Full-time", "location": "Lisbon, Portugal", "allLocations": ["Lisbon, Portugal"]},
        "country": "PT",
        "workplaceType": "onsite",
        "createdAt": 1711403416463,
        "opening": "<div>Who we are.</div>",
        "descriptionBody": "<div>What you do.</div>",
        "description": "<div>Who we are.</div><div>What you do.</div>",
        "lists": [{"text": "Requirements", "content": "<li>Python</li><li>SQL</li>"}],
        "additional": "<div>Benefits.</div>",
        "hostedUrl": "https://jobs.lever.co/example/0d1c7a5e-1111-4222-8333-444455556666",
        "applyUrl": "https://jobs.lever.co/example/0d1c7a5e-1111-4222-8333-444455556666/apply",
    }
    return {**posting, **changes}


def ashby(**changes: Any) -> dict[str, Any]:
    posting = {
        "id": "b88b3d59-2d04-4678-bcd8-be47c4c952ad",
        "title": "Backend Engineer",
        "department": "Engineering",
        "team": "Platform",
        "employmentType": "FullTime",
        "location": "London",
        "secondaryLocations": [],
        "address": {"postalAddress": {"addressLocality": "London", "addressCountry": "United Kingdom"}},
        "isRemote": False,
        "isListed": True,
        "publishedAt": "2025-01-09T22:59:15.552+00:00",
        "descriptionHtml": "<h2>About us</h2><p>We build.</p>",
        "descriptionPlain": "ABOUT US\n\nWe build.",
        "jobUrl": "https://jobs.ashbyhq.com/example/b88b3d59",
        "applyUrl": "https://jobs.ashbyhq.com/example/b88b3d59/application",
        "shouldDisplayCompensationOnJobPostings": True,
        "compensation": {
            "compensationTierSummary": None,
            "scrapeableCompensationSalarySummary": None,
            "compensationTiers": [],
            "summaryComponents": [],
        },
    }
    return {**posting, **changes}


def component(kind: str = "Salary", **changes: Any) -> dict[str, Any]:
    found = {
        "id": "c",
        "summary": "",
        "compensationType": kind,
        "interval": "1 YEAR",
        "currencyCode": "USD",
        "minValue": 100000,
        "maxValue": 150000,
    }
    return {**found, **changes}


def tier(title: str | None, *components: dict[str, Any]) -> dict[str, Any]:
    return {"id": "t", "title": title, "tierSummary": "", "additionalInformation": None, "components": list(components)}


def workable(**changes: Any) -> dict[str, Any]:
    posting = {
        "shortcode": "996AE60304",
        "title": "Backend Engineer",
        "code": "",
        "employment_type": "Full-time",
        "telecommuting": False,
        "department": "",
        "education": "",
        "experience": "",
        "function": "",
        "industry": "",
        "url": "https://apply.workable.com/j/996AE60304",
        "shortlink": "https://apply.workable.com/j/996AE60304",
        "application_url": "https://apply.workable.com/j/996AE60304/apply",
        "published_on": "2024-04-16",
        "created_at": "2024-04-10",
        "country": "United States",
        "city": "Boston",
        "state": "Massachusetts",
        "locations": [
            {
                "country": "United States",
                "countryCode": "US",
                "city": "Boston",
                "region": "Massachusetts",
                "hidden": False,
            }
        ],
        "description": "<p>Build.</p><p><strong>Requirements</strong></p><ul><li>Python</li></ul>",
    }
    return {**posting, **changes}


def workable_v3(**changes: Any) -> dict[str, Any]:
    place = {"country": "France", "countryCode": "FR", "city": "Paris", "region": "\u00cele-de-France"}
    posting = {
        "id": 5851115,
        "shortcode": "97904BAC90",
        "title": "Engineer",
        "remote": True,
        "location": place,
        "locations": [{**place, "hidden": False}],
        "state": "published",
        "isInternal": False,
        "code": None,
        "published": "2026-06-02T00:00:00.000Z",
        "type": "full",
        "language": "en",
        "department": ["Product"],
        "accountUid": "u",
        "approvalStatus": "approved",
        "workplace": "remote",
    }
    return {**posting, **changes}


def recruitee(**changes: Any) -> dict[str, Any]:
    posting = {
        "id": 1700001,
        "guid": "abc",
        "slug": "backend-engineer",
        "title": "Backend Engineer",
        "company_name": "Example",
        "status": "published",
        "description": "<p>What you do.</p>",
        "requirements": "<p>What you bring.</p>",
        "translations": {"en": {"title": "Backend Engineer", "description": "<p>What you do.</p>"}},
        "department": None,
        "location": "Amsterdam, Netherlands",
        "locations": [
            {"id": 1, "name": "HQ", "city": "Amsterdam", "state": "Noord-Holland", "country": "Netherlands",
             "country_code": "NL"}
        ],
        "city": "Amsterdam",
        "state_name": "Noord-Holland",
        "state_code": "NH",
        "country": "Netherlands",
        "country_code": "NL",
        "remote": False,
        "hybrid": True,
        "on_site": False,
        "employment_type_code": "fulltime_permanent",
        "salary": {"min": None, "max": None, "period": None, "currency": None},
        "min_hours": None,
        "max_hours": None,
        "published_at": "2024-06-05 19:21:54 UTC",
        "created_at": "2024-06-01 08:00:00 UTC",
        "updated_at": "2024-06-06 08:00:00 UTC",
        "close_at": None,
        "position": 3,
        "careers_url": "https://example.recruitee.com/o/backend-engineer",
        "careers_apply_url": "https://example.recruitee.com/o/backend-engineer/c/new",
        "mailbox_email": "job.abc@example.recruitee.com",
        "tags": ["python"],
    }  # fmt: skip
    return {**posting, **changes}
