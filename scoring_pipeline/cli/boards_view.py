"""How the `boards` commands show things: one table for people, one object for machines.

What belongs here: turning the state of boards into text and JSON. What does not: finding it out (`ats/health.py`,
`ats/probing.py`), commands (`boards.py`).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scoring_pipeline.ats.health import BoardHealth, State
from scoring_pipeline.ats.probing import Probe

_COLOURS: dict[State, str] = {"gone": "red", "failing": "yellow", "unread": "dim", "ok": "green"}
_WORDS: dict[State, str] = {"gone": "gone", "failing": "failing", "unread": "never read", "ok": "ok"}
_COLUMNS = ("board", "state", "last complete", "rows", "days since")
_LONGEST_ERROR = 300


@dataclass(frozen=True)
class Checked:
    """One board's health by the store, and what reading it just now came to, if it was read."""

    health: BoardHealth
    probe: Probe | None

    @property
    def state(self) -> State:
        """The state in the light of both: a reading just now is the newest evidence."""
        if self.probe is None:
            return self.health.state
        if self.probe.error is None:
            return "ok"
        return "gone" if self.probe.gone and self.health.state == "gone" else "failing"


def check_json(checked: Sequence[Checked], today: str) -> dict[str, Any]:
    """Return everything about every board, in the order of the configuration."""
    counts = Counter(item.state for item in checked)
    return {
        "day": today,
        "boards": [
            {**asdict(item.health), "state": item.state, "gone": item.state == "gone", "live": _live(item.probe)}
            for item in checked
        ],
        "counts": {state: counts[state] for state in _WORDS},
    }


def _live(probe: Probe | None) -> dict[str, Any] | None:
    if probe is None:
        return None
    error = probe.error
    return {
        "rows": probe.rows,
        "company": probe.company,
        "error": str(error) if error else None,
        "error_class": type(error).__name__ if error else None,
    }


def print_check(console: Console, checked: Sequence[Checked], *, gone_after_days: int) -> None:
    """Print a table, what needs attention first, and a line that sums it up."""
    table = Table(box=None, pad_edge=False)
    live = any(item.probe for item in checked)
    for name in (*_COLUMNS, *(("rows now",) if live else ())):
        right = name in {"rows", "days since", "rows now"}
        table.add_column(name, justify="right" if right else "left", header_style="dim", overflow="fold")
    order = list(_COLOURS)
    ranked = sorted(checked, key=lambda item: order.index(item.state))
    for item in ranked:
        table.add_row(*_cells(item), *((_number(item.probe.rows),) if item.probe else ()))
    console.print(table)
    for item in ranked:
        for note in _notes(item, gone_after_days):
            console.print(f"{escape(_name(item.health))}: {escape(note)}", soft_wrap=True)
    counts = Counter(item.state for item in checked)
    console.print(
        f"\n{len(checked):,} boards: "
        + ", ".join(f"[{_COLOURS[state]}]{counts[state]:,} {_WORDS[state]}[/]" for state in order if counts[state])
    )


def _cells(item: Checked) -> tuple[str, ...]:
    health, state = item.health, item.state
    return (
        escape(_name(health)),
        f"[{_COLOURS[state]}]{_WORDS[state]}[/]",
        health.last_success_day or "never",
        _number(health.rows),
        _number(health.days_since_success),
    )


def _name(health: BoardHealth) -> str:
    return f"{health.provider}/{health.board}"


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _notes(item: Checked, gone_after_days: int) -> list[str]:
    """Return what a person should know about a board, and do."""
    health, notes = item.health, []
    if item.state == "gone":
        notes.append(
            f"answered 404 on {gone_after_days} ingestion days in a row or more: remove it from "
            f"ats.{health.provider}.boards, or correct its name there"
        )
    if item.probe and item.probe.error:
        notes.append(f"now: {str(item.probe.error)[:_LONGEST_ERROR]}")
    elif health.last_error and item.probe is None:
        notes.append(f"{health.last_day} ({health.last_status}): {health.last_error[:_LONGEST_ERROR]}")
    if health.drop:
        notes.append(
            f"shrank from {health.drop.before:,} to {health.drop.after:,} on {health.last_success_day}: flagged, it "
            "closes no listings until the next reading confirms it"
        )
    return notes


def added_text(probe: Probe, path: Path, *, guessed: bool) -> list[str]:
    """Return what is said when a board was added."""
    board, rows = probe.board, probe.rows or 0
    whose = f" of {probe.company}" if probe.company else ""
    postings = f"{rows:,} posting{'' if rows == 1 else 's'}{whose}"
    lines = [f"[green]added[/] {escape(f'{probe.provider}/{board.name} to {path}: {postings} at the moment')}"]
    if not rows:
        lines.append("It is empty: make sure that it is the right board.")
    if guessed:
        lines.append(
            escape(
                f"company: {board.company!r}, made from the board's name, since {probe.provider.title()} sends none; "
                "change it in the file if it is another (or add with --company)"
            )
        )
    lines.append("[bold]Next:[/] `scoring-pipeline run` reads it with the others.")
    return lines
