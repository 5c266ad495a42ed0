"""Ending work items when the request they wait for has ended.

What belongs here: the one place that says how an item ends, for whoever notices first. What does not: ending requests
(`batches/collect.py`).
"""

from collections.abc import Sequence
from datetime import datetime

from scoring_pipeline.storage.port import Document, DocumentStore, Move
from scoring_pipeline.values import chunked, utc_text

PAGE = 500


def end_of(item: Document, request: Document) -> str | None:
    """Return how `item` ends, given its request as it stands, or None while it still waits."""
    if request["status"] == "answered":
        return "scored" if request["origin"] == item["_id"] else "reused"
    return "dead" if request["status"] == "dead" else None


def settle_items(store: DocumentStore, items: Sequence[Document], *, now: datetime) -> int:
    """End those of the waiting items whose request has ended; return how many were."""
    requests = store.get_many("requests", sorted({item["request_key"] for item in items}))
    ended_at = utc_text(now)
    moves = []
    for item in items:
        status = end_of(item, requests[item["request_key"]])
        if status:
            expect = {"status": "waiting", "request_key": item["request_key"]}
            moves.append(Move(item["_id"], expect, {"status": status, "ended_at": ended_at}))
    return len(store.compare_and_set_many("work_items", moves))


def settle_subscribers(store: DocumentStore, request_keys: Sequence[str], *, now: datetime) -> int:
    """End every item, of whatever day, that waits on one of these requests and whose request has ended."""
    settled = 0
    for keys in chunked(request_keys, PAGE):
        where = {"request_key": {"$in": keys}, "status": "waiting"}
        for page in chunked(store.scan("work_items", where, batch=PAGE), PAGE):
            settled += settle_items(store, page, now=now)
    return settled


def settle_partition(store: DocumentStore, partition: str, *, now: datetime) -> int:
    """End every waiting item of one day whose request has ended: the safety net under both of the above."""
    where = {"partition": partition, "status": "waiting"}
    return sum(
        settle_items(store, page, now=now) for page in chunked(store.scan("work_items", where, batch=PAGE), PAGE)
    )


def defer_waiting(store: DocumentStore, partition: str, *, reason: str, now: datetime) -> int:
    """End the day's items that wait on a request nobody is buying as `deferred`; a later pass plans them again.

    Their requests stay pending but belong to no day, until a work set subscribes to them again.
    """
    deferred = 0
    where = {"partition": partition, "status": "waiting"}
    for page in chunked(store.scan("work_items", where, batch=PAGE), PAGE):
        requests = store.get_many("requests", sorted({item["request_key"] for item in page}))
        pending = {key for key, request in requests.items() if request["status"] == "pending"}
        ended = {"status": "deferred", "reason": reason, "ended_at": utc_text(now)}
        moves = [
            Move(item["_id"], {"status": "waiting", "request_key": item["request_key"]}, ended)
            for item in page
            if item["request_key"] in pending
        ]
        deferred += len(store.compare_and_set_many("work_items", moves))
        disown = [Move(key, {"status": "pending", "partition": partition}, {"partition": ""}) for key in pending]
        store.compare_and_set_many("requests", disown)
    return deferred
