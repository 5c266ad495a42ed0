"""The daily partitions, and what every asset has in common.

What belongs here: what more than one stage needs to define its assets. What does not: any asset.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final, TypeAlias

import dagster as dg

# What `dg.define_asset_job` and the schedule built on it return; Dagster does not export their types.
AssetJob: TypeAlias = Any
AssetSchedule: TypeAlias = Any

PARTITION_MEANING = "The partition is the UTC day on which the boards were read."


class Owner:
    """Who is asked about an asset; the only place where teams are named. Plain text: Dagster cannot send an enum."""

    INGESTION: Final = "team:ingestion"
    SCORING: Final = "team:scoring"


def daily_partitions(start: date) -> dg.DailyPartitionsDefinition:
    """Return the daily UTC partitions, today's included: boards are read on the day itself."""
    return dg.DailyPartitionsDefinition(start_date=start.isoformat(), timezone="UTC", end_offset=1)


def table(rows: Iterable[Mapping[str, Any]], *, most: int = 20) -> dg.MetadataValue[Any]:
    """Return rows as a table for people; lists are joined, and at most `most` rows are kept."""
    kept = [{name: _cell(value) for name, value in row.items()} for row, _ in zip(rows, range(most), strict=False)]
    if not kept:
        return dg.MetadataValue.text("none")
    columns = [dg.TableColumn(name, _column_type(kept, name)) for name in kept[0]]
    return dg.MetadataValue.table([dg.TableRecord(row) for row in kept], schema=dg.TableSchema(columns))


def _cell(value: Any) -> str | int | float | bool | None:
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, (list, tuple)):
        return "; ".join(str(part) for part in value)
    return str(value)


def _column_type(rows: list[dict[str, Any]], name: str) -> str:
    kinds = {type(row[name]) for row in rows if row[name] is not None}
    return {frozenset({int}): "int", frozenset({float}): "float", frozenset({bool}): "bool"}.get(
        frozenset(kinds), "string"
    )
