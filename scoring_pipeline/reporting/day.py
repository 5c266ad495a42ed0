"""The figures of one day, computed from the store whenever they are asked for.

What belongs here: the shape that the report asset, the command line and `--json` share. What does not: how they are
printed (`cli.py`) or shown in Dagster (`defs/reporting`).
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict

from scoring_pipeline.llm.prices import usd
from scoring_pipeline.storage.port import DocumentStore
from scoring_pipeline.values import utc_text

LISTING_COUNTS = ("rows", "normalized", "merged", "excluded", "quarantined", "closed")
WORK_STATUSES = ("reused", "rule_scored", "scored", "dead", "deferred", "waiting")


class Spend(BaseModel):
    """Money of a day by its partition, in USD; the sandbox's is what a provider would have charged."""

    model_config = ConfigDict(frozen=True)

    usd: Decimal
    by_model: dict[str, Decimal]
    requests_by_model: dict[str, int]
    tokens_by_model: dict[str, dict[str, int]]
    sandbox: bool


class DayFigures(BaseModel):
    """One day: `listings` by `LISTING_COUNTS`, `work` by status with `total`, batches, spend, best matches."""

    model_config = ConfigDict(frozen=True)

    partition: str
    status: str
    listings: dict[str, int]
    work: dict[str, int]
    batches: int
    batches_by_status: dict[str, int]
    spend: Spend
    best: dict[str, list[dict[str, Any]]]

    def summary(self, *, seconds: float) -> dict[str, Any]:
        """Return the object that `run --json` prints; USD as numbers."""
        return {
            "partition": self.partition,
            "listings": self.listings,
            "work": self.work,
            "batches": self.batches,
            "spend": {
                "usd": float(self.spend.usd),
                "by_model": {model: float(amount) for model, amount in self.spend.by_model.items()},
                "sandbox": self.spend.sandbox,
            },
            "seconds": round(seconds, 3),
            "status": self.status,
        }


def record_listing_counts(store: DocumentStore, partition: str, counts: Mapping[str, int]) -> None:
    """Keep what normalizing the day counted: `LISTING_COUNTS` and anything else worth showing."""
    report = store.get("daily_reports", partition) or {"_id": partition}
    store.upsert("daily_reports", [{**report, "listings": dict(counts)}])


def record_best(store: DocumentStore, partition: str, best: Mapping[str, list[dict[str, Any]]]) -> None:
    """Keep the best matches of the day, by profile id."""
    report = store.get("daily_reports", partition) or {"_id": partition}
    store.upsert("daily_reports", [{**report, "best": dict(best)}])


def record_report(store: DocumentStore, figures: DayFigures, *, revision: int, now: datetime) -> None:
    """Keep a finalized day's figures."""
    report = store.get("daily_reports", figures.partition) or {"_id": figures.partition}
    kept = {"figures": figures.model_dump(mode="json"), "revision": revision, "finalized_at": utc_text(now)}
    store.upsert("daily_reports", [{**report, **kept}])


def day_figures(store: DocumentStore, partition: str) -> DayFigures:
    """Compute a day's figures from the store."""
    report = store.get("daily_reports", partition) or {}
    day = store.get("partitions", partition)
    items = store.group_count("work_items", "status", {"partition": partition})
    batches = store.group_count("batches", "status", {"partition": partition})
    work = {status: items.get(status, 0) for status in WORK_STATUSES}
    return DayFigures(
        partition=partition,
        status=day["status"] if day else "absent",
        listings={name: int(report.get("listings", {}).get(name, 0)) for name in LISTING_COUNTS},
        work={"total": sum(work.values()), **work},
        batches=sum(count for status, count in batches.items() if status != "voided"),
        batches_by_status=batches,
        spend=_spend(store, partition),
        best=report.get("best", {}),
    )


def _spend(store: DocumentStore, partition: str) -> Spend:
    where = {"partition": partition}
    names = ["cost_nano_usd", "prompt_tokens", "cached_tokens", "completion_tokens"]
    sums = store.group_sum("attempts", "model", names, where)
    counts = store.group_count("attempts", "model", where)
    return Spend(
        usd=usd(sum(row["cost_nano_usd"] for row in sums.values())),
        by_model={model: usd(row["cost_nano_usd"]) for model, row in sorted(sums.items())},
        requests_by_model=dict(sorted(counts.items())),
        tokens_by_model={model: {name: row[name] for name in names[1:]} for model, row in sorted(sums.items())},
        sandbox=_is_sandbox(store, partition),
    )


def _is_sandbox(store: DocumentStore, partition: str) -> bool:
    """Whether the day's scores are the sandbox's; one work set never mixes the two."""
    items = store.page("work_items", {"partition": partition}, limit=1)
    requests = store.get_many("requests", [item["request_key"] for item in items])
    return any(request["sandbox"] for request in requests.values())
