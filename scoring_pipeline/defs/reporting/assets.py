"""Scored listings and the daily report.

What belongs here: names, descriptions and metadata. What does not: joining and summing (`reporting/`).
"""

import dagster as dg

from scoring_pipeline.batches.days import decide, finalize_day
from scoring_pipeline.batches.retention import forget_old
from scoring_pipeline.defs.partitions import PARTITION_MEANING, Owner, table
from scoring_pipeline.reporting.day import DayFigures, day_figures, record_best, record_report
from scoring_pipeline.reporting.serving import export_row, publish_day, scored_items
from scoring_pipeline.resources import Pipeline

GROUP = "reporting"
# What fits on a page without scrolling; the export has every column.
SAMPLE_COLUMNS = ("profile_id", "overall_score", "title", "company", "places", "status", "model")


def reporting_assets(partitions: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """Return `scored_listings` and `daily_report`."""
    return [_scored_listings(partitions), _daily_report(partitions)]


def _scored_listings(partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    check = dg.AssetCheckSpec(
        "every_item_was_scored",
        asset="scored_listings",
        description="No work item of the day is dead, deferred or still waiting.",
    )

    @dg.asset(
        name="scored_listings",
        partitions_def=partitions,
        deps=["batch_jobs"],
        group_name=GROUP,
        kinds={"python"},
        owners=[Owner.SCORING],
        code_version="1",
        check_specs=[check],
        description=(
            "Scores as served, one document a (listing, profile) with the listing's current content. "
            f"{PARTITION_MEANING} Materialized by the sensor when the last item of the day has ended; by hand, it "
            "publishes what there is."
        ),
    )
    def scored_listings(context: dg.AssetExecutionContext, pipeline: Pipeline) -> dg.MaterializeResult:
        store, day = pipeline.store(), context.partition_key
        published = publish_day(store, day, now=pipeline.settings().clock.now())
        record_best(store, day, published.best.rows())
        items = store.group_count("work_items", "status", {"partition": day})
        left = {name: items.get(name, 0) for name in ("waiting", "dead", "deferred")}
        rows = (export_row(scored) for scored in scored_items(store, day))
        sample = ({name: row[name] for name in SAMPLE_COLUMNS} for row in rows)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": items.get("scored", 0) + items.get("reused", 0),
                "published": published.published,
                "already_current": published.kept,
                "outdated": published.outdated,
                "closed": published.closed,
                "by_status": dg.MetadataValue.json(items),
                "sample": table(sample, most=10),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name="every_item_was_scored",
                    passed=not any(left.values()),
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata=left,
                )
            ],
        )

    return scored_listings


def _daily_report(partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    @dg.asset(
        name="daily_report",
        partitions_def=partitions,
        deps=["scored_listings"],
        group_name=GROUP,
        kinds={"python"},
        owners=[Owner.SCORING],
        code_version="1",
        description=(
            "The figures of the day, one document a day: rows, listings, work by outcome, batches, spend per model, "
            f"best matches. {PARTITION_MEANING}"
        ),
    )
    def daily_report(context: dg.AssetExecutionContext, pipeline: Pipeline) -> dg.MaterializeResult:
        engine, day = pipeline.engine(), context.partition_key
        now = engine.settings.clock.now()
        state = engine.store.get("partitions", day)
        if state is not None and decide(engine.facts(day)) == "finalize":
            finalize_day(engine.store, day, state["revision"], now=now)
        figures = day_figures(engine.store, day)
        record_report(engine.store, figures, revision=state["revision"] if state else 0, now=now)
        forgotten = forget_old(engine.store, engine.settings.retention, now=now)
        return dg.MaterializeResult(metadata={**_metadata(figures), "forgotten": dg.MetadataValue.json(forgotten)})

    return daily_report


def _metadata(figures: DayFigures) -> dict[str, dg.MetadataValue | int | float | str | bool]:
    scored = figures.work["scored"] + figures.work["reused"]
    best = [
        {"profile": profile, **{name: row[name] for name in ("overall_score", "title", "company", "places")}}
        for profile, rows in figures.best.items()
        for row in rows
    ]
    return {
        "status": figures.status,
        **{f"listings_{name}": count for name, count in figures.listings.items()},
        **{f"items_{name}": count for name, count in figures.work.items()},
        "batches": figures.batches,
        "spend_usd": float(figures.spend.usd),
        "usd_per_1000_scores": round(float(figures.spend.usd) * 1000 / scored, 6) if scored else 0.0,
        "sandbox": figures.spend.sandbox,
        "spend_by_model": table(
            {"model": model, "requests": figures.spend.requests_by_model[model], "usd": float(amount)}
            for model, amount in figures.spend.by_model.items()
        ),
        "best_matches": table(best),
    }
