"""Raw listings: one asset per applicant tracking system, from one factory.

What belongs here: names, descriptions and metadata. What does not: reading boards (`ats/`).
"""

import dagster as dg
import structlog

from scoring_pipeline.ats.day import RawDay, raw_day
from scoring_pipeline.ats.health import gone_boards
from scoring_pipeline.ats.raw import NothingStored
from scoring_pipeline.defs.partitions import PARTITION_MEANING, Owner, table
from scoring_pipeline.resources import Pipeline
from scoring_pipeline.settings import PROVIDERS, ProviderName

GROUP = "ingestion"
NAMED_BOARDS = 10


def raw_listings_assets(partitions: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """Return `raw_listings/<provider>` for each of the five providers."""
    return [_raw_listings(provider, partitions) for provider in PROVIDERS]


def raw_listings_key(provider: ProviderName) -> dg.AssetKey:
    """Return the key of one provider's asset."""
    return dg.AssetKey(["raw_listings", provider])


def _raw_listings(provider: ProviderName, partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    check = dg.AssetCheckSpec(
        "every_board_was_read",
        asset=raw_listings_key(provider),
        description="A board that could not be read closes no listings and stops nothing, but somebody should look.",
    )

    @dg.asset(
        key=raw_listings_key(provider),
        partitions_def=partitions,
        group_name=GROUP,
        kinds={"python", "http"},
        owners=[Owner.INGESTION],
        code_version="1",
        tags={"provider": provider},
        check_specs=[check],
        description=(
            f"Job postings as {provider.title()} boards returned them, one document a posting, minus personal data. "
            f"{PARTITION_MEANING} Boards are read while the day is current; any other day replays what was stored."
        ),
    )
    def raw_listings(context: dg.AssetExecutionContext, pipeline: Pipeline) -> dg.MaterializeResult:
        log = structlog.wrap_logger(context.log, processors=[structlog.processors.LogfmtRenderer(key_order=["event"])])
        try:
            settings, store = pipeline.settings(), pipeline.store()
            raw = raw_day(settings, store, context.partition_key, provider, log=log)
        except NothingStored as e:
            raise dg.Failure(str(e), allow_retries=False) from e
        gone = gone_boards(store, settings.ats, raw.failed)
        check_result = _check(raw, gone, settings.ats.gone_after_days)
        return dg.MaterializeResult(metadata=_metadata(raw, gone), check_results=[check_result])

    return raw_listings


def _metadata(raw: RawDay, gone: list[str]) -> dict[str, dg.MetadataValue | int | float | str | bool]:
    return {
        "dagster/row_count": raw.rows,
        "boards": len(raw.snapshots),
        "boards_failed": len(raw.failed),
        "boards_gone": len(gone),
        "read_live": raw.live,
        "new_payloads": raw.new_payloads,
        "bytes": raw.bytes,
        "seconds": round(raw.seconds, 3),
        "boards_read": table(
            {"board": s.board, "status": s.status, "rows": s.rows, "error": s.error} for s in raw.snapshots
        ),
    }


def _check(raw: RawDay, gone: list[str], gone_after_days: int) -> dg.AssetCheckResult:
    what_to_do = f"remove it from ats.{raw.provider}.boards, or correct its name there"
    return dg.AssetCheckResult(
        check_name="every_board_was_read",
        passed=not raw.failed,
        severity=dg.AssetCheckSeverity.WARN,
        description=(
            f"Gone, with 404 on {gone_after_days} ingestion days in a row or more: {', '.join(gone[:NAMED_BOARDS])}"
            f"{f' and {len(gone) - NAMED_BOARDS:,} more' if len(gone) > NAMED_BOARDS else ''}. For each: {what_to_do}."
            if gone
            else None
        ),
        metadata={
            "boards": len(raw.snapshots),
            "boards_failed": len(raw.failed),
            "boards_gone": len(gone),
            "failed": table({"board": s.board, "error": s.error} for s in raw.failed),
            "gone": table({"board": board, "what_to_do": what_to_do} for board in gone),
        },
    )
