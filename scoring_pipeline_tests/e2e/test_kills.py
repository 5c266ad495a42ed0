"""`kill -9` at any moment of a day, with or without the sandbox: the next run finishes and buys nothing twice.

Each chain kills one run after another on the same state folder, every time at a later moment, and then lets one run to
its end. A moment has come once the store or the folder shows that the stage was reached.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from e2e_kit import Cli, at_once, bought_once, kill_sandbox, new_cli

from scoring_pipeline.batches.model import LIVE, TERMINAL
from scoring_pipeline.storage.port import DocumentStore, StoreError

pytestmark = pytest.mark.soak

_AT_PROVIDER = (*LIVE, *TERMINAL, "collected")


@dataclass(frozen=True)
class Moment:
    """A stage of a day, and how the store shows that it was reached."""

    name: str
    come: Callable[[DocumentStore], bool]


def _any(collection: str) -> Callable[[DocumentStore], bool]:
    return lambda store: bool(store.page(collection, limit=1))


def _batches(statuses: Sequence[str]) -> Callable[[DocumentStore], bool]:
    return lambda store: store.exists("batches", {"status": {"$in": list(statuses)}})


MATCHING = Moment("the first work items stand", _any("work_items"))
PLANNING = Moment("the first batch is planned", _any("batches"))
UPLOADING = Moment("a file was uploaded", _batches(("uploaded", "creating", *_AT_PROVIDER)))
SUBMITTING = Moment("the first batch is at the provider", _batches(_AT_PROVIDER))
COLLECTING = Moment("the first answer was taken", lambda store: store.exists("attempts", {"outcome": "valid"}))
COLLECTED = Moment("the first batch is collected", _batches(("collected",)))
PUBLISHING = Moment("the first score is served", _any("scored_listings"))


def _has_come(cli: Cli, moment: Moment) -> bool:
    if not (cli.sandbox / "store.db").exists():
        return False
    try:
        with cli.store() as store:
            return moment.come(store)
    except StoreError:
        # The tables are being made at this very moment.
        return False


def _kill_at(cli: Cli, moment: Moment, *, with_sandbox: bool) -> None:
    assert not _has_come(cli, moment), f"an earlier run got as far as this already: {moment.name}"
    _kill_when(cli, lambda: _has_come(cli, moment), with_sandbox=with_sandbox)


def _kill_when(cli: Cli, condition: Callable[[], bool], *, with_sandbox: bool) -> None:
    running = cli.start("run", "--sandbox")
    running.until(condition)
    running.kill()
    if with_sandbox:
        kill_sandbox(cli)


def _finish(cli: Cli) -> None:
    """Run to the end: every item scored, no request bought twice, and the sandbox's count is the store's."""
    day = cli.ok("run", "--sandbox", "--json").json
    assert day["listings"]["normalized"] >= 300
    work, journal = day["work"], cli.journal()
    assert work["scored"] + work["reused"] == work["total"] == 3 * day["listings"]["normalized"]
    assert bought_once(journal), journal
    assert journal["requests"]["received"] == journal["requests"]["answered"] == work["scored"]
    assert Decimal(str(day["spend"]["usd"])) == Decimal(journal["billed"]["usd"])


def test_a_day_killed_at_each_stage_is_finished_and_bought_once(tmp_path: Path) -> None:
    def killed_alone() -> None:
        cli = new_cli(tmp_path / "alone")
        _kill_when(cli, lambda: any(cli.sandbox.glob("*boards*/*")), with_sandbox=False)
        for moment in (MATCHING, UPLOADING, COLLECTING):
            _kill_at(cli, moment, with_sandbox=False)
        _finish(cli)

    def killed_with_the_sandbox() -> None:
        cli = new_cli(tmp_path / "together")
        _kill_when(cli, (cli.sandbox / "dagster" / "history").exists, with_sandbox=True)
        for moment in (PLANNING, SUBMITTING, COLLECTED, PUBLISHING):
            _kill_at(cli, moment, with_sandbox=True)
        _finish(cli)

    at_once(killed_alone, killed_with_the_sandbox)
