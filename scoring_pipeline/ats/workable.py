"""Workable's public feeds: the widget, which holds the board in one response, and v3 where the widget is empty.

What belongs here: their URLs, paging and envelopes, and what of a row is volatile. What does not: what a row means,
and that rows with one shortcode are one posting in several places: they are kept as they came.
"""

from contextlib import nullcontext
from typing import Any

from scoring_pipeline.ats.errors import BoardGone, PermanentFetchError
from scoring_pipeline.ats.model import Conversation, JsonObject, Provider, Reading, Row, Target
from scoring_pipeline.ats.reading import later_request, naming
from scoring_pipeline.ats.shapes import object_of, rows_of
from scoring_pipeline.ats.urls import base_for, segment, without_secrets

EVERYTHING: JsonObject = {"query": "", "location": [], "department": [], "worktype": [], "remote": []}


def list_url(target: Target) -> str:
    """Return the URL of the account's widget, with descriptions."""
    return f"{target.base_url}/api/v1/widget/accounts/{segment(target.board.name)}?details=true"


def _v3_url(target: Target) -> str:
    return f"{target.base_url}/api/v3/accounts/{segment(target.board.name)}/jobs"


def _detail_url(target: Target, shortcode: str) -> str:
    return f"{target.base_url}/api/v2/accounts/{segment(target.board.name)}/jobs/{segment(shortcode)}"


def parse(body: Any) -> Reading:
    """Return the rows of the widget's `{name, jobs: [...]}` or of v3's `{total, results: [...]}`."""
    envelope = object_of(body, "an object with `jobs` or `results`")
    if "results" in envelope:
        facts = {"total": envelope["total"]} if isinstance(envelope.get("total"), int) else {}
        return Reading(rows_of(envelope["results"], "results", "shortcode"), facts)
    facts = {"name": envelope["name"]} if isinstance(envelope.get("name"), str) else {}
    return Reading(rows_of(envelope.get("jobs"), "jobs", "shortcode"), facts)


async def read(talk: Conversation, target: Target, etag: str | None) -> Reading | None:
    """Read the widget; where it has no rows (or a token is configured and it is off), read v3 instead."""
    widget = await _widget(talk, target, etag)
    if widget is None or widget.rows:
        return widget
    try:
        rows, total = await _v3_rows(talk, target)
    except BoardGone:
        if target.board.token:
            raise
        # The account exists, as the widget has just said; it has nothing that v3 would list.
        return widget
    with later_request():
        detailed = [await _with_detail(talk, target, row) for row in rows]
    return Reading(tuple(detailed), {**widget.facts, "total": total})


async def _widget(talk: Conversation, target: Target, etag: str | None) -> Reading | None:
    url = list_url(target)
    try:
        answer = await talk.get(url, etag=etag)
    except BoardGone:
        if target.board.token:
            return Reading(())
        raise
    if answer.not_modified:
        return None
    with naming(url):
        return parse(answer.body)


async def _v3_rows(talk: Conversation, target: Target) -> tuple[list[Row], int]:
    """Return every row of v3 and the total it claims, following its page tokens."""
    url, token, seen = _v3_url(target), None, set[str]()
    rows: list[Row] = []
    while True:
        body = EVERYTHING if token is None else {**EVERYTHING, "token": token}
        # Only v3's first answer may say that it does not know the account.
        with later_request() if token else nullcontext():
            answer = await talk.post(url, body, bearer=target.board.token)
        with naming(url):
            page = parse(answer.body)
            rows.extend(page.rows)
            total = page.facts.get("total", len(rows))
            token = answer.body.get("nextPage")
        if not token:
            break
        if not isinstance(token, str) or token in seen:
            raise PermanentFetchError(f"{without_secrets(url)} repeated a page token")
        seen.add(token)
    if total and not rows:
        raise PermanentFetchError(f"{without_secrets(url)} claims {total} postings and sent none")
    return rows, total


async def _with_detail(talk: Conversation, target: Target, row: Row) -> Row:
    """Return the row with what only its detail says: the description, requirements and benefits."""
    url = _detail_url(target, row.posting_id)
    answer = await talk.get(url, bearer=target.board.token)
    with naming(url):
        detail = object_of(answer.body, "an object with the posting's detail")
    return Row(row.posting_id, {**detail, **row.payload})


PROVIDER = Provider(
    name="workable",
    base=base_for,
    list_url=list_url,
    read=read,
    parse=parse,
    # The publication date moves on re-publication, with the shortcode and the text unchanged.
    volatile=frozenset({"published_on", "published"}),
)
