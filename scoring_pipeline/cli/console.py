"""How the command line shows things: tables of a day, progress lines, errors.

What belongs here: turning figures into text for a person. What does not: computing them (`reporting/`), commands
(`cli.py`).
"""

from collections.abc import Sequence
from decimal import Decimal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scoring_pipeline.batches.gate import GateReport
from scoring_pipeline.llm.prices import NANO, usd_text
from scoring_pipeline.reporting.day import DayFigures

_STEP_NAMES = {
    "collect": "collecting finished batches",
    "submit": "submitting what is pending",
    "finalize": "publishing scores and the report",
}


def money(amount: Decimal) -> str:
    """Return USD as people read it."""
    return usd_text(int(amount * NANO))


def print_day(console: Console, figures: DayFigures) -> None:
    """Print the tables of one day."""
    listings, work = figures.listings, figures.work
    console.print()
    console.rule(f"[bold]{figures.partition}[/] ({figures.status})", align="left")
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim")
    table.add_column()
    table.add_row("rows fetched", _sum(listings["rows"], listings, ("normalized", "merged", "excluded", "quarantined")))
    new = work["total"] - work["reused"] - work["rule_scored"]
    table.add_row("work items", f"{work['total']:,}  ({new:,} new, {work['reused']:,} reused)")
    table.add_row("outcomes", _sum(None, work, ("scored", "reused", "rule_scored", "dead", "deferred", "waiting")))
    statuses = ", ".join(f"{count} {status}" for status, count in sorted(figures.batches_by_status.items()))
    table.add_row("batches", f"{figures.batches}  ({statuses})" if statuses else "0")
    if listings["closed"]:
        table.add_row("closed", f"{listings['closed']:,} listings")
    console.print(table)
    _print_spend(console, figures)
    _print_best(console, figures)


def _sum(total: int | None, counts: dict[str, int], names: Sequence[str]) -> str:
    parts = ", ".join(f"{counts[name]:,} {name}" for name in names if counts[name])
    return parts if total is None else f"{total:,}  ({parts})"


def _print_spend(console: Console, figures: DayFigures) -> None:
    spend = figures.spend
    note = (
        " [yellow](sandbox: nothing was charged; this is what the provider would have asked)[/]"
        if spend.sandbox
        else ""
    )
    console.print(f"\n[bold]Spend[/] {money(spend.usd)}{note}")
    if not spend.by_model:
        return
    table = Table(box=None, pad_edge=False)
    for name in ("model", "requests", "prompt tokens", "completion tokens", "USD"):
        table.add_column(name, justify="left" if name == "model" else "right", header_style="dim")
    for model, amount in spend.by_model.items():
        tokens = spend.tokens_by_model[model]
        table.add_row(
            model,
            f"{spend.requests_by_model[model]:,}",
            f"{tokens['prompt_tokens']:,}",
            f"{tokens['completion_tokens']:,}",
            money(amount),
        )
    console.print(table)


def _print_best(console: Console, figures: DayFigures) -> None:
    for profile, rows in figures.best.items():
        console.print(f"\n[bold]Best matches for[/] {escape(profile)}")
        if not rows:
            console.print("  none scored", style="dim")
        for row in rows:
            place = escape("; ".join(row["places"][:2]) or "place unknown")
            title, company = escape(row["title"]), escape(row["company"])
            console.print(
                f"  [green]{row['overall_score']:>3}[/]  {title} · {company} · {place}",
                highlight=False,
                overflow="ellipsis",
                no_wrap=True,
            )
            console.print(f"       {escape(row['reasons'][0])}", style="dim", highlight=False)


def print_estimate(console: Console, report: GateReport) -> None:
    """Print what a day's pending requests are expected to cost."""
    table = Table(title="Estimate before anything is bought", title_justify="left", box=None, pad_edge=False)
    for name in ("tier", "model", "requests", "prompt tokens", "expected", "at most"):
        table.add_column(name, justify="left" if name in {"tier", "model"} else "right", header_style="dim")
    for row in report.estimates:
        table.add_row(
            row.tier,
            row.model,
            f"{row.requests:,}",
            f"{row.prompt_tokens:,}",
            usd_text(row.expected),
            usd_text(row.at_most),
        )
    console.print(table)
    console.print(f"expected {usd_text(report.expected)}, at most {usd_text(report.at_most)}")
    for warning in report.warnings:
        console.print(f"[yellow]note:[/] {escape(warning)}")


def step_text(what: str) -> str:
    """Return a step of the loop in words."""
    return _STEP_NAMES.get(what, what)
