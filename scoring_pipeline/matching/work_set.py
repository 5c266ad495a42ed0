"""The work set: every (listing, profile) of a day, each subscribed to the one request that would answer it.

What belongs here: consulting the cache before anything is planned, inserting requests and work items. What does not:
ending items when their requests end (`settle.py`), and buying anything (`batches/`).

A work item ends `scored` if its own request was bought for it, and `reused` if the request stood already or was being
bought, for whatever listing, day or batch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from scoring_pipeline.listings.model import Listing
from scoring_pipeline.matching.profiles import active_profile_views, view_document
from scoring_pipeline.matching.settle import settle_items
from scoring_pipeline.scoring.request import prompt_bytes, prompt_tokens, request_key
from scoring_pipeline.scoring.rubric import Rubric
from scoring_pipeline.scoring.views import View, listing_view
from scoring_pipeline.storage.port import Document, DocumentStore, Move
from scoring_pipeline.values import chunked, utc_text

PAGE = 500


@dataclass(frozen=True)
class WorkSetRules:
    """What, besides listings and profiles, decides a request.

    Args:
        rubric: instructions and schema.
        generation: `live` or `sandbox`: answers of the two never satisfy each other.
        sandbox: whether the answers will be the sandbox's.
        route: returns `{"tier", "reason", "features"}` for a listing; asked once per new listing text.
    """

    rubric: Rubric
    generation: str
    sandbox: bool
    route: Callable[[Listing], Mapping[str, Any]]


@dataclass
class WorkSetCounts:
    """What one pass over a day did. `new` requests were inserted; the other fields count work items by status."""

    total: int = 0
    new_requests: int = 0
    superseded: int = 0
    by_status: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Candidate:
    """One (listing, profile) of the day before the store was asked about it."""

    item_id: str
    request_key: str
    listing: Listing
    version: str
    view: View
    profile_id: str
    profile_view: Document
    generation: str


def build_work_set(store: DocumentStore, partition: str, rules: WorkSetRules, *, now: datetime) -> WorkSetCounts:
    """Make the day's work items and the requests they need, in pages; repeating it changes nothing.

    Items whose listing or profile left the day since an earlier pass become `superseded`; items `deferred` for want of
    budget wait again; what an earlier pass asked for and nobody waits for any more belongs to no day.
    """
    asked_before = store.exists("requests", {"status": "pending", "partition": partition})
    profiles = active_profile_views(store)
    counts = WorkSetCounts()
    listings = store.scan("daily_listings", {"_id": {"$gt": f"{partition}/", "$lt": f"{partition}0"}}, batch=PAGE)
    for page in chunked(listings, PAGE):
        candidates = _candidates(store, page, profiles, rules)
        counts.new_requests += _insert_requests(store, candidates, partition, rules, now)
        _subscribe(store, candidates, partition, now)
        counts.total += len(candidates)
    counts.superseded = _supersede_left_overs(store, partition, set(profiles), counts.total)
    if asked_before:
        _disown_unwanted(store, partition)
    counts.by_status = store.group_count("work_items", "status", {"partition": partition})
    return counts


def _candidates(
    store: DocumentStore, page: Sequence[Document], profiles: Mapping[str, Document], rules: WorkSetRules
) -> list[_Candidate]:
    versions = store.get_many("listing_versions", sorted({daily["version"] for daily in page}))
    found = []
    for daily in page:
        listing = Listing.model_validate(versions[daily["version"]]["listing"])
        found.append((daily, listing, listing_view(listing)))
    views = {view.digest for _, _, view in found} | {profile["_id"] for profile in profiles.values()}
    generations = {doc["_id"]: doc["generation"] for doc in store.get_many("rescores", sorted(views)).values()}
    candidates = []
    for daily, listing, view in found:
        for profile_id, profile in sorted(profiles.items()):
            wishes = [generations[d] for d in (view.digest, profile["_id"]) if d in generations]
            generation = "/".join([rules.generation, *wishes])
            key = request_key(
                listing=view.digest, profile=profile["_id"], rubric=rules.rubric.digest, generation=generation
            )
            item_id = f"{daily['_id']}/{profile_id}"
            candidates.append(
                _Candidate(item_id, key, listing, daily["version"], view, profile_id, profile, generation)
            )
    return candidates


def _insert_requests(
    store: DocumentStore, candidates: Sequence[_Candidate], partition: str, rules: WorkSetRules, now: datetime
) -> int:
    first = {candidate.request_key: candidate for candidate in reversed(candidates)}
    known = store.get_many("requests", list(first))
    new = [candidate for key, candidate in first.items() if key not in known]
    views = {candidate.view.digest: candidate.view for candidate in new}
    stored = store.get_many("views", sorted(views))
    documents = {key: stored.get(key) or view_document(view) for key, view in views.items()}
    # A request must never stand without the views it is rendered from.
    store.insert_absent("views", [doc for key, doc in documents.items() if key not in stored])
    routes: dict[str, Mapping[str, Any]] = {}
    requests = []
    for candidate in sorted(new, key=lambda candidate: candidate.item_id):
        digest = candidate.view.digest
        if digest not in routes:
            routes[digest] = rules.route(candidate.listing)
        profile, text = candidate.profile_view, documents[digest]
        size = {
            "prompt_tokens": prompt_tokens(rules.rubric, profile["tokens"], text["tokens"]),
            "prompt_bytes": prompt_bytes(profile["text"], text["text"]),
        }
        requests.append(_request(candidate, routes[digest], size, partition, rules, now))
    orphans = [key for key, doc in known.items() if doc["status"] == "pending" and not doc["partition"]]
    adopt = [Move(key, {"status": "pending", "partition": ""}, {"partition": partition}) for key in orphans]
    store.compare_and_set_many("requests", adopt)
    return len(store.insert_absent("requests", requests))


def _request(
    candidate: _Candidate,
    route: Mapping[str, Any],
    size: Mapping[str, int],
    partition: str,
    rules: WorkSetRules,
    now: datetime,
) -> Document:
    return {
        "_id": candidate.request_key,
        "status": "pending",
        "partition": partition,
        "origin": candidate.item_id,
        "listing_view": candidate.view.digest,
        "profile_view": candidate.profile_view["_id"],
        "rubric": rules.rubric.digest,
        "generation": candidate.generation,
        "sandbox": rules.sandbox,
        "tier": route["tier"],
        "route": dict(route),
        **size,
        "round": 0,
        "sent": 0,
        "failures": 0,
        "batch_id": None,
        "answer": None,
        "errors": [],
        "created_at": utc_text(now),
        "updated_at": utc_text(now),
    }


def _subscribe(store: DocumentStore, candidates: Sequence[_Candidate], partition: str, now: datetime) -> None:
    """Insert or renew the items, then end those whose request has ended meanwhile.

    The order matters: whoever ends a request ends the items it finds, so an item inserted after that must look itself.
    """
    existing = store.get_many("work_items", [candidate.item_id for candidate in candidates])
    items = []
    for candidate in candidates:
        old = existing.get(candidate.item_id)
        same = old is not None and old["request_key"] == candidate.request_key
        if same and old is not None and old["status"] not in {"deferred", "superseded"}:
            continue
        items.append(_item(candidate, partition, now))
    store.upsert("work_items", items)
    waiting = {old["_id"]: old for old in existing.values() if old["status"] == "waiting"} | {
        item["_id"]: item for item in items
    }
    settle_items(store, list(waiting.values()), now=now)


def _item(candidate: _Candidate, partition: str, now: datetime) -> Document:
    return {
        "_id": candidate.item_id,
        "partition": partition,
        "listing_id": candidate.listing.listing_id,
        "profile_id": candidate.profile_id,
        "version": candidate.version,
        "request_key": candidate.request_key,
        "status": "waiting",
        "created_at": utc_text(now),
        "ended_at": None,
    }


def _supersede_left_overs(store: DocumentStore, partition: str, profiles: set[str], total: int) -> int:
    where = {"partition": partition, "status": {"$ne": "superseded"}}
    if store.count("work_items", where) == total:
        return 0
    superseded = 0
    for page in chunked(store.scan("work_items", {"partition": partition}, batch=PAGE), PAGE):
        current = store.get_many("daily_listings", sorted({f"{partition}/{item['listing_id']}" for item in page}))
        moves = [
            Move(item["_id"], {"status": item["status"]}, {"status": "superseded"})
            for item in page
            if item["status"] != "superseded"
            and (f"{partition}/{item['listing_id']}" not in current or item["profile_id"] not in profiles)
        ]
        superseded += len(store.compare_and_set_many("work_items", moves))
    return superseded


def _disown_unwanted(store: DocumentStore, partition: str) -> None:
    """Take from the day the pending requests that none of its items waits for: else it would never be done."""
    asked = store.scan("requests", {"status": "pending", "partition": partition}, batch=PAGE)
    for page in chunked(asked, PAGE):
        keys = [request["_id"] for request in page]
        where = {"request_key": {"$in": keys}, "partition": partition, "status": "waiting"}
        wanted = {item["request_key"] for item in store.scan("work_items", where, batch=PAGE)}
        expect, disown = {"status": "pending", "partition": partition}, {"partition": ""}
        store.compare_and_set_many("requests", [Move(key, expect, disown) for key in keys if key not in wanted])
