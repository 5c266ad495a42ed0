"""The rubric: the instructions, the function schema and the prompt policy that every request shares.

What belongs here: the static text (`rubric.md`) and schema, and their digest, which is part of every request key;
versions follow from content and are never bumped by hand. What does not: listings, profiles and models.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from scoring_pipeline.llm.tokens import count_tokens
from scoring_pipeline.values import canonical_json, digest

FUNCTION_NAME = "score_job_match"


# Bound-free on the wire: bounds are not supported by every strict implementation and are checked locally.
FUNCTION: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": FUNCTION_NAME,
        "description": "Records how well the listing fits the candidate.",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {
                "overall_score": {"type": "integer", "description": "0 to 100"},
                "skill_match": {"type": "integer", "description": "0 to 100"},
                "experience_match": {"type": "integer", "description": "0 to 100"},
                "location_match": {"type": "integer", "description": "0 to 100"},
                "confidence": {"type": "number", "description": "0 to 1"},
                "reasons": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "one to three short sentences",
                },
            },
            "required": [
                "overall_score",
                "skill_match",
                "experience_match",
                "location_match",
                "confidence",
                "reasons",
            ],
            "additionalProperties": False,
        },
    },
}

POLICY = {"order": ["system", "profile", "listing"], "fence": "digest-12", "profiles_per_request": 1}


@dataclass(frozen=True)
class Rubric:
    """The static part of a request. `tokens` counts system text and function schema."""

    system: str
    function: dict[str, Any]
    digest: str
    tokens: int


@cache
def current_rubric() -> Rubric:
    """Return the rubric of this version of the code."""
    system = Path(__file__).with_name("rubric.md").read_text(encoding="utf-8")
    return Rubric(
        system=system,
        function=FUNCTION,
        digest=digest(canonical_json([system, FUNCTION, POLICY])),
        tokens=count_tokens(system) + count_tokens(canonical_json(FUNCTION).decode()),
    )
