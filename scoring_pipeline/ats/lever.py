"""Lever's Postings API: a bare list, in pages.

What belongs here: its URL, its paging, its shape. What does not: what a row means.
"""

from typing import Any

from scoring_pipeline.ats.errors import PermanentFetchError
from scoring_pipeline.ats.model import Answer, Conversation, Provider, Reading, Row, Target
from scoring_pipeline.ats.reading import later_request, naming
from scoring_pipeline.ats.shapes import rows_of
from scoring_pipeline.ats.urls import base_for, segment, without_secrets


def list_url(target: Target) -> str:
    """Return the URL of the board's first page."""
    return _page_url(target, 0)


def _page_url(target: Target, skip: int) -> str:
    # Without mode=json the same URL answers 200 with an HTML page.
    site = f"{target.base_url}/v0/postings/{segment(target.board.name)}"
    return f"{site}?mode=json&skip={skip}&limit={target.page_size}"


def parse(body: Any) -> Reading:
    """Return the rows of `[...]`."""
    return Reading(rows_of(body, "postings", "id"))


async def read(talk: Conversation, target: Target, etag: str | None) -> Reading | None:
    """Read the board page by page; a page that fails, fails the board: else its tail would look closed."""
    url = list_url(target)
    answer = await talk.get(url, etag=etag)
    if answer.not_modified:
        return None
    page = _rows(url, answer)
    rows = {row.posting_id: row for row in page}
    skip = 0
    # More rows than asked for: a server that does not page, and has sent everything.
    while len(page) == target.page_size:
        skip += target.page_size
        url = _page_url(target, skip)
        with later_request():
            page = _rows(url, await talk.get(url))
        # A posting opened meanwhile pushes one that was read already to the next page.
        fresh = {row.posting_id: row for row in page if row.posting_id not in rows}
        if len(page) == target.page_size and not fresh:
            raise PermanentFetchError(f"{without_secrets(url)} repeated the page before it: skip was not honoured")
        rows |= fresh
    # One page's tag cannot speak for the others.
    return Reading(tuple(rows.values()), etag=answer.etag if skip == 0 else None)


def _rows(url: str, answer: Answer) -> tuple[Row, ...]:
    with naming(url):
        return parse(answer.body).rows


# No updated date and no sort position: nothing moves without an edit. No personal field is known.
PROVIDER = Provider(name="lever", base=base_for, list_url=list_url, read=read, parse=parse)
