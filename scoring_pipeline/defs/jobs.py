"""Jobs and the schedule: which assets run together, and when.

What belongs here: selections. What does not: assets.
"""

import dagster as dg

from scoring_pipeline.defs.partitions import AssetJob, AssetSchedule

DAILY_JOB = "daily_job"
SUBMIT_JOB = "submit_job"
FINALIZE_JOB = "finalize_job"


def asset_jobs() -> list[AssetJob]:
    """Return the job of the day, which ends at `batch_jobs`, and the two that the sensor requests."""
    day = dg.AssetSelection.assets("batch_jobs").upstream()
    return [
        dg.define_asset_job(
            DAILY_JOB,
            selection=day,
            executor_def=dg.in_process_executor,
            description="One day, boards to submitted batches: schedule and backfill this; the sensor does the rest.",
        ),
        dg.define_asset_job(
            SUBMIT_JOB,
            selection=dg.AssetSelection.assets("batch_jobs"),
            executor_def=dg.in_process_executor,
            description="Submits what is pending for an open day: a next round, or what a crash left.",
        ),
        dg.define_asset_job(
            FINALIZE_JOB,
            selection=dg.AssetSelection.assets("scored_listings", "daily_report"),
            executor_def=dg.in_process_executor,
            description="Publishes a day whose last item has ended, and its report. Requested by the sensor.",
        ),
    ]


def daily_schedule(
    job: AssetJob,
) -> AssetSchedule:
    """Return the schedule of the daily job: boards are read on the day itself, in the morning (UTC)."""
    return dg.build_schedule_from_partitioned_job(
        job,
        name="daily_schedule",
        hour_of_day=6,
        description="Starts the day's job at 06:00 UTC.",
        default_status=dg.DefaultScheduleStatus.STOPPED,
    )
