"""The Listing model: one posting as a reader would see it, whatever board it came from.

What belongs here: the shape, its invariants and its identities (`content_hash`, `canonical`). What does not: how a
provider's payload becomes one (`adapters/`), what happened to it over time (`folding.py`).
"""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from scoring_pipeline.values import canonical_json, digest

Provider = Literal["greenhouse", "lever", "ashby", "workable", "recruitee"]
RemotePolicy = Literal["remote", "hybrid", "onsite", "unknown"]
EmploymentType = Literal[
    "full_time", "part_time", "contract", "temporary", "internship", "apprenticeship", "volunteer", "freelance", "other"
]
Seniority = Literal["intern", "junior", "mid", "senior", "lead", "executive"]
PayPeriod = Literal["hour", "day", "week", "month", "year"]


# What a reader of the posting's text does not see, what moves without an edit (dates, links, identifiers), and what is
# read off title and description alone: a better reader of skills or languages edits no posting.
NOT_SEEN = {
    "listing_id",
    "provider",
    "board",
    "posting_id",
    "posted_at",
    "url",
    "apply_url",
    "remote_evidence",
    "source",
    "seniority",
    "language",
    "skills_required",
    "skills_preferred",
    "ai_directed",
}


class Frozen(BaseModel):
    """An immutable value that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Place(Frozen):
    """One place a posting names; every part is None where the board does not say it."""

    city: str | None = None
    region: str | None = None
    country: str | None = Field(default=None, description="ISO 3166-1 alpha-2, upper case")
    label: str = Field(description="as the board wrote it")


class Compensation(Frozen):
    """One pay range; figures are in whole or fractional units of `currency` (never cents) per `period`."""

    minimum: float | None = None
    maximum: float | None = None
    currency: str | None = Field(default=None, description="ISO 4217")
    period: PayPeriod | None = None
    label: str | None = Field(default=None, description="zone or title, where the board gives one")
    implausible: bool = False


class Listing(Frozen):
    """One posting, normalized.

    `listing_id` is `{provider}/{board}/{posting_id}`. `description` is readable text: paragraphs separated by a blank
    line, one list item a line beginning with "- ", no markup. `source` holds the provider's own metadata worth keeping;
    it is not part of what a reader sees and so not of `content_hash`.
    """

    listing_id: str
    provider: Provider
    board: str
    posting_id: str
    title: str = Field(min_length=1)
    company: str = Field(min_length=1)
    description: str
    places: tuple[Place, ...] = ()
    remote_policy: RemotePolicy = "unknown"
    remote_evidence: str | None = None
    posted_at: datetime | None = None
    employment_type: EmploymentType | None = None
    employment_raw: str | None = None
    seniority: Seniority | None = None
    department: str | None = None
    compensation: tuple[Compensation, ...] = ()
    url: str
    apply_url: str
    language: str | None = Field(
        default=None, description="ISO 639-1 of the description, None where it is too short to tell"
    )
    skills_required: tuple[str, ...] = ()
    skills_preferred: tuple[str, ...] = ()
    ai_directed: tuple[str, ...] = Field(default=(), description="passages that address a model or an AI reader")
    source: dict[str, Any] = {}

    def canonical(self) -> bytes:
        """Return the listing as canonical JSON: sorted keys, no white space. Equal listings give equal bytes."""
        return canonical_json(self.model_dump(mode="json"))

    def content_hash(self) -> str:
        """Return BLAKE2b-128, in hex, of what a reader would see: everything but what `NOT_SEEN` names."""
        return digest(canonical_json(self.model_dump(mode="json", exclude=NOT_SEEN)))
