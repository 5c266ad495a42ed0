"""What every command shares: settings, the store, consoles, days, JSON on standard output.

What belongs here: the few lines that would otherwise stand in each command. What does not: any command.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import typer
from rich.console import Console

from scoring_pipeline.sandbox.config import start_sandbox
from scoring_pipeline.settings import Settings, home_from_environment, load_settings, sandbox_from_environment
from scoring_pipeline.storage.opening import open_store
from scoring_pipeline.storage.port import DocumentStore

SandboxOption = typer.Option("--sandbox", help="Use the loopback sandbox, whatever the environment holds.")
JsonOption = typer.Option("--json", help="Print one JSON object on standard output; progress goes to standard error.")


INTERRUPTED = 130


class UsageError(Exception):
    """The command was given something that it cannot use."""


class RefusedError(Exception):
    """Nothing was bought because nobody agreed to it."""


class RunError(Exception):
    """A run failed; the message is its own."""


def console_for(*, as_json: bool) -> Console:
    """Return where a command shows things to people."""
    return Console(stderr=as_json, highlight=False)


def print_json(value: Any) -> None:
    """Print one object on standard output."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=str))


@contextmanager
def settings_for(*, sandbox: bool) -> Iterator[Settings]:
    """Read the settings; with `sandbox`, see to it that the sandbox runs as long as the block does."""
    if not (sandbox or sandbox_from_environment()):
        yield load_settings(sandbox=False)
        return
    # Child processes and Dagster's own configuration read it from here.
    os.environ["SCORING_SANDBOX"] = "1"
    handle = start_sandbox(home_from_environment())
    try:
        yield load_settings(sandbox=True)
    finally:
        handle.stop()


@contextmanager
def store_for(settings: Settings) -> Iterator[DocumentStore]:
    """Open the configured store, migrated."""
    store = open_store(settings.store)
    try:
        store.migrate()
        yield store
    finally:
        store.close()


def day_of(text: str, option: str) -> str:
    """Return a partition key.

    Raises:
        UsageError: if the text is not a date.
    """
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as e:
        raise UsageError(f"{option}: {text!r} is not a day; write YYYY-MM-DD") from e


def days_between(first: str, last: str) -> list[str]:
    """Return the partition keys from `first` to `last`, both included.

    Raises:
        UsageError: if they are the wrong way round.
    """
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    if end < start:
        raise UsageError(f"--from {first} is after --to {last}")
    return [(start + timedelta(days=n)).isoformat() for n in range((end - start).days + 1)]


def check_in_range(days: list[str], settings: Settings) -> None:
    """Make sure that days are partitions.

    Raises:
        UsageError: if one is before the configured start or after today.
    """
    start, today = settings.partitions.start.isoformat(), settings.clock.today()
    for day in days:
        if not start <= day <= today:
            raise UsageError(f"{day} is no partition: they run from {start} (partitions.start) to today, {today}")
