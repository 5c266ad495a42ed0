"""Which tier a listing starts in: a few features, a rule over them, and the reason in words.

What belongs here: the features and the rule; both are stored with every request, since later learning needs them. What
does not: tiers themselves (`tiers.py`).
"""

from scoring_pipeline.listings.model import Frozen, Listing, Seniority
from scoring_pipeline.routing.tiers import Tiers

SHORT_WORDS = 500
DEFINED_SKILLS = 3

_EXECUTIVE: frozenset[Seniority | None] = frozenset({"executive"})


class Features(Frozen):
    """What routing looks at."""

    words: int
    required_skills: int
    list_items: int
    seniority: Seniority | None
    language: str | None
    places: int

    @property
    def well_defined(self) -> bool:
        """Whether the requirements are named, so that a cheap model has something to count."""
        return self.required_skills >= DEFINED_SKILLS


class Route(Frozen):
    """A starting tier, why, and from what."""

    tier: str
    reason: str
    features: Features


def features_of(listing: Listing) -> Features:
    """Return the features of a listing."""
    return Features(
        words=len(listing.description.split()),
        required_skills=len(listing.skills_required),
        list_items=listing.description.count("\n- ") + listing.description.startswith("- "),
        seniority=listing.seniority,
        language=listing.language,
        places=len(listing.places),
    )


def route(listing: Listing, tiers: Tiers) -> Route:
    """Return the tier a listing starts in.

    Under 500 words with well-defined required skills: the cheapest. Executive, or ambiguous (few skills named): one
    tier up, and two where it is both. Longer but well defined: the cheapest where lists structure it, else one up.
    """
    features = features_of(listing)
    executive = features.seniority in _EXECUTIVE
    ambiguous = not features.well_defined
    if executive and ambiguous:
        return Route(tier=tiers.at_least(2), reason="executive, and few skills are named", features=features)
    if executive:
        return Route(tier=tiers.at_least(1), reason="executive", features=features)
    if ambiguous:
        reason = f"ambiguous: {features.required_skills} required skills named"
        return Route(tier=tiers.at_least(1), reason=reason, features=features)
    if features.words < SHORT_WORDS:
        reason = f"{features.words} words, {features.required_skills} required skills named"
        return Route(tier=tiers.at_least(0), reason=reason, features=features)
    if features.list_items:
        reason = f"{features.words} words, but structured: {features.list_items} list items"
        return Route(tier=tiers.at_least(0), reason=reason, features=features)
    return Route(tier=tiers.at_least(1), reason=f"{features.words} words without structure", features=features)
