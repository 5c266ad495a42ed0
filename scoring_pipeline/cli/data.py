"""Commands on what is stored and configured: `report`, `scores`, `rescore`, `raw`, `store`, `config`.

What belongs here: reading options, printing results. What does not: the work itself.
"""

import csv
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.markup import escape

from scoring_pipeline.ats.importing import import_folder
from scoring_pipeline.batches.engine import require_budget
from scoring_pipeline.batches.render import transcript_of
from scoring_pipeline.cli.console import print_day
from scoring_pipeline.cli.context import (
    JsonOption,
    SandboxOption,
    UsageError,
    check_in_range,
    console_for,
    day_of,
    print_json,
    settings_for,
    store_for,
)
from scoring_pipeline.cli.reference import settings_table
from scoring_pipeline.llm.prices import UnknownPriceError
from scoring_pipeline.matching.profiles import load_profiles
from scoring_pipeline.matching.rescore import RescoreTarget, open_generation
from scoring_pipeline.reporting.day import day_figures
from scoring_pipeline.reporting.serving import export_row, scored_items
from scoring_pipeline.routing.tiers import load_tiers
from scoring_pipeline.settings import DEFAULT_CONFIG, PROVIDERS, ConfigError, Settings, load_settings, read_yaml
from scoring_pipeline.spend.estimate import reserve_for
from scoring_pipeline.storage.redaction import redacted

PartitionOption = typer.Option("--partition", help="The day, YYYY-MM-DD.")


class ExportFormat(StrEnum):
    """How scores are exported."""

    JSONL = "jsonl"
    CSV = "csv"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("report")(report)
    app.command("rescore")(rescore)
    groups: dict[str, tuple[str, dict[str, Any]]] = {
        "scores": ("Scores of a day.", {"export": export}),
        "attempts": ("Attempts: what was bought.", {"show": show_attempt}),
        "raw": ("Raw documents.", {"import": import_raw}),
        "store": ("The document store.", {"migrate": migrate}),
        "config": ("The configuration.", {"check": check, "reference": reference}),
    }
    for name, (help_text, commands) in groups.items():
        group = typer.Typer(help=help_text, no_args_is_help=True)
        for command, function in commands.items():
            group.command(command)(function)
        app.add_typer(group, name=name)


