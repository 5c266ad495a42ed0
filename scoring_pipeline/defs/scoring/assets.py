"""Work set and batch jobs.

What belongs here: names, descriptions, metadata, and the gate as a check. What does not: matching, planning, sending.
"""

import dagster as dg

from scoring_pipeline.batches.days import begin_day
from scoring_pipeline.batches.engine import Engine, GateClosedError, Submitted
from scoring_pipeline.batches.gate import GateReport, check_gate
from scoring_pipeline.batches.lease import LeaseHeldError
from scoring_pipeline.defs.listings.assets import is_normalized
from scoring_pipeline.defs.partitions import PARTITION_MEANING, Owner, table
from scoring_pipeline.listings.model import Listing
from scoring_pipeline.llm.errors import PermanentProviderError
from scoring_pipeline.llm.prices import usd
from scoring_pipeline.matching.work_set import WorkSetCounts, WorkSetRules, build_work_set
from scoring_pipeline.resources import Pipeline
from scoring_pipeline.routing.features import route

GROUP = "scoring"
LEASE_RETRIES = 30
LEASE_RETRY_SECONDS = 10


def scoring_assets(partitions: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """Return `work_set` and `batch_jobs`."""
    return [_work_set(partitions), _batch_jobs(partitions)]


def _work_set(partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    gate = dg.AssetCheckSpec(
        "may_be_bought",
        asset="work_set",
        blocking=True,
        description=(
            "Every model has a price and is still offered, a real endpoint has a budget. Passing opens the day for "
            "spending; without it nothing is submitted, in whatever run."
        ),
    )

    @dg.asset(
        name="work_set",
        partitions_def=partitions,
        deps=["normalized_listings", "candidate_profiles"],
        group_name=GROUP,
        kinds={"python"},
        owners=[Owner.SCORING],
        code_version="1",
        check_specs=[gate],
        description=(
            "Work items, one document a (listing, profile), each subscribed to the one request that answers it; the "
            f"cache is consulted before any call is planned. {PARTITION_MEANING}"
        ),
    )
    def work_set(context: dg.AssetExecutionContext, pipeline: Pipeline) -> dg.MaterializeResult:
        engine, day = pipeline.engine(), context.partition_key
        if not is_normalized(engine.store, day):
            raise dg.Failure(
                f"{day} is not normalized: materialize normalized_listings of it first", allow_retries=False
            )
        now = engine.settings.clock.now()

        def chosen(listing: Listing) -> dict[str, object]:
            return route(listing, engine.tiers).model_dump(mode="json")

        rules = WorkSetRules(engine.rubric, engine.generation, engine.sandbox, chosen)
        revision = begin_day(engine.store, day, now=now)
        counts = build_work_set(engine.store, day, rules, now=now)
        report = check_gate(engine, day, revision)
        for warning in report.warnings:
            context.log.warning(warning)
        return dg.MaterializeResult(
            metadata=_work_metadata(engine, counts, report), check_results=[_gate_check(report)]
        )

    return work_set


def _work_metadata(
    engine: Engine, counts: WorkSetCounts, report: GateReport
) -> dict[str, dg.MetadataValue | int | float | str | bool]:
    reused = counts.by_status.get("reused", 0)
    return {
        "dagster/row_count": counts.total,
        "new_requests": counts.new_requests,
        "reuse_rate": reused / counts.total if counts.total else 0.0,
        "superseded": counts.superseded,
        "by_status": dg.MetadataValue.json(counts.by_status),
        "estimated_usd": float(usd(report.expected)),
        "estimated_usd_at_most": float(usd(report.at_most)),
        "sandbox": engine.sandbox if report.passed else "unknown",
        "estimate": table(
            {
                "tier": estimate.tier,
                "model": estimate.model,
                "requests": estimate.requests,
                "prompt_tokens": estimate.prompt_tokens,
                "expected_usd": float(usd(estimate.expected)),
                "at_most_usd": float(usd(estimate.at_most)),
            }
            for estimate in report.estimates
        ),
    }


def _gate_check(report: GateReport) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="may_be_bought",
        passed=report.passed,
        metadata={
            "problems": dg.MetadataValue.md("\n".join(f"- {problem}" for problem in report.problems) or "none"),
            "warnings": dg.MetadataValue.md("\n".join(f"- {warning}" for warning in report.warnings) or "none"),
            "estimated_usd": float(usd(report.expected)),
        },
    )


def _batch_jobs(partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    @dg.asset(
        name="batch_jobs",
        partitions_def=partitions,
        deps=["work_set"],
        group_name=GROUP,
        kinds={"python", "openai"},
        owners=[Owner.SCORING],
        code_version="1",
        description=(
            "Batches at the provider, one document a batch, written before it is acted on. "
            f"{PARTITION_MEANING} The scheduled job ends here; the sensor polls, collects and finalizes."
        ),
    )
    def batch_jobs(context: dg.AssetExecutionContext, pipeline: Pipeline) -> dg.MaterializeResult:
        engine, day = pipeline.engine(), context.partition_key
        try:
            submitted = engine.submit(day)
        except LeaseHeldError as e:
            raise dg.RetryRequested(max_retries=LEASE_RETRIES, seconds_to_wait=LEASE_RETRY_SECONDS) from e
        except (GateClosedError, PermanentProviderError) as e:
            raise dg.Failure(str(e), allow_retries=False) from e
        for message in (submitted.plan.refused, submitted.submission.stopped):
            if message:
                context.log.warning(message)
        return dg.MaterializeResult(metadata=_batch_metadata(engine, day, submitted))

    return batch_jobs


def _batch_metadata(
    engine: Engine, day: str, submitted: Submitted
) -> dict[str, dg.MetadataValue | int | float | str | bool]:
    batches = list(engine.store.scan("batches", {"partition": day}))
    current = [batch for batch in batches if batch["status"] != "voided"]
    return {
        "dagster/row_count": len(current),
        "planned_now": len(submitted.plan.batches),
        "requests_planned_now": submitted.plan.requests,
        "created_now": len(submitted.submission.created),
        "adopted_now": len(submitted.submission.adopted),
        "in_doubt": len(submitted.submission.in_doubt),
        "deferred": submitted.deferred,
        "stopped": submitted.submission.stopped or "no",
        "budget": submitted.plan.refused or "within limits",
        "batches": table(
            {
                "batch": batch["_id"],
                "status": batch["status"],
                "model": batch["model"],
                "requests": batch["requests"],
                "reserved_usd": float(usd(batch.get("reserved_nano_usd", 0))),
                "provider_batch_id": batch["provider_batch_id"],
            }
            for batch in current
        ),
    }
