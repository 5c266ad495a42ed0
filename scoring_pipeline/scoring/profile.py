"""The candidate profile, and what is scored against it.

What belongs here: the shape. What does not: reading the file (`matching/profiles.py`).
"""

from pydantic import Field

from scoring_pipeline.listings.model import Frozen, Seniority


class ProfilePlace(Frozen):
    """Where a candidate can work."""

    city: str = Field(min_length=1)
    region: str | None = None
    country: str = Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2")


class Profile(Frozen):
    """One candidate, as configured. `name` and `id` never reach a prompt."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    name: str = Field(min_length=1, max_length=200)
    headline: str = Field(min_length=1, max_length=200)
    summary: str = Field(min_length=1, max_length=4000)
    seniority: Seniority
    years_experience: int = Field(ge=0, le=70)
    skills: tuple[str, ...] = Field(min_length=1, max_length=200)
    locations: tuple[ProfilePlace, ...] = Field(min_length=1, max_length=50)
    remote: bool
    languages: tuple[str, ...] = Field(default=(), max_length=30)
    notes: str | None = Field(default=None, max_length=4000)
