"""Recruitee's Careers Site API: one response holds the board, on a host of the company's own.

What belongs here: its URL, its envelope, and what of a row is volatile or personal. What does not: what a row means.
"""

from typing import Any

from scoring_pipeline.ats.model import Conversation, Personal, Provider, Reading, Target
from scoring_pipeline.ats.reading import read_in_one
from scoring_pipeline.ats.shapes import object_of, rows_of
from scoring_pipeline.ats.urls import PLACEHOLDER, base_for, segment
from scoring_pipeline.settings import AtsProvider, Board


def base(section: AtsProvider, board: Board) -> str:
    """Return the company's base URL; a provider-wide URL without `{board}` gets the company as a path segment."""
    resolved = base_for(section, board)
    if board.base_url or PLACEHOLDER in section.base_url:
        return resolved
    return f"{resolved}/{segment(board.name)}"


def list_url(target: Target) -> str:
    """Return the URL of the company's published offers."""
    return f"{target.base_url}/api/offers/"


def parse(body: Any) -> Reading:
    """Return the rows of `{offers: [...]}`."""
    return Reading(rows_of(object_of(body, "an object with `offers`").get("offers"), "offers", "id"))


async def read(talk: Conversation, target: Target, etag: str | None) -> Reading | None:
    """Read the board, conditionally where `etag` is known."""
    return await read_in_one(talk, list_url(target), parse, etag)


PROVIDER = Provider(
    name="recruitee",
    base=base,
    list_url=list_url,
    read=read,
    parse=parse,
    # `position` is the sort order: it changes when anything on the board is moved.
    volatile=frozenset({"updated_at", "position"}),
    # The applicants' in-box.
    personal=(Personal("mailbox_email"),),
)
