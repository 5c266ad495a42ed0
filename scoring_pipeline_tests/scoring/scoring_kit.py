"""What the tests of scoring and of every room after it share: listings, profiles, lines as a provider writes them."""

from datetime import UTC, datetime
from typing import Any

import orjson

from scoring_pipeline.listings.model import Compensation, Listing, Place
from scoring_pipeline.scoring.profile import Profile, ProfilePlace

GOOD = {
    "overall_score": 71,
    "skill_match": 80,
    "experience_match": 65,
    "location_match": 60,
    "confidence": 0.8,
    "reasons": ["Python and PostgreSQL are both there."],
}
USAGE = {"prompt_tokens": 1500, "completion_tokens": 120, "total_tokens": 1620}


def listing(number: int = 1, **changes: Any) -> Listing:
    """A listing; each number is another posting with another text."""
    fields: dict[str, Any] = {
        "listing_id": f"greenhouse/acme/{number}",
        "provider": "greenhouse",
        "board": "acme",
        "posting_id": str(number),
        "title": f"Backend Engineer {number}",
        "company": "Acme GmbH",
        "description": f"We build ledgers in Python.\n\n- Team number {number}\n- On-call is shared",
        "places": (Place(city="Berlin", region=None, country="DE", label="Berlin, Germany"),),
        "remote_policy": "hybrid",
        "posted_at": datetime(2026, 11, 1, tzinfo=UTC),
        "employment_type": "full_time",
        "seniority": "senior",
        "compensation": (Compensation(minimum=70_000, maximum=90_000, currency="EUR", period="year"),),
        "url": f"https://acme.example/jobs/{number}",
        "apply_url": f"https://acme.example/jobs/{number}/apply",
        "language": "en",
        "skills_required": ("Python", "PostgreSQL", "Docker"),
        "skills_preferred": ("Kafka",),
    }
    return Listing.model_validate({**fields, **changes})


def profile(slug: str = "backend", **changes: Any) -> Profile:
    """A profile; `slug` is its id."""
    fields: dict[str, Any] = {
        "id": slug,
        "name": "Zebulon Quirk",
        "headline": f"Engineer of kind {slug}",
        "summary": "Nine years of payments.\nLooks for a product team.",
        "seniority": "senior",
        "years_experience": 9,
        "skills": ("Python", "PostgreSQL"),
        "locations": (ProfilePlace(city="Berlin", country="DE"),),
        "remote": True,
        "languages": ("de", "en"),
    }
    return Profile.model_validate({**fields, **changes})


def message(arguments: Any = GOOD, **changes: Any) -> dict[str, Any]:
    """An assistant's message with one call of the scoring function; arguments are given as text or as values."""
    text = arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()
    call = {"id": "call_1", "type": "function", "function": {"name": "score_job_match", "arguments": text}}
    return {"role": "assistant", "content": None, "refusal": None, "tool_calls": [call], **changes}


def body(said: Any = None, **changes: Any) -> dict[str, Any]:
    """A chat completion around a message; a change to `...` takes a field away."""
    finish = changes.pop("finish_reason", "stop")
    completion = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_795_230_000,
        "model": "gpt-6-luna",
        "choices": [{"index": 0, "message": message() if said is None else said, "finish_reason": finish}],
        "usage": USAGE,
        "system_fingerprint": "fp_1",
        **changes,
    }
    return {name: value for name, value in completion.items() if value is not ...}


def line(completion: Any, *, status: Any = 200, custom_id: Any = "a-1", error: Any = None) -> bytes:
    """A line of an output or error file."""
    response = {"status_code": status, "request_id": "r", "body": completion}
    return orjson.dumps({"id": "batch_req_1", "custom_id": custom_id, "response": response, "error": error})
