"""What the stand-in answers: a readable baseline of skill, experience and location overlap, with noise by model.

What belongs here: reading the prompt that the pipeline writes, scoring it, wording the reasons. What does not: the
envelope around an answer (`openai_completions.py`), faults (`openai_faults.py`).

The baseline reads the prompt's own text and nothing else. It is no judge of anybody's career: it makes scores that
move in the right direction, so that everything downstream has something plausible to store, plot and compare. The
same request always gets the same answer; a cheaper model strays further from the baseline.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any

SCORE_TOOL = "score_job_match"
SCORE_KEYS = ("overall_score", "skill_match", "experience_match", "location_match", "confidence", "reasons")

_WEIGHTS = (50, 30, 20)
_LEVELS = {"intern": 0, "junior": 1, "mid": 2, "senior": 3, "lead": 4, "executive": 5}
_LISTING = re.compile(r"\n\nLISTING ([0-9a-f]{12})\n")
_YEARS = re.compile(r"(\d{1,2})\s*\+?\s*$")
_SHOWN_SKILLS = 4


@dataclass(frozen=True)
class Prompt:
    """The prompt's two parts: the profile's and the listing's header fields, and the listing's description."""

    profile: Mapping[str, str]
    listing: Mapping[str, str]
    description: str


@dataclass(frozen=True)
class Match:
    """One part of a score: points 0-100, the reason in a few words, and whether there was anything to compare."""

    points: int
    reason: str
    known: bool


def _fields(block: str) -> Mapping[str, str]:
    pairs = (line.partition(": ") for line in block.split("\n"))
    return {name: value.strip() for name, colon, value in pairs if colon}


@lru_cache(maxsize=256)
def _profile_fields(block: str) -> Mapping[str, str]:
    return _fields(block)


@lru_cache(maxsize=4096)
def _items(value: str) -> tuple[str, ...]:
    return tuple(item for part in value.split(";") if (item := part.strip()))


def parse_prompt(text: str) -> Prompt | None:
    """Return the prompt's parts, or None where the text is not of the pipeline's form.

    The first `LISTING` boundary opens the untrusted part, and only its own boundary at the very end closes it: what
    imitates a boundary in between is description.
    """
    opening = _LISTING.search(text) if text.startswith("PROFILE\n") else None
    if opening is None:
        return None
    closing = f"\nEND LISTING {opening[1]}"
    body = text.rstrip()
    if not body.endswith(closing) or len(body) - len(closing) < opening.end():
        return None
    head, _, description = body[opening.end() : -len(closing)].partition("\ndescription:\n")
    return Prompt(_profile_fields(text[len("PROFILE\n") : opening.start()]), _fields(head), description)


def _named(found: list[str]) -> str:
    shown = ", ".join(found[:_SHOWN_SKILLS])
    return f": {shown}" if shown else ""


def match_skills(prompt: Prompt) -> Match:
    """Compare skills: required ones count twice; without any, look for the profile's skills in the text."""
    has = _items(prompt.profile.get("skills", ""))
    required = _items(prompt.listing.get("required skills", ""))
    preferred = _items(prompt.listing.get("preferred skills", ""))
    own = {skill.casefold() for skill in has}
    if not required and not preferred:
        text = f"{prompt.listing.get('title', '')}\n{prompt.description}".casefold()
        found = [skill for skill in has if skill.casefold() in text]
        points = min(100, 20 + 20 * len(found)) if found else 20
        return Match(points, f"{len(found)} of {len(has)} profile skills in the text{_named(found)}", known=False)
    hits = [skill for skill in required if skill.casefold() in own]
    extras = [skill for skill in preferred if skill.casefold() in own]
    points = round(100 * (2 * len(hits) + len(extras)) / (2 * len(required) + len(preferred)))
    if required:
        return Match(points, f"{len(hits)} of {len(required)} required skills{_named(hits)}", known=True)
    return Match(points, f"{len(extras)} of {len(preferred)} preferred skills{_named(extras)}", known=True)


