"""Greenhouse's Job Board API: one response holds the board.

What belongs here: its URL, its envelope, and what of a row is volatile or personal. What does not: what a row means.
"""

from typing import Any

from scoring_pipeline.ats.model import Conversation, Personal, Provider, Reading, Target
from scoring_pipeline.ats.reading import read_in_one
from scoring_pipeline.ats.shapes import object_of, rows_of
from scoring_pipeline.ats.urls import base_for, segment


def list_url(target: Target) -> str:
    """Return the URL of the board's postings, with their text."""
    return f"{target.base_url}/v1/boards/{segment(target.board.name)}/jobs?content=true"


def parse(body: Any) -> Reading:
    """Return the rows of `{jobs: [...], meta: {total}}`; `meta` may be missing."""
    envelope = object_of(body, "an object with `jobs`")
    meta = envelope.get("meta")
    facts = {"total": meta["total"]} if isinstance(meta, dict) and isinstance(meta.get("total"), int) else {}
    return Reading(rows_of(envelope.get("jobs"), "jobs", "id"), facts)


async def read(talk: Conversation, target: Target, etag: str | None) -> Reading | None:
    """Read the board, conditionally where `etag` is known."""
    return await read_in_one(talk, list_url(target), parse, etag)


PROVIDER = Provider(
    name="greenhouse",
    base=base_for,
    list_url=list_url,
    read=read,
    parse=parse,
    # Whole boards are bumped at once: 87 % of recorded changes were this field alone.
    volatile=frozenset({"updated_at"}),
    # An employer's custom field of this type is a hiring manager: name, e-mail address, employee number.
    personal=(Personal("metadata", item=("value_type", "user")),),
)
