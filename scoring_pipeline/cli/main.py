"""The entry point: the commands put together, and the one place where errors become one clear line.

What belongs here: exit codes and error messages. What does not: any command.

Exit codes: 0 done; 1 a run failed; 2 the command or the configuration is wrong; 3 refused (not confirmed, or nothing
may be bought); 4 the store, a provider or the sandbox is not available; 130 interrupted.
"""

import sys
import traceback

import typer
from rich.console import Console
from rich.markup import escape

from scoring_pipeline.ats.importing import ImportRefused
from scoring_pipeline.ats.raw import NothingStored
from scoring_pipeline.batches.engine import GateClosedError
from scoring_pipeline.batches.lease import LeaseHeldError, LeaseLostError
from scoring_pipeline.cli import boards, data, run, sandbox
from scoring_pipeline.cli.context import INTERRUPTED, RefusedError, RunError, UsageError
from scoring_pipeline.llm.errors import ProviderError
from scoring_pipeline.llm.prices import UnknownPriceError
from scoring_pipeline.sandbox.process import SandboxError
from scoring_pipeline.settings import ConfigError
from scoring_pipeline.storage.port import StoreError

FAILED, WRONG, REFUSED, UNAVAILABLE = 1, 2, 3, 4

_EXIT_CODES: tuple[tuple[tuple[type[Exception], ...], int], ...] = (
    ((ConfigError, UsageError, ImportRefused, NothingStored), WRONG),
    ((RefusedError, GateClosedError, UnknownPriceError), REFUSED),
    ((StoreError, ProviderError, SandboxError), UNAVAILABLE),
    ((RunError, LeaseHeldError, LeaseLostError), FAILED),
)

app = typer.Typer(
    name="scoring-pipeline",
    help="Scores job listings against candidate profiles with language models, in daily partitions.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _options(*, debug: bool = typer.Option(False, "--debug", help="Show the trace of an error.")) -> None:
    """Options before the command."""
    del debug


run.register(app)
data.register(app)
boards.register(app)
sandbox.register(app)


def main() -> None:
    """Run the command line and exit."""
    known = tuple(kind for kinds, _ in _EXIT_CODES for kind in kinds)
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except known as e:
        _print(e)
        sys.exit(next(code for kinds, code in _EXIT_CODES if isinstance(e, kinds)))


def _print(error: Exception) -> None:
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    if "--debug" in sys.argv:
        traceback.print_exception(error)
    for line in str(error).splitlines():
        console.print(f"[red]error:[/] {escape(line)}")


if __name__ == "__main__":
    main()