def report(
    partition: Annotated[str, PartitionOption] = "",
    sandbox: Annotated[bool, SandboxOption] = False,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Show the figures of a day, as they stand."""
    with settings_for(sandbox=sandbox) as settings, store_for(settings) as store:
        day = day_of(partition, "--partition") if partition else settings.clock.today()
        figures = day_figures(store, day)
        if as_json:
            print_json(figures.model_dump(mode="json"))
        else:
            print_day(console_for(as_json=False), figures)


def export(
    partition: Annotated[str, PartitionOption],
    export_format: Annotated[ExportFormat, typer.Option("--format", help="jsonl or csv.")] = ExportFormat.JSONL,
    output: Annotated[Path | None, typer.Option("--output", help="A file; default standard output.")] = None,
    sandbox: Annotated[bool, SandboxOption] = False,
) -> None:
    """Export a day's scores, one row a (listing, profile), in order of listing and profile."""
    with settings_for(sandbox=sandbox) as settings, store_for(settings) as store:
        day = day_of(partition, "--partition")
        rows = (export_row(scored) for scored in scored_items(store, day))
        if output is None:
            _write_rows(rows, export_format, sys.stdout)
            return
        draft = output.with_name(f".{output.name}.part")
        with draft.open("w", encoding="utf-8", newline="") as file:
            count = _write_rows(rows, export_format, file)
        draft.replace(output)
        console_for(as_json=True).print(f"{count:,} scores of {day} in {escape(str(output))}")


def _write_rows(rows: Any, export_format: ExportFormat, file: Any) -> int:
    count, writer = 0, None
    for row in rows:
        count += 1
        if export_format is ExportFormat.JSONL:
            file.write(orjson.dumps(row).decode() + "\n")
            continue
        if writer is None:
            writer = csv.DictWriter(file, fieldnames=list(row), lineterminator="\n")
            writer.writeheader()
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return count


def _cell(value: Any) -> Any:
    text = " | ".join(value) if isinstance(value, list) else value
    # A spreadsheet would run a cell that begins like a formula; listing text is untrusted.
    return f"'{text}" if isinstance(text, str) and text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def show_attempt(
    attempt_id: Annotated[str, typer.Argument(help="An attempt id, as exports and logs name it.")],
    sandbox: Annotated[bool, SandboxOption] = False,
) -> None:
    """Show one attempt as a JSON object: what was sent, exactly, what came back, tokens, cost and outcome."""
    with settings_for(sandbox=sandbox) as settings, store_for(settings) as store:
        attempt = store.get("attempts", attempt_id)
        if attempt is None:
            raise UsageError(f"no attempt {attempt_id!r} is stored")
        lines = {name: orjson.loads(line) if line else None for name, line in transcript_of(store, attempt).items()}
        print_json({**attempt, "sent": lines["in"], "received": lines["out"]})


def rescore(
    partition: Annotated[str, PartitionOption] = "",
    listing: Annotated[str, typer.Option("--listing", help="A listing id, provider/board/posting.")] = "",
    profile: Annotated[str, typer.Option("--profile", help="A profile id.")] = "",
    sandbox: Annotated[bool, SandboxOption] = False,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Ask for new scores: the cache no longer answers for what is named, from the next run on."""
    given = {"partition": partition, "listing": listing, "profile": profile}
    named = {name: value for name, value in given.items() if value}
    if len(named) != 1:
        raise UsageError("rescore: give exactly one of --partition, --listing, --profile")
    kind, value = next(iter(named.items()))
    with settings_for(sandbox=sandbox) as settings, store_for(settings) as store:
        if kind == "partition":
            value = day_of(value, "--partition")
        views = open_generation(store, RescoreTarget(kind, value), now=settings.clock.now())
        if not views:
            raise UsageError(f"--{kind}: nothing is stored under {value!r}")
        if as_json:
            print_json({kind: value, "views": views})
        else:
            console_for(as_json=False).print(
                f"{views:,} texts open a new generation. The next run of a day that holds them buys new scores: "
                "`scoring-pipeline run --partition DAY` shows the estimate first."
            )


def import_raw(
    folder: Annotated[Path, typer.Argument(help="<folder>/<provider>/<board>.json: stored responses.")],
    day: Annotated[str, typer.Option("--day", help="The day they were read on, YYYY-MM-DD.")],
    sandbox: Annotated[bool, SandboxOption] = False,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """File stored board responses as a day's raw documents, so that the day can be materialized."""
    with settings_for(sandbox=sandbox) as settings, store_for(settings) as store:
        key = day_of(day, "--day")
        check_in_range([key], settings)
        boards = import_folder(settings, store, key, folder, now=settings.clock.now)
        rows = sum(board.rows for board in boards)
        if as_json:
            print_json({"day": key, "boards": len(boards), "rows": rows})
        else:
            console_for(as_json=False).print(f"{key}: {rows:,} rows of {len(boards):,} boards")


def migrate(sandbox: Annotated[bool, SandboxOption] = False, as_json: Annotated[bool, JsonOption] = False) -> None:
    """Create what the store lacks: tables, collections, indexes. Harmless to repeat."""
    with settings_for(sandbox=sandbox) as settings, store_for(settings) as store:
        # The store was migrated when it was opened; asking again reports that nothing is left to do.
        created = store.migrate()
        if as_json:
            print_json({"store": redacted(settings.store), "created": created})
        else:
            console_for(as_json=False).print(f"{escape(redacted(settings.store))}: up to date")


def check(
    config: Annotated[
        Path | None, typer.Argument(help="The file; default SCORING_CONFIG or config/pipeline.yaml.")
    ] = None,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Explain every mistake in the configuration at once."""
    try:
        settings = load_settings(config, sandbox=False)
    except ConfigError as e:
        problems = e.problems + _profile_problems(config)
    else:
        problems = _problems(settings)
    if as_json:
        print_json({"ok": not problems, "problems": problems})
        raise typer.Exit(2 if problems else 0)
    if problems:
        raise ConfigError(problems)
    console_for(as_json=False).print("[green]ok[/]: boards, profiles, tiers, prices and budget can be used")


def reference() -> None:
    """Print every setting with its default and meaning, as Markdown."""
    typer.echo(settings_table())


def _profile_problems(config: Path | None) -> list[str]:
    """Return what is wrong with the profiles that a configuration names which is itself wrong."""
    path = config or Path(os.environ.get("SCORING_CONFIG", DEFAULT_CONFIG))
    try:
        named = Path(str(read_yaml(path).get("profiles", "profiles.yaml")))
    except ConfigError:
        return []
    beside = path.resolve().parent / named
    try:
        load_profiles(beside if beside.is_file() else DEFAULT_CONFIG.parent / named)
    except ConfigError as e:
        return e.problems
    return []


def _problems(settings: Settings) -> list[str]:
    problems: list[str] = []
    for read in (
        lambda: load_profiles(settings.profiles),
        lambda: _check_prices(settings),
        lambda: require_budget(settings),
    ):
        try:
            read()
        except ConfigError as e:
            problems += e.problems
    if not any(settings.ats.provider(name).boards for name in PROVIDERS):
        problems.append("ats: no board is configured: name at least one under ats.<provider>.boards")
    return problems


def _check_prices(settings: Settings) -> None:
    problems = []
    for tier in load_tiers(settings).tiers:
        for model in tier.models:
            try:
                reserve_for(model, 1, 1, 1, now=settings.clock.now())
            except UnknownPriceError as e:
                problems.append(f"{settings.tiers}: tier {tier.name!r}: {e}")
    if problems:
        raise ConfigError(problems)
