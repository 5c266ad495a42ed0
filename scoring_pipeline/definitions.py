"""The front door: everything Dagster loads.

What belongs here: assembling the definitions. What does not: any definition. Settings are read when Dagster asks for
the definitions, not when this module is imported.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from scoring_pipeline.defs.ingestion.assets import raw_listings_assets
from scoring_pipeline.defs.jobs import asset_jobs, daily_schedule
from scoring_pipeline.defs.listings.assets import listing_assets
from scoring_pipeline.defs.partitions import daily_partitions
from scoring_pipeline.defs.reporting.assets import reporting_assets
from scoring_pipeline.defs.scoring.assets import scoring_assets
from scoring_pipeline.defs.scoring.jobs import collect_job
from scoring_pipeline.defs.scoring.sensors import batch_sensor
from scoring_pipeline.resources import Pipeline
from scoring_pipeline.settings import Partitions, load_settings


def build_defs(
    *, partitions: Partitions | None = None, resource_overrides: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """Return the definitions.

    Args:
        partitions: start of the daily partitions and pace of the sensor; default: as configured.
        resource_overrides: resources by name, in place of the configured ones, e.g. for tests.
    """
    configured = partitions or load_settings().partitions
    days = daily_partitions(configured.start)
    jobs = asset_jobs()
    resources = {"pipeline": Pipeline(), **(resource_overrides or {})}
    collecting = collect_job(days, resources)
    return dg.Definitions(
        assets=[*raw_listings_assets(days), *listing_assets(days), *scoring_assets(days), *reporting_assets(days)],
        jobs=[*jobs, collecting],
        schedules=[daily_schedule(jobs[0])],
        sensors=[batch_sensor([*jobs[1:], collecting], configured.sensor_seconds)],
        resources=resources,
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions as configured."""
    return build_defs()
