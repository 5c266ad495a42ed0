"""Serving rows: one (listing, profile) as front ends see it, and exports of a day's scores.

What belongs here: joining items, answers and listings for readers. What does not: making scores. A row takes a score
only if it was made for the listing's current content, so that a backfill never overwrites newer truth; a sandbox score
never replaces a real one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from scoring_pipeline.storage.port import Document, DocumentStore, Move
from scoring_pipeline.values import chunked, utc_text

PAGE = 500
SCORE_FIELDS = ("overall_score", "skill_match", "experience_match", "location_match", "confidence", "reasons")


@dataclass(frozen=True)
class ScoredItem:
    """One ended work item with its answer and the listing that was scored."""

    item: Document
    answer: Mapping[str, Any]
    listing: Mapping[str, Any]
    request_key: str


class BestMatches:
    """The best few distinct answers of each profile, found in one pass; clones of one text count once."""

    def __init__(self, most: int = 3) -> None:
        self._most = most
        self._found: dict[str, list[ScoredItem]] = {}

    def add(self, scored: ScoredItem) -> None:
        """Take one scored item into account."""
        found = self._found.setdefault(scored.item["profile_id"], [])
        if any(other.request_key == scored.request_key for other in found):
            return
        found.append(scored)
        found.sort(key=_rank)
        del found[self._most :]

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Return what is shown of them, the best first, by profile id."""
        return {profile: [_shown(scored) for scored in found] for profile, found in sorted(self._found.items())}


@dataclass
class Published:
    """What publishing a day did; `outdated` scores were made for content that has changed since."""

    published: int = 0
    outdated: int = 0
    kept: int = 0
    closed: int = 0
    best: BestMatches = field(default_factory=BestMatches)


def publish_day(store: DocumentStore, partition: str, *, now: datetime) -> Published:
    """Bring the serving rows up to date with a day's scores and closures. Repeating it changes nothing."""
    result = Published()
    for page in chunked(scored_items(store, partition), PAGE):
        _publish(store, partition, page, result, now)
        for scored in page:
            result.best.add(scored)
    closed = store.scan("listings", {"closed_on": partition, "status": "closed"}, batch=PAGE)
    for listings in chunked(closed, PAGE):
        rows = store.scan("scored_listings", {"listing_id": {"$in": [doc["_id"] for doc in listings]}})
        moves = [
            Move(row["_id"], {"status": "open"}, {"status": "closed", "updated_at": utc_text(now)})
            for row in rows
            if row["status"] == "open"
        ]
        result.closed += len(store.compare_and_set_many("scored_listings", moves))
    return result


def _rank(scored: ScoredItem) -> tuple[int, float, str]:
    return -scored.answer["overall_score"], -scored.answer["confidence"], scored.item["_id"]


def _shown(scored: ScoredItem) -> dict[str, Any]:
    listing, answer = scored.listing, scored.answer
    return {
        "listing_id": scored.item["listing_id"],
        "overall_score": answer["overall_score"],
        "confidence": answer["confidence"],
        "reasons": answer["reasons"],
        "title": listing["title"],
        "company": listing["company"],
        "places": [place["label"] for place in listing["places"]],
        "remote_policy": listing["remote_policy"],
        "url": listing["url"],
    }


def scored_items(store: DocumentStore, partition: str) -> Iterator[ScoredItem]:
    """Yield a day's scored and reused items in order of listing and profile."""
    where = {"partition": partition, "status": {"$in": ["scored", "reused", "rule_scored"]}}
    for page in chunked(store.scan("work_items", where, batch=PAGE), PAGE):
        requests = store.get_many("requests", sorted({item["request_key"] for item in page}))
        versions = store.get_many("listing_versions", sorted({item["version"] for item in page}))
        for item in page:
            answer = requests[item["request_key"]]["answer"]
            yield ScoredItem(item, answer, versions[item["version"]]["listing"], item["request_key"])


def export_row(scored: ScoredItem) -> dict[str, Any]:
    """Return one score as exported: flat, with the listing's facts, where it came from, and whether it is real."""
    listing, answer, item = scored.listing, scored.answer, scored.item
    return {
        "partition": item["partition"],
        "listing_id": item["listing_id"],
        "profile_id": item["profile_id"],
        "status": item["status"],
        **{name: answer[name] for name in SCORE_FIELDS},
        "sandbox": answer["sandbox"],
        "provider": answer["provider"],
        "model": answer["model"],
        "tier": answer["tier"],
        "attempt_id": answer["attempt_id"],
        "title": listing["title"],
        "company": listing["company"],
        "places": [place["label"] for place in listing["places"]],
        "remote_policy": listing["remote_policy"],
        "posted_at": listing["posted_at"],
        "url": listing["url"],
    }


def _publish(store: DocumentStore, partition: str, page: list[ScoredItem], result: Published, now: datetime) -> None:
    listings = store.get_many("listings", sorted({scored.item["listing_id"] for scored in page}))
    ids = {f"{scored.item['listing_id']}/{scored.item['profile_id']}": scored for scored in page}
    existing = store.get_many("scored_listings", list(ids))
    rows = []
    for row_id, scored in ids.items():
        listing = listings[scored.item["listing_id"]]
        old = existing.get(row_id)
        if listing["version"] != scored.item["version"]:
            result.outdated += 1
        elif old is not None and _stays(old, scored, partition, listing["status"]):
            result.kept += 1
        else:
            rows.append(_row(row_id, scored, partition, listing["status"], now))
    store.upsert("scored_listings", rows)
    result.published += len(rows)


def _stays(old: Document, scored: ScoredItem, partition: str, status: str) -> bool:
    if scored.answer["sandbox"] and not old["sandbox"]:
        return True
    if old["version"] != scored.item["version"]:
        return False
    same: bool = old["attempt_id"] == scored.answer["attempt_id"] and old["status"] == status
    return same or bool(old["partition"] > partition)


def _row(row_id: str, scored: ScoredItem, partition: str, status: str, now: datetime) -> Document:
    listing, answer = scored.listing, scored.answer
    labels = [place[name] for place in listing["places"] for name in ("city", "region", "country") if place[name]]
    return {
        "_id": row_id,
        "listing_id": scored.item["listing_id"],
        "profile_id": scored.item["profile_id"],
        "version": scored.item["version"],
        "status": status,
        **{name: answer[name] for name in (*SCORE_FIELDS, "sandbox", "model", "tier", "attempt_id", "rubric")},
        "partition": partition,
        "provider": listing["provider"],
        "title": listing["title"],
        "company": listing["company"],
        "places": sorted(set(labels)),
        "place_labels": [place["label"] for place in listing["places"]],
        "remote_policy": listing["remote_policy"],
        "skills": [*listing["skills_required"], *listing["skills_preferred"]],
        "posted_at": listing["posted_at"],
        "url": listing["url"],
        "apply_url": listing["apply_url"],
        "updated_at": utc_text(now),
    }
