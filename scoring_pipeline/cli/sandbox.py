"""`sandbox` and `dev`: the loopback stand-ins, a week of history for them, and the Dagster UI on top.

What belongs here: starting and stopping processes for a person. What does not: what the sandbox answers (`sandbox/`).
"""

import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from scoring_pipeline.ats.importing import import_folder
from scoring_pipeline.cli.context import JsonOption, UsageError, console_for, print_json, settings_for, store_for
from scoring_pipeline.sandbox.config import sandbox_folder, start_sandbox
from scoring_pipeline.sandbox.history import LEAST_DAYS, make_history
from scoring_pipeline.settings import PROJECT, Settings, home_from_environment


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="The loopback stand-ins for job boards and the OpenAI API.", invoke_without_command=True)
    group.callback()(serve)
    group.command("history")(history)
    app.add_typer(group, name="sandbox")
    app.command("dev")(dev)


def serve(
    context: typer.Context,
    boards: Annotated[
        Path | None, typer.Option("--boards", help="<folder>/<provider>/<board>.json to replay in place of the sample.")
    ] = None,
) -> None:
    """Run the sandbox until interrupted. Its port and journal stay the same from one start to the next."""
    if context.invoked_subcommand is not None:
        return
    if boards is not None and not boards.is_dir():
        raise UsageError(f"--boards: {boards} is no folder")
    home = home_from_environment()
    handle = start_sandbox(home, boards=boards)
    console = console_for(as_json=False)
    console.print(f"OpenAI-compatible API  {handle.base_url}/v1")
    console.print(f"job boards             {handle.base_url}/ats/<provider>")
    console.print(f"journal                {handle.base_url}/sandbox/journal")
    console.print(f"configuration          {escape(str(sandbox_folder(home) / 'pipeline.yaml'))}")
    if not handle.started_here:
        console.print("It was running already.")
        return
    console.print("Ctrl-C ends it; a scoring-pipeline command with --sandbox uses it while it runs.")
    try:
        _until_interrupted()
    finally:
        handle.stop()


def history(
    days: Annotated[int, typer.Option("--days", min=LEAST_DAYS, max=60, help="How many days, ending yesterday.")] = 7,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Make days of sample boards before today, with edits, a closure and a reopening, and file them as raw."""
    with settings_for(sandbox=True) as settings:
        rows, changes = _make_history(settings, days)
        if as_json:
            print_json({"days": rows, "changes": changes})
            return
        console = console_for(as_json=False)
        for line in changes:
            console.print(escape(line))
        console.print(
            f"[bold]Next:[/] `scoring-pipeline run --sandbox --from {min(rows)} --to {max(rows)}`, or backfill them in "
            "the UI."
        )


def _make_history(settings: Settings, count: int) -> tuple[dict[str, int], list[str]]:
    today = settings.clock.now().date()
    days = [(today - timedelta(days=back)).isoformat() for back in range(count, 0, -1)]
    folder = sandbox_folder(settings.home) / "history"
    changes = make_history(folder, days)
    with store_for(settings) as store:
        rows = {
            day: sum(board.rows for board in import_folder(settings, store, day, folder / day, now=settings.clock.now))
            for day in days
        }
    return rows, changes


def dev(
    port: Annotated[int, typer.Option("--port", help="Port of the Dagster UI.")] = 3000,
    host: Annotated[str, typer.Option("--host", help="Address the UI listens on.")] = "127.0.0.1",
) -> None:
    """Open the Dagster UI with daemon and sensor on the sandbox's instance and store, until interrupted."""
    from scoring_pipeline.defs.launch import dagster_home, embedded_instance  # noqa: PLC0415 - slow import

    with settings_for(sandbox=True) as settings:
        with embedded_instance(settings):
            pass
        if not (sandbox_folder(settings.home) / "history").exists():
            _make_history(settings, 7)
        console = console_for(as_json=False)
        console.print(f"Dagster UI on [bold]http://{host}:{port}[/]; Ctrl-C ends it and the sandbox.")
        environment = {**os.environ, "SCORING_SANDBOX": "1", "DAGSTER_HOME": str(dagster_home(settings))}
        command = [
            sys.executable,
            "-m",
            "dagster",
            "dev",
            "-w",
            str(PROJECT / "workspace.yaml"),
            "-h",
            host,
            "-p",
            str(port),
        ]
        process = subprocess.Popen(command, env=environment, cwd=PROJECT)  # noqa: S603 - our own command
        try:
            code = process.wait()
        except KeyboardInterrupt:
            code = process.wait()
        if code not in {0, -signal.SIGINT}:
            raise typer.Exit(code)


def _until_interrupted() -> None:
    done = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: done.set())
    while not done.wait(1):
        pass
