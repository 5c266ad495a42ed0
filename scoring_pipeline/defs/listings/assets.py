"""Normalized listings and candidate profiles.

What belongs here: names, descriptions and metadata. What does not: normalizing (`listings/`), profiles (`matching/`).
"""

import dagster as dg

from scoring_pipeline.ats.raw import has_day, stored_rows
from scoring_pipeline.defs.ingestion.assets import raw_listings_key
from scoring_pipeline.defs.partitions import PARTITION_MEANING, Owner, table
from scoring_pipeline.listings.day import DayListings, normalize_day
from scoring_pipeline.matching.profiles import load_profiles, record_profiles
from scoring_pipeline.reporting.day import record_listing_counts
from scoring_pipeline.resources import Pipeline
from scoring_pipeline.settings import PROVIDERS
from scoring_pipeline.storage.port import DocumentStore

GROUP = "listings"
MOST_QUARANTINED = 0.05


def listing_assets(partitions: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """Return `normalized_listings` and `candidate_profiles`."""
    return [_normalized_listings(partitions), candidate_profiles]


def _normalized_listings(partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    check = dg.AssetCheckSpec(
        "quarantine_is_rare",
        asset="normalized_listings",
        blocking=True,
        description=(
            f"At most {MOST_QUARANTINED:.0%} of the rows did not fit. More means that a provider changed its format: "
            "money would be spent on a fraction of the day."
        ),
    )

    @dg.asset(
        name="normalized_listings",
        partitions_def=partitions,
        deps=[raw_listings_key(provider) for provider in PROVIDERS],
        group_name=GROUP,
        kinds={"python"},
        owners=[Owner.INGESTION],
        code_version="1",
        check_specs=[check],
        description=(
            "Listings in one schema, one document a listing, each a version shared by the days it did not change. "
            f"{PARTITION_MEANING} Postings that do not fit are quarantined with their reason, never dropped."
        ),
    )
    def normalized_listings(context: dg.AssetExecutionContext, pipeline: Pipeline) -> dg.MaterializeResult:
        store, day = pipeline.store(), context.partition_key
        rows = {name: stored_rows(store, day, name) for name in PROVIDERS if has_day(store, day, name)}
        if not rows:
            raise dg.Failure(f"nothing is stored for {day}: materialize raw_listings of it first", allow_retries=False)
        if not store.exists("raw_snapshots", {"day": day, "complete": True}):
            raise dg.Failure(
                f"no board could be read on {day}: the check every_board_was_read of each raw_listings asset says why",
                allow_retries=False,
            )
        counted = normalize_day(store, pipeline.settings(), day, rows)
        record_listing_counts(store, day, counted.counts())
        return dg.MaterializeResult(metadata=_metadata(counted), check_results=[_quarantine_check(counted)])

    return normalized_listings


def is_normalized(store: DocumentStore, day: str) -> bool:
    """Whether `normalized_listings` was ever made for a day, be it without a single listing."""
    return "listings" in (store.get("daily_reports", day) or {})


def _metadata(counted: DayListings) -> dict[str, dg.MetadataValue | int | float]:
    return {
        "dagster/row_count": counted.normalized,
        **counted.counts(),
        "quarantine_rate": counted.quarantined / counted.rows if counted.rows else 0.0,
        "excluded_by_rule": dg.MetadataValue.json(counted.excluded_by_rule),
        "by_provider": dg.MetadataValue.json(counted.by_provider),
        "sample": table(counted.sample),
    }


def _quarantine_check(counted: DayListings) -> dg.AssetCheckResult:
    rate = counted.quarantined / counted.rows if counted.rows else 0.0
    return dg.AssetCheckResult(
        check_name="quarantine_is_rare",
        passed=rate <= MOST_QUARANTINED,
        metadata={
            "quarantined": counted.quarantined,
            "quarantine_rate": rate,
            "examples": table(counted.quarantine_sample),
        },
    )


@dg.asset(
    group_name=GROUP,
    kinds={"python", "yaml"},
    owners=[Owner.SCORING],
    code_version="1",
    description=(
        "Candidate profiles, one document a profile, as configured in profiles.yaml. Not partitioned: every day is "
        "scored against the profiles as they are when its work set is made."
    ),
)
def candidate_profiles(pipeline: Pipeline) -> dg.MaterializeResult:
    """Load the profiles file and record each profile with the view a prompt will hold."""
    settings = pipeline.settings()
    profiles = load_profiles(settings.profiles)
    views = record_profiles(pipeline.store(), profiles, now=settings.clock.now())
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(profiles),
            "file": str(settings.profiles),
            "profiles": table(
                {
                    "id": profile.id,
                    "headline": profile.headline,
                    "seniority": profile.seniority,
                    "skills": len(profile.skills),
                    "version": views[profile.id].digest,
                }
                for profile in profiles
            ),
        }
    )
