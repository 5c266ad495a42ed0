"""A day's listings: every provider's rows normalized and kept, and every board's history brought up to date.

What belongs here: the pass over a day, and what it counted. What does not: its halves (`normalize.py`
and `store.py`, `history.py`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scoring_pipeline.listings.history import Changes, update_listings
from scoring_pipeline.listings.model import Provider
from scoring_pipeline.listings.normalize import Normalized, Outcome, Quarantined, RawRow, normalize_rows
from scoring_pipeline.listings.store import Counts, record_day
from scoring_pipeline.settings import Settings
from scoring_pipeline.storage.port import DocumentStore

SAMPLE = 10
SAMPLED_EACH = 2


@dataclass
class DayListings:
    """What a day's rows came to; `rows` = `normalized` + `merged` + `excluded` + `quarantined`. Samples are small."""

    rows: int = 0
    normalized: int = 0
    merged: int = 0
    excluded_by_rule: dict[str, int] = field(default_factory=dict)
    quarantined: int = 0
    new_versions: int = 0
    changes: Changes = field(default_factory=Changes)
    by_provider: dict[str, int] = field(default_factory=dict)
    sample: list[dict[str, Any]] = field(default_factory=list)
    quarantine_sample: list[dict[str, Any]] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Return every figure by name."""
        return {
            "rows": self.rows,
            "normalized": self.normalized,
            "merged": self.merged,
            "excluded": sum(self.excluded_by_rule.values()),
            "quarantined": self.quarantined,
            "new_versions": self.new_versions,
            "new": self.changes.new,
            "changed": self.changes.changed,
            "closed": self.changes.closed,
            "reopened": self.changes.reopened,
        }


def normalize_day(
    store: DocumentStore, settings: Settings, day: str, rows: Mapping[Provider, Iterable[RawRow]]
) -> DayListings:
    """Normalize and keep each provider's rows of one day, then fold them into the listings' histories.

    Args:
        store: the document store.
        settings: `settings.ats` says when a listing counts as closed.
        day: the partition, `YYYY-MM-DD`.
        rows: by provider, as `stored_rows` yields them.
    """
    result = DayListings()
    for provider, provider_rows in rows.items():
        outcomes = _sampled(normalize_rows(provider_rows), result)
        _add(result, provider, record_day(store, day, provider, outcomes))
    result.changes = update_listings(store, settings, day)
    return result


def _add(result: DayListings, provider: Provider, counts: Counts) -> None:
    result.rows += counts.rows
    result.normalized += counts.normalized
    result.merged += counts.merged
    result.quarantined += counts.quarantined
    result.new_versions += counts.new_versions
    result.by_provider[provider] = counts.normalized
    for rule, count in counts.excluded.items():
        result.excluded_by_rule[rule] = result.excluded_by_rule.get(rule, 0) + count


def _sampled(outcomes: Iterable[Outcome], result: DayListings) -> Iterator[Outcome]:
    shown = 0
    for outcome in outcomes:
        if isinstance(outcome, Normalized) and shown < SAMPLED_EACH:
            shown += 1
            listing = outcome.listing
            result.sample.append(
                {
                    "listing": listing.listing_id,
                    "title": listing.title,
                    "company": listing.company,
                    "places": [place.label for place in listing.places],
                    "remote": listing.remote_policy,
                    "skills": list(listing.skills_required[:8]),
                    "words": outcome.word_count,
                }
            )
        elif isinstance(outcome, Quarantined) and len(result.quarantine_sample) < SAMPLE:
            about = {"board": outcome.board, "posting": outcome.posting_id}
            result.quarantine_sample.append({**about, "field": outcome.field, "reason": outcome.reason})
        yield outcome
