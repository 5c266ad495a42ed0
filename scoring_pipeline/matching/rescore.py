"""Rescoring: a person's wish to buy again what the cache would answer.

What belongs here: opening a new generation for views, recorded with when. What does not: buying (the next run of a day
does, under its budget). Every later day uses the newest generation, so that a rescored answer is the one that counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from scoring_pipeline.listings.model import Listing
from scoring_pipeline.scoring.views import listing_view
from scoring_pipeline.storage.port import Document, DocumentStore
from scoring_pipeline.values import chunked, utc_text

PAGE = 500


@dataclass(frozen=True)
class RescoreTarget:
    """What to score again: `kind` is `partition`, `listing` or `profile`."""

    kind: str
    value: str


def open_generation(store: DocumentStore, target: RescoreTarget, *, now: datetime) -> int:
    """Open a new generation for every view the target has now; return how many views that is (0: nothing there)."""
    opened = 0
    for page in chunked(_views(store, target), PAGE):
        documents: list[Document] = [
            {
                "_id": view,
                "generation": utc_text(now),
                "kind": target.kind,
                "value": target.value,
                "created_at": utc_text(now),
            }
            for view in dict.fromkeys(page)
        ]
        store.upsert("rescores", documents)
        opened += len(documents)
    return opened


def _views(store: DocumentStore, target: RescoreTarget) -> Iterator[str]:
    if target.kind == "profile":
        profile = store.get("profiles", target.value)
        if profile is not None:
            yield profile["version"]
        return
    for page in chunked(_versions(store, target), PAGE):
        for document in store.get_many("listing_versions", page).values():
            yield listing_view(Listing.model_validate(document["listing"])).digest


def _versions(store: DocumentStore, target: RescoreTarget) -> Iterator[str]:
    if target.kind == "listing":
        listing = store.get("listings", target.value)
        if listing is not None:
            yield listing["version"]
        return
    days = {"_id": {"$gt": f"{target.value}/", "$lt": f"{target.value}0"}}
    yield from (daily["version"] for daily in store.scan("daily_listings", days, batch=PAGE))
