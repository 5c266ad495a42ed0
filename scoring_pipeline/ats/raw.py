"""Raw documents: keeping what a board said on a day, and handing it out again as it was said.

What belongs here: the layout of `raw_payloads`, `raw_pages` and `raw_snapshots`, and the order in which they are
written: the snapshot, which alone says that a reading is complete, comes last. What does not: fetching, and what the
rows mean.

A snapshot's `status` is `ok`, `not_modified`, `failed`, or `replacing` while the pages of a second reading of the same
day are being written (left behind only by a crash).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from scoring_pipeline.ats.model import Failed, Fetched, JsonObject, Outcome, Row, Unchanged
from scoring_pipeline.ats.payloads import merged, split
from scoring_pipeline.ats.providers import BY_NAME
from scoring_pipeline.settings import Board, ProviderName
from scoring_pipeline.storage.port import Document, DocumentStore, StoreError
from scoring_pipeline.values import from_utc_text, utc_text

PAYLOADS, PAGES, SNAPSHOTS = "raw_payloads", "raw_pages", "raw_snapshots"
PAGE_ROWS = 500
LAST_PAGE = 99_999


class NothingStored(LookupError):  # noqa: N818 - named for the state
    """No board of a provider was read, or tried, on a day: not the same as boards without postings."""


@dataclass(frozen=True)
class Recorded:
    """What recording one board came to; `new_payloads` were never seen before, on any day."""

    rows: int
    new_payloads: int


@dataclass(frozen=True)
class RawRow:
    """One row as fetched, minus personal fields.

    `row` is its index on the board that day, from 0; `company` is the configured display name; `envelope` what the
    response said around the rows.
    """

    provider: ProviderName
    board: str
    posting_id: str
    row: int
    payload: JsonObject
    envelope: JsonObject
    company: str | None


@dataclass(frozen=True)
class Snapshot:
    """One board on one day. `rows` is 0 unless `complete`; `error` and `error_class` are set where it failed.

    `later_error` is a failure after a complete reading of the same day, which it does not undo. `unchanged_since` is
    the day whose reading a 304 confirmed.
    """

    day: str
    provider: ProviderName
    board: str
    status: str
    complete: bool
    rows: int
    fetched_at: datetime
    source: str
    url: str | None
    etag: str | None
    envelope: JsonObject
    company: str | None
    error: str | None
    error_class: str | None
    later_error: str | None
    unchanged_since: str | None

    @property
    def gone(self) -> bool:
        """Whether the provider answered that there is no such board."""
        return self.error_class == "BoardGone"


def record_board(store: DocumentStore, day: str, provider: ProviderName, board: Board, outcome: Outcome) -> Recorded:
    """Keep what became of one board on `day`; recorded again, the later complete reading replaces the earlier.

    Raises:
        StoreError: if the store refuses, or the reading that a 304 confirmed is no longer whole.
    """
    about: Document = {"_id": f"{day}/{provider}/{board.name}", "day": day, "provider": provider, "board": board.name}
    about |= {"company": board.company, "fetched_at": utc_text(outcome.fetched_at)}
    if isinstance(outcome, Fetched):
        return _record_fetched(store, about, provider, outcome)
    if isinstance(outcome, Unchanged):
        return _record_unchanged(store, about, outcome)
    return _record_failed(store, about, outcome)


def confirmable(store: DocumentStore, day: str, provider: ProviderName, board: str, url: str) -> Document | None:
    """Return the snapshot that a 304 would confirm: the last complete one up to `day`, with a tag for this very URL."""
    found = store.search(
        SNAPSHOTS,
        {"provider": provider, "board": board, "complete": True, "day": {"$lte": day}},
        sort="day",
        order="desc",
        limit=1,
    ).documents
    if not found or not found[0].get("etag") or found[0].get("url") != url:
        return None
    pages = _page_ids(found[0])
    return found[0] if len(store.get_many(PAGES, pages)) == len(pages) else None


def has_day(store: DocumentStore, day: str, provider: ProviderName) -> bool:
    """Whether any board of `provider` was read, or tried, on `day`."""
    return store.exists(SNAPSHOTS, {"day": day, "provider": provider})


def stored_snapshots(store: DocumentStore, day: str, provider: ProviderName) -> Iterator[Snapshot]:
    """Yield every board's snapshot of `day`, in order of board; none where nothing was stored (see `has_day`)."""
    for document in store.scan(SNAPSHOTS, {"day": day, "provider": provider}):
        yield _snapshot(document)


def stored_rows(store: DocumentStore, day: str, provider: ProviderName) -> Iterator[RawRow]:
    """Return the rows of every complete reading of `day`, in order of board, then row; one page in memory at a time.

    Raises:
        NothingStored: at once, if no board of `provider` was read or tried on `day`.
        StoreError: while iterating, if a page or payload that a snapshot promises is missing.
    """
    if not has_day(store, day, provider):
        raise NothingStored(
            f"nothing is stored for {provider} on {day}: "
            "boards are read while a day is current, and a folder of responses can be imported for any day"
        )
    return _stored_rows(store, day, provider)


def _record_fetched(store: DocumentStore, about: Document, provider: ProviderName, fetched: Fetched) -> Recorded:
    _withdraw(store, about)
    rows, new, number = iter(fetched.reading.rows), 0, 0
    while page := list(islice(rows, PAGE_ROWS)):
        new += _write_page(store, about, provider, number, page)
        number += 1
    count = len(fetched.reading.rows)
    complete = {
        "url": fetched.url,
        "source": fetched.source,
        "etag": fetched.reading.etag,
        "envelope": fetched.reading.facts,
        "received_bytes": fetched.received_bytes,
        "rows": count,
        "pages": number,
    }
    _finish(store, {**about, "status": "ok", **complete})
    return Recorded(count, new)


