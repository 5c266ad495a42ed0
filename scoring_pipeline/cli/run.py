"""`run`: drives days to their end state through Dagster, polling with the sensor's own decision.

What belongs here: asking before money is spent, progress, what is printed at the end. What does not: driving
(`defs/launch.py`) and figures (`reporting/`).
"""

import sys
import time
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.status import Status

from scoring_pipeline.batches.days import close_day
from scoring_pipeline.batches.gate import check_gate
from scoring_pipeline.cli.console import money, print_day, print_estimate, step_text
from scoring_pipeline.cli.context import (
    INTERRUPTED,
    JsonOption,
    RefusedError,
    RunError,
    SandboxOption,
    UsageError,
    check_in_range,
    console_for,
    day_of,
    days_between,
    print_json,
    settings_for,
)
from scoring_pipeline.reporting.day import LISTING_COUNTS, WORK_STATUSES, DayFigures, day_figures
from scoring_pipeline.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run(
    partition: Annotated[str, typer.Option("--partition", help="The day, YYYY-MM-DD; default today (UTC).")] = "",
    first: Annotated[str, typer.Option("--from", help="First day of a range.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last day of a range.")] = "",
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Leave the batches to the sensor once submitted.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before spending at a real endpoint.")] = False,
    sandbox: Annotated[bool, SandboxOption] = False,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Drive one or more days from job boards to stored scores."""
    started = time.monotonic()
    console = console_for(as_json=as_json)
    with settings_for(sandbox=sandbox) as settings:
        days = _days(settings, partition, first, last)
        paid_before, figures = _drive(settings, days, console, wait=not no_wait, yes=yes)
        seconds = time.monotonic() - started
        if as_json:
            print_json(_summary(figures, seconds))
        else:
            _print(console, settings, figures, paid_before, seconds)


def _days(settings: Settings, partition: str, first: str, last: str) -> list[str]:
    if partition and (first or last):
        raise UsageError("give either --partition or --from and --to")
    if bool(first) != bool(last):
        raise UsageError("--from and --to go together")
    if first:
        days = days_between(day_of(first, "--from"), day_of(last, "--to"))
    else:
        days = [day_of(partition, "--partition") if partition else settings.clock.today()]
    check_in_range(days, settings)
    return days


def _drive(
    settings: Settings, days: list[str], console: Console, *, wait: bool, yes: bool
) -> tuple[dict[str, DayFigures], list[DayFigures]]:
    """Run the days; return their figures before and after."""
    from scoring_pipeline.defs.launch import Driver, RunFailedError, embedded_instance  # noqa: PLC0415 - slow import
    from scoring_pipeline.resources import Pipeline  # noqa: PLC0415 - the same

    with embedded_instance(settings) as instance, console.status("starting") as status:
        driver = Driver(instance, Pipeline.using(settings), _listener(console, status))
        store = driver.engine.store
        before = {day: day_figures(store, day) for day in days}
        try:
            for day in days:
                _say(console, f"[bold]{day}[/]: reading boards")
                status.update(f"{day}: boards to batches")
                if driver.engine.sandbox or yes:
                    driver.start_day(day)
                else:
                    driver.prepare_day(day)
                    status.stop()
                    _confirm(driver, day, console)
                    status.start()
            driver.finish_days(days, wait=wait)
        except KeyboardInterrupt:
            status.stop()
            console.print(
                "\ninterrupted: submitted batches go on at the provider; the sensor of `make dev` collects them, or "
                "the same command again does"
            )
            raise typer.Exit(INTERRUPTED) from None
        except RunFailedError as e:
            raise RunError(str(e)) from e
        return before, [day_figures(store, day) for day in days]


def _confirm(driver: Any, day: str, console: Console) -> None:
    state = driver.engine.store.get("partitions", day)
    report = check_gate(driver.engine, day, state["revision"])
    # Until somebody agrees the day stays closed, or a sensor on the same store would buy it meanwhile.
    close_day(driver.engine.store, day, state["revision"])
    print_estimate(console, report)
    if report.estimates and not (sys.stdin.isatty() and typer.confirm(f"Buy this for {day}?", err=True)):
        raise RefusedError(f"{day}: nothing was bought; say --yes to buy without being asked")
    if problems := check_gate(driver.engine, day, state["revision"]).problems:
        raise RunError(f"{day}: may not be bought: {'; '.join(problems)}")


def _say(console: Console, text: str) -> None:
    console.print(text)


def _listener(console: Console, status: Status) -> Callable[[Any], None]:
    def listen(progress: Any) -> None:
        if progress.what == "waiting":
            live = progress.facts.live_batches
            status.update(
                f"{progress.partition}: {live} batches at the provider" if live else f"{progress.partition}: waiting"
            )
        elif progress.facts is not None:
            _say(console, f"[bold]{progress.partition}[/]: {step_text(progress.what)}")
            status.update(f"{progress.partition}: {step_text(progress.what)}")
        else:
            console.print(f"  [dim]{escape(progress.what)}[/]")

    return listen


def _summary(figures: list[DayFigures], seconds: float) -> dict[str, Any]:
    summaries = [day.summary(seconds=seconds) for day in figures]
    if len(summaries) == 1:
        return summaries[0]
    models = sorted({model for day in summaries for model in day["spend"]["by_model"]})
    return {
        "partition": f"{summaries[0]['partition']}..{summaries[-1]['partition']}",
        "listings": {name: sum(day["listings"][name] for day in summaries) for name in LISTING_COUNTS},
        "work": {name: sum(day["work"][name] for day in summaries) for name in ("total", *WORK_STATUSES)},
        "batches": sum(day["batches"] for day in summaries),
        "spend": {
            "usd": sum(day["spend"]["usd"] for day in summaries),
            "by_model": {m: sum(day["spend"]["by_model"].get(m, 0.0) for day in summaries) for m in models},
            "sandbox": any(day["spend"]["sandbox"] for day in summaries),
        },
        "seconds": round(seconds, 3),
        "days": summaries,
    }


def _print(
    console: Console, settings: Settings, figures: list[DayFigures], before: dict[str, DayFigures], seconds: float
) -> None:
    for day in figures:
        print_day(console, day)
    paid = sum((day.spend.usd - before[day.partition].spend.usd for day in figures), start=figures[0].spend.usd * 0)
    console.print()
    if paid == 0 and all(day.work["total"] and not day.work["waiting"] for day in figures):
        console.print("[green]Nothing was paid for this time:[/] every score was there already.")
    else:
        console.print(f"This run took {seconds:.1f} s and paid {money(paid)}.")
    console.print(_next_step(settings, figures))


def _next_step(settings: Settings, figures: list[DayFigures]) -> str:
    day = figures[-1]
    flag = " --sandbox" if settings.sandbox else ""
    if day.work["waiting"]:
        return "[bold]Next:[/] the sensor collects what is at the provider: `make dev`, or run the same command again."
    if day.work["deferred"]:
        return f"[bold]Next:[/] raise the budget, then `scoring-pipeline run --partition {day.partition}{flag}`."
    if settings.sandbox:
        return "[bold]Next:[/] `make dev` opens this day in the Dagster UI; README.md says how to use your own account."
    return f"[bold]Next:[/] `scoring-pipeline scores export --partition {day.partition} --format csv`."
