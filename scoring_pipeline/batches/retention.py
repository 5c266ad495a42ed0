"""Retention: forgetting what is only evidence once it is old enough.

What belongs here: which collections are bounded in time, and the pass that keeps them so. What does not: what is
kept for ever (`docs/storage.md`).
"""

from datetime import datetime, timedelta

from scoring_pipeline.settings import Retention
from scoring_pipeline.storage.port import DocumentStore
from scoring_pipeline.values import utc_text


def forget_old(store: DocumentStore, retention: Retention, *, now: datetime) -> dict[str, int]:
    """Delete what has outlived its configured days; return how many documents, by collection."""
    cutoff = utc_text(now - timedelta(days=retention.transcripts_days))
    return {"transcripts": store.delete("transcripts", {"created_at": {"$lt": cutoff}})}
