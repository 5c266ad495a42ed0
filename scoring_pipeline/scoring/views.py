"""Scoring views: the only projection of a listing or a profile that a prompt may read.

What belongs here: rendering the views to text, and their identity. What does not: the instructions around them
(`rubric.py`) and the request (`request.py`). A view is keyed by its text alone, so that clones of one posting, on
whatever board and day, share one request.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from scoring_pipeline.listings.model import Compensation, Listing, Place
from scoring_pipeline.scoring.profile import Profile
from scoring_pipeline.values import digest

MAX_DESCRIPTION_CHARACTERS = 24_000

_LINE_BREAKS = re.compile(r"\s+")


@dataclass(frozen=True)
class View:
    """Text a prompt may hold, and its identity."""

    digest: str
    text: str


def listing_view(listing: Listing) -> View:
    """Return what a model may read of a listing, fenced as data.

    The fence bears the first 12 digits of the digest of the text inside it, which the text cannot foresee; a posting
    that imitates a fence stays inside its own.
    """
    lines = [
        ("title", listing.title),
        ("company", listing.company),
        ("places", "; ".join(_place(place) for place in listing.places)),
        ("remote", listing.remote_policy if listing.remote_policy != "unknown" else ""),
        ("employment", listing.employment_type or ""),
        ("seniority", listing.seniority or ""),
        ("pay", "; ".join(_pay(pay) for pay in listing.compensation if not pay.implausible)),
        ("language", listing.language or ""),
        ("required skills", "; ".join(listing.skills_required)),
        ("preferred skills", "; ".join(listing.skills_preferred)),
    ]
    body = f"{_fields(lines)}\ndescription:\n{listing.description[:MAX_DESCRIPTION_CHARACTERS]}"
    key = digest(body.encode())
    return View(key, f"LISTING {key[:12]}\n{body}\nEND LISTING {key[:12]}")


def profile_view(profile: Profile) -> View:
    """Return what a model may read of a profile: no name, no id."""
    places = "; ".join(", ".join(filter(None, (p.city, p.region, p.country))) for p in profile.locations)
    lines = [
        ("headline", profile.headline),
        ("seniority", profile.seniority),
        ("years_experience", str(profile.years_experience)),
        ("skills", "; ".join(profile.skills)),
        ("locations", places),
        ("remote", "yes" if profile.remote else "no"),
        ("languages", "; ".join(profile.languages)),
        ("summary", profile.summary),
        ("notes", profile.notes or ""),
    ]
    text = f"PROFILE\n{_fields(lines)}"
    return View(digest(text.encode()), text)


def _fields(lines: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"{name}: {_LINE_BREAKS.sub(' ', value).strip()}" for name, value in lines if value.strip())


def _place(place: Place) -> str:
    structured = ", ".join(filter(None, (place.city, place.region, place.country)))
    return structured or place.label


def _pay(pay: Compensation) -> str:
    figures = [f"{figure:,.0f}" for figure in (pay.minimum, pay.maximum) if figure is not None]
    parts = ["-".join(dict.fromkeys(figures)), pay.currency or "", f"per {pay.period}" if pay.period else ""]
    return " ".join(part for part in parts if part) if figures else ""