def _write_page(store: DocumentStore, about: Document, provider: ProviderName, number: int, rows: list[Row]) -> int:
    """Write one page and the payloads it names, these first; return how many payloads are new."""
    payloads: dict[str, Document] = {}
    entries: list[JsonObject] = []
    for row in rows:
        parts = split(BY_NAME[provider], row.payload)
        payloads[parts.address] = {
            "_id": parts.address,
            "provider": provider,
            "first_day": about["day"],
            "payload": parts.payload,
        }
        entries.append({"posting_id": row.posting_id, "payload": parts.address, "volatile": parts.volatile})
    new = store.insert_absent(PAYLOADS, list(payloads.values()))
    store.upsert(PAGES, [_page(about, number, entries)])
    return len(new)


def _record_unchanged(store: DocumentStore, about: Document, unchanged: Unchanged) -> Recorded:
    previous = unchanged.previous
    if previous["_id"] != about["_id"]:
        _withdraw(store, about)
        for number, page_id in enumerate(_page_ids(previous)):
            store.upsert(PAGES, [_page(about, number, _require(store, page_id)["rows"])])
    kept = {key: previous[key] for key in ("url", "source", "etag", "envelope", "rows", "pages")}
    since = previous.get("unchanged_since") or previous["day"]
    received = {"received_bytes": unchanged.received_bytes}
    _finish(store, {**about, "status": "not_modified", **kept, **received, "unchanged_since": since})
    return Recorded(int(previous["rows"]), 0)


def _record_failed(store: DocumentStore, about: Document, failed: Failed) -> Recorded:
    message, kind = str(failed.error), type(failed.error).__name__
    earlier = store.get(SNAPSHOTS, about["_id"])
    if earlier is not None and earlier["complete"]:
        store.upsert(SNAPSHOTS, [{**earlier, "later_error": f"{kind}: {message}"}])
        return Recorded(0, 0)
    failure = {
        "status": "failed",
        "complete": False,
        "url": failed.url,
        "source": "live",
        "rows": 0,
        "pages": 0,
        "error": message,
        "error_class": kind,
        "error_status": failed.error.status,
    }
    store.upsert(SNAPSHOTS, [{**about, **failure}])
    return Recorded(0, 0)


def _withdraw(store: DocumentStore, about: Document) -> None:
    """Let no snapshot of the board and day claim completeness while its pages are replaced."""
    earlier = store.get(SNAPSHOTS, about["_id"])
    if earlier is not None and earlier["complete"]:
        store.upsert(SNAPSHOTS, [{**earlier, "status": "replacing", "complete": False}])


def _finish(store: DocumentStore, snapshot: Document) -> None:
    """Drop pages of an earlier, longer reading (or of one that crashed); then say that this one is complete."""
    surplus = {"$gte": _page_id(snapshot["_id"], snapshot["pages"]), "$lte": _page_id(snapshot["_id"], LAST_PAGE)}
    store.delete(PAGES, {"_id": surplus})
    store.upsert(SNAPSHOTS, [{**snapshot, "complete": True}])


def _stored_rows(store: DocumentStore, day: str, provider: ProviderName) -> Iterator[RawRow]:
    for snapshot in store.scan(SNAPSHOTS, {"day": day, "provider": provider, "complete": True}):
        index = 0
        for page_id in _page_ids(snapshot):
            entries = _require(store, page_id)["rows"]
            payloads = store.get_many(PAYLOADS, list({entry["payload"] for entry in entries}))
            for entry in entries:
                payload = payloads.get(entry["payload"])
                if payload is None:
                    raise StoreError(f"{PAYLOADS} {entry['payload']!r} is missing, which {PAGES} {page_id!r} names")
                yield RawRow(
                    provider=provider,
                    board=snapshot["board"],
                    posting_id=entry["posting_id"],
                    row=index,
                    payload=merged(payload["payload"], entry["volatile"]),
                    envelope=snapshot["envelope"],
                    company=snapshot["company"],
                )
                index += 1


def _page(about: Document, number: int, entries: list[Any]) -> Document:
    identity = {key: about[key] for key in ("day", "provider", "board")}
    return {"_id": _page_id(about["_id"], number), **identity, "rows": entries}


def _page_id(snapshot_id: str, number: int) -> str:
    return f"{snapshot_id}/{number:05d}"


def _page_ids(snapshot: Document) -> list[str]:
    return [_page_id(snapshot["_id"], number) for number in range(snapshot["pages"])]


def _require(store: DocumentStore, page_id: str) -> Document:
    page = store.get(PAGES, page_id)
    if page is None:
        raise StoreError(f"{PAGES} {page_id!r} is missing, which its snapshot promises")
    return page


def _snapshot(document: Document) -> Snapshot:
    return Snapshot(
        day=document["day"],
        provider=document["provider"],
        board=document["board"],
        status=document["status"],
        complete=document["complete"],
        rows=document["rows"] if document["complete"] else 0,
        fetched_at=from_utc_text(document["fetched_at"]),
        source=document["source"],
        url=document.get("url"),
        etag=document.get("etag"),
        envelope=document.get("envelope") or {},
        company=document.get("company"),
        error=document.get("error"),
        error_class=document.get("error_class"),
        later_error=document.get("later_error"),
        unchanged_since=document.get("unchanged_since"),
    )
