"""Collecting as a job: an op, because progress of a day is not a materialization of it.

What belongs here: the run that drains a day's terminal batches. What does not: collecting itself (`batches/`).
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from scoring_pipeline.batches.lease import LeaseHeldError
from scoring_pipeline.resources import Pipeline

COLLECT_JOB = "collect_job"


@dg.op(description="Drains every terminal batch of the day: rows to outcomes, answers to items, costs to the ledger.")
def collect_batches(context: dg.OpExecutionContext, pipeline: Pipeline) -> None:
    """Collect, and report the progress as an observation of `scored_listings`."""
    engine, day = pipeline.engine(), context.partition_key
    try:
        collected = engine.collect(day)
    except LeaseHeldError as e:
        raise dg.RetryRequested(max_retries=5, seconds_to_wait=10) from e
    for lag in collected.waiting_for_files:
        context.log.warning(lag)
    items = engine.store.group_count("work_items", "status", {"partition": day})
    context.log_event(
        dg.AssetObservation(
            asset_key="scored_listings",
            partition=day,
            metadata={
                "batches_collected": len(collected.batches),
                "outcomes": dg.MetadataValue.json(collected.outcomes),
                "items": dg.MetadataValue.json(items),
                "unreadable_lines": collected.unreadable_lines,
                "foreign_rows": collected.foreign_rows,
            },
        )
    )


def collect_job(partitions: dg.DailyPartitionsDefinition, resources: Mapping[str, Any]) -> dg.JobDefinition:
    """Return the job that collects one day.

    Its resources are bound here: a job that `Definitions` has to bind makes it copy the sensor as well, and warn of a
    beta parameter that nobody set.
    """

    @dg.job(
        name=COLLECT_JOB,
        partitions_def=partitions,
        resource_defs=dict(resources),
        executor_def=dg.in_process_executor,
        description="Collects the day's terminal batches. Requested by the sensor; harmless to repeat.",
    )
    def collect() -> None:
        collect_batches()

    return collect
