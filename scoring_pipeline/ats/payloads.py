"""Splitting one row into what is kept once, what is kept for each day, and what is not kept; and back.

What belongs here: pure functions on one row, driven by what the provider declares. What does not: the store.
"""

from dataclasses import dataclass

from scoring_pipeline.ats.model import JsonObject, Personal, Provider
from scoring_pipeline.values import canonical_json, digest


@dataclass(frozen=True)
class Parts:
    """One row, split: the payload (without volatile and personal fields), its address, and the volatile fields."""

    address: str
    payload: JsonObject
    volatile: JsonObject


def split(provider: Provider, row: JsonObject) -> Parts:
    """Return the parts of a row; the address does not depend on the order of its keys."""
    kept = without_personal(row, provider.personal)
    payload = {key: value for key, value in kept.items() if key not in provider.volatile}
    volatile = {key: value for key, value in kept.items() if key in provider.volatile}
    return Parts(digest(canonical_json([provider.name, payload])), payload, volatile)


def merged(payload: JsonObject, volatile: JsonObject) -> JsonObject:
    """Return the row as it was fetched, minus personal fields."""
    return {**payload, **volatile}


def without_personal(row: JsonObject, rules: tuple[Personal, ...]) -> JsonObject:
    """Return the row without the declared personal data; the row itself is not changed."""
    kept = dict(row)
    for rule in rules:
        value = kept.get(rule.key)
        if rule.item is None:
            kept.pop(rule.key, None)
        elif isinstance(value, list):
            field, wanted = rule.item
            kept[rule.key] = [item for item in value if not (isinstance(item, dict) and item.get(field) == wanted)]
    return kept