def _years_asked(description: str) -> int | None:
    for word in (" years", "+ years", " Jahre"):
        at = description.find(word)
        if at > 0 and (figure := _YEARS.search(description, max(0, at - 6), at)):
            return int(figure[1])
    return None


def match_experience(prompt: Prompt) -> Match:
    """Compare seniority, or else the years that the text asks for."""
    wants, offers = prompt.listing.get("seniority", ""), prompt.profile.get("seniority", "")
    if wants in _LEVELS and offers in _LEVELS:
        gap = _LEVELS[offers] - _LEVELS[wants]
        points = max(10, 95 - (22 if gap > 0 else 30) * abs(gap))
        return Match(points, f"{offers} profile for a {wants} role", known=True)
    asked, years = _years_asked(prompt.description), prompt.profile.get("years_experience", "")
    if asked is not None and years.isdigit():
        points = max(10, 90 - 15 * max(0, asked - int(years)))
        return Match(points, f"{years} years of experience, {asked} asked for", known=True)
    return Match(60, "the listing does not say which experience it wants", known=False)


def _country(place: str) -> str:
    return place.rpartition(",")[2].strip().casefold()


def match_location(prompt: Prompt) -> Match:
    """Compare places and remote policy."""
    wanted = _items(prompt.profile.get("locations", ""))
    places = _items(prompt.listing.get("places", ""))
    policy = prompt.listing.get("remote", "")
    open_to_remote = prompt.profile.get("remote", "") == "yes"
    homes = {place.casefold() for place in wanted}
    same = next((place for place in places if place.casefold() in homes), None)
    if same is not None:
        return Match(100, f"{same} is one of the profile's places", known=True)
    if policy == "remote":
        return Match(90 if open_to_remote else 45, "remote role", known=True)
    if not places or not wanted:
        return Match(50, "the place is not known on both sides", known=False)
    countries = {_country(place) for place in wanted}
    near = next((place for place in places if _country(place) in countries), None)
    if near is not None:
        return Match(60, f"{near} is in a country of the profile", known=True)
    return Match(25 if policy == "hybrid" else 10, f"{places[0]} is none of the profile's places", known=True)


def _noise(seed: str, model: str, reach: int) -> list[int]:
    drawn = blake2b(f"{model}/{seed}".encode(), digest_size=4).digest()
    return [byte % (2 * reach + 1) - reach for byte in drawn]


def _bounded(points: int) -> int:
    return max(0, min(100, points))


def score(text: str, *, seed: str, model: str, noise: int) -> dict[str, Any]:
    """Return the arguments of `score_job_match` for a prompt.

    Args:
        text: the user message.
        seed: the digest of the request's body; with `model` it fixes the noise.
        model: the model that was asked.
        noise: how far each figure may stray, in points.

    Returns:
        The six arguments in the order of `SCORE_KEYS`; scores 0-100, confidence 0-1, at most three reasons.
    """
    prompt = parse_prompt(text)
    if prompt is None:
        reason = "the prompt is not of the form that this sandbox reads"
        return dict(zip(SCORE_KEYS, (50, 50, 50, 50, 0.2, [reason]), strict=True))
    matches = (match_skills(prompt), match_experience(prompt), match_location(prompt))
    drift = _noise(seed, model, noise)
    parts = [_bounded(match.points + stray) for match, stray in zip(matches, drift, strict=False)]
    weighed = sum(weight * match.points for weight, match in zip(_WEIGHTS, matches, strict=True))
    overall = _bounded(round(weighed / 100) + drift[3])
    confidence = round(0.95 - 0.15 * sum(not match.known for match in matches) - noise / 100, 2)
    reasons = [match.reason[:120] for match in matches]
    return dict(zip(SCORE_KEYS, (overall, *parts, confidence, reasons), strict=True))
