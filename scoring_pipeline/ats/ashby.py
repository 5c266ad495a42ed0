"""Ashby's Job Postings API: one response holds the board.

What belongs here: its URL, its envelope, and what of a row is volatile or personal. What does not: what a row means.
"""

from typing import Any

from scoring_pipeline.ats.model import Conversation, Provider, Reading, Target
from scoring_pipeline.ats.reading import read_in_one
from scoring_pipeline.ats.shapes import object_of, rows_of
from scoring_pipeline.ats.urls import base_for, segment


def list_url(target: Target) -> str:
    """Return the URL of the board's postings, with pay where it is disclosed."""
    return f"{target.base_url}/posting-api/job-board/{segment(target.board.name)}?includeCompensation=true"


def parse(body: Any) -> Reading:
    """Return the rows of `{jobs: [...], apiVersion: "1"}`."""
    envelope = object_of(body, "an object with `jobs`")
    facts = {"apiVersion": envelope["apiVersion"]} if isinstance(envelope.get("apiVersion"), str) else {}
    return Reading(rows_of(envelope.get("jobs"), "jobs", "id"), facts)


async def read(talk: Conversation, target: Target, etag: str | None) -> Reading | None:
    """Read the board, conditionally where `etag` is known."""
    return await read_in_one(talk, list_url(target), parse, etag)


# No updated date and no sort position: nothing moves without an edit. No personal field is known.
PROVIDER = Provider(name="ashby", base=base_for, list_url=list_url, read=read, parse=parse)
