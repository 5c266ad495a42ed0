"""`scoring-pipeline run --sandbox`, which is `make run`: a day from boards to scores, once, again, left and resumed."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from e2e_kit import PROFILES, Cli, FirstDay, Started, bought_once, days_ago, new_cli, small_boards

from scoring_pipeline.sandbox.openai_options import SandboxOptions
from scoring_pipeline.sandbox.process import SandboxHandle, ensure_running
from scoring_pipeline.settings import PROJECT, PROVIDERS

pytestmark = pytest.mark.slow

_LISTINGS = {"rows", "normalized", "merged", "excluded", "quarantined", "closed"}
_WORK = {"total", "reused", "rule_scored", "scored", "dead", "deferred", "waiting"}


class TestADay:
    def test_make_run_is_this_command(self) -> None:
        # The tests themselves may run under make, which talks to a make below it through the environment.
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        command = ["make", "--always-make", "--dry-run", "--no-print-directory", "run"]
        planned = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True)
        assert planned.stdout.splitlines()[-1].endswith("/scoring-pipeline run --sandbox")

    def test_json_prints_one_object_of_the_documented_shape_and_nothing_else(self, first_day: FirstDay) -> None:
        assert first_day.done.out.count("\n") == 1
        day = first_day.done.json
        assert {"partition", "listings", "work", "batches", "spend", "seconds"} <= set(day)
        assert day["partition"] == days_ago(0)
        assert set(day["listings"]) == _LISTINGS
        assert set(day["work"]) == _WORK
        assert {"usd", "by_model"} <= set(day["spend"])
        assert day["seconds"] > 0
        assert day["batches"] > 0

    def test_standard_error_holds_progress_and_no_warnings_of_libraries(self, first_day: FirstDay) -> None:
        assert "publishing scores" in first_day.done.err
        assert "Warning" not in first_day.done.err

    def test_every_row_ended_somewhere(self, first_day: FirstDay) -> None:
        listings = first_day.done.json["listings"]
        ends = ("normalized", "merged", "excluded", "quarantined")
        assert listings["rows"] == sum(listings[name] for name in ends)

    def test_it_is_over_three_hundred_listings_of_five_providers_for_three_profiles(self, first_day: FirstDay) -> None:
        listings, work = first_day.done.json["listings"], first_day.done.json["work"]
        assert listings["normalized"] >= 300
        assert work["total"] == listings["normalized"] * PROFILES
        with first_day.cli.store() as store:
            by_provider = store.group_count("daily_listings", "provider", {"day": days_ago(0)})
        assert set(by_provider) == set(PROVIDERS)

    def test_every_item_was_scored_or_reused(self, first_day: FirstDay) -> None:
        work = first_day.done.json["work"]
        assert work["total"] == work["scored"] + work["reused"] + work["rule_scored"]
        assert work["dead"] == work["deferred"] == work["waiting"] == 0

    def test_the_sandbox_counted_the_same_requests_and_the_same_money(self, first_day: FirstDay) -> None:
        journal, spend = first_day.cli.journal(), first_day.done.json["spend"]
        assert bought_once(journal)
        assert journal["requests"]["answered"] == first_day.done.json["work"]["scored"]
        assert Decimal(str(spend["usd"])) == Decimal(journal["billed"]["usd"])
        billed = {model: float(entry["usd"]) for model, entry in journal["billed"]["models"].items()}
        assert spend["by_model"] == billed

    def test_the_sandbox_ends_with_the_command(self, first_day: FirstDay) -> None:
        endpoint = json.loads((first_day.cli.sandbox / "endpoint.json").read_text())
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(f"http://127.0.0.1:{endpoint['port']}/sandbox/health", trust_env=False)

    def test_a_second_run_of_the_day_pays_nothing_and_says_so(self, first_day: FirstDay) -> None:
        before = first_day.cli.journal()
        again = first_day.cli.ok("run", "--sandbox")
        assert first_day.cli.journal() == before
        assert "Nothing was paid" in again.out
        assert "Best matches for" in again.out

    def test_the_report_shows_the_same_figures(self, first_day: FirstDay) -> None:
        day, report = first_day.done.json, first_day.cli.ok("report", "--sandbox", "--json").json
        assert {name: report[name] for name in ("partition", "listings", "work", "batches")} == {
            name: day[name] for name in ("partition", "listings", "work", "batches")
        }
        assert float(report["spend"]["usd"]) == day["spend"]["usd"]


@pytest.fixture
def slow_sandbox(tmp_path: Path) -> Iterator[tuple[Cli, SandboxHandle]]:
    """A command line whose sandbox takes ten minutes for a batch."""
    cli = new_cli(tmp_path)
    small_boards(cli.sandbox / "boards")
    handle = ensure_running(cli.sandbox, SandboxOptions(batch_seconds=600))
    yield cli, handle
    handle.stop()


def test_a_day_that_was_interrupted_or_left_is_finished_by_a_later_run(
    slow_sandbox: tuple[Cli, SandboxHandle],
) -> None:
    cli, handle = slow_sandbox
    _interrupt(cli.start("run", "--sandbox", "--json"), "reading boards")

    left = cli.ok("run", "--sandbox", "--no-wait", "--json").json
    assert left["work"]["waiting"] == left["work"]["total"] > 0
    assert left["spend"]["usd"] == 0

    said = _interrupt(cli.start("run", "--sandbox"), "daily_job: batch_jobs")
    assert "submitted batches go on at the provider" in said
    assert "the sensor" in said

    httpx2.post(f"{handle.base_url}/sandbox/clock", json={"advance_seconds": 600}, trust_env=False, timeout=60)
    done = cli.ok("run", "--sandbox", "--json").json
    assert done["work"]["scored"] == done["work"]["total"] == left["work"]["total"]
    assert done["batches"] == left["batches"]
    assert bought_once(cli.journal())


def _interrupt(running: Started, line: str) -> str:
    """Press Ctrl-C once a line was said: exit code 130, and no trace."""
    running.until_said(line)
    running.process.send_signal(signal.SIGINT)
    assert running.ended() == 130, running.said()
    assert "Traceback" not in running.said()
    return running.said()


def test_a_command_goes_on_when_the_one_that_started_the_sandbox_ends_first(tmp_path: Path) -> None:
    cli = new_cli(tmp_path)
    small_boards(cli.sandbox / "boards")
    with ExitStack() as first:
        handle = ensure_running(cli.sandbox)
        first.callback(handle.stop)
        second = cli.start("run", "--sandbox", "--json")
        second.until_said("reading boards")
    assert second.ended() == 0, second.said()
    journal = cli.journal()
    assert journal["requests"]["answered"] > 0
    assert bought_once(journal)


class TestManyDays:
    @pytest.fixture(scope="class")
    @staticmethod
    def week(tmp_path_factory: pytest.TempPathFactory) -> Cli:
        cli = new_cli(tmp_path_factory.mktemp("week"))
        made = cli.ok("sandbox", "history", "--days", "7", "--json").json
        assert sorted(made["days"]) == [days_ago(back) for back in range(7, 0, -1)]
        assert made["changes"]
        return cli

    def test_five_processes_at_once_buy_every_request_of_overlapping_days_once(self, week: Cli) -> None:
        days = [days_ago(back) for back in range(7, 2, -1)]
        with ThreadPoolExecutor(len(days)) as pool:
            ended = list(pool.map(lambda day: week.run("run", "--sandbox", "--partition", day, "--json"), days))
        assert [done.code for done in ended] == [0] * len(days), "\n".join(done.err[-2000:] for done in ended)
        _check_overlap(week, days, [done.json for done in ended])

    def test_days_given_at_once_buy_every_request_once(self, week: Cli) -> None:
        days = [days_ago(back) for back in range(2, 0, -1)]
        done = week.ok("run", "--sandbox", "--from", days[0], "--to", days[-1], "--json").json
        assert done["partition"] == f"{days[0]}..{days[-1]}"
        assert [day["partition"] for day in done["days"]] == days
        assert done["work"]["total"] == sum(day["work"]["total"] for day in done["days"])
        assert done["listings"]["rows"] == sum(day["listings"]["rows"] for day in done["days"])
        _check_overlap(week, days, done["days"])

    def test_a_listing_that_vanished_for_two_days_is_closed_on_the_second(self, week: Cli) -> None:
        """The days before this test were read in any order; a history does not depend on it."""
        with week.store() as store:
            closed = store.group_count("listings", "closed_on", {"status": "closed"})
        assert set(closed) == {days_ago(2)}


def _check_overlap(cli: Cli, days: list[str], figures: list[dict[str, Any]]) -> None:
    journal = cli.journal()
    assert bought_once(journal)
    with cli.store() as store:
        for day, figure in zip(days, figures, strict=True):
            items = store.group_count("work_items", "status", {"partition": day})
            assert set(items) <= {"scored", "reused", "superseded"}, (day, items)
            assert figure["work"]["total"] == items.get("scored", 0) + items.get("reused", 0) > 0
        assert journal["requests"]["answered"] == store.count("requests", {"status": "answered"})
        assert store.count("requests") == store.count("requests", {"status": "answered"})


class TestArguments:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            pytest.param(["--partition", "2026-13-01"], r"--partition: '2026-13-01' is not a day", id="no such month"),
            pytest.param(["--partition", days_ago(-1)], r"is no partition: they run from", id="a day to come"),
            pytest.param(
                ["--from", days_ago(1), "--to", days_ago(2)], r"--from .* is after --to", id="a range reversed"
            ),
        ],
    )
    def test_a_day_that_is_none_is_refused_with_one_line(
        self, first_day: FirstDay, arguments: list[str], said: str
    ) -> None:
        done = first_day.cli.run("run", "--sandbox", *arguments)
        assert done.code == 2
        assert len(done.errors) == len(done.err.splitlines()) == 1
        assert re.search(said, done.errors[0]), done.err
        assert done.out == ""

    def test_an_unknown_option_is_refused(self, first_day: FirstDay) -> None:
        done = first_day.cli.run("run", "--sandbocks")
        assert done.code == 2
        assert "--sandbocks" in done.err
        assert done.out == ""

    def test_a_past_day_with_nothing_stored_fails_and_is_not_materialized(self, first_day: FirstDay) -> None:
        day = days_ago(3)
        done = first_day.cli.run("run", "--sandbox", "--partition", day, "--json")
        assert done.code == 1
        assert done.out == ""
        assert len(done.errors) == 1
        assert f"nothing is stored for {day}" in done.errors[0]
        assert f"raw import --day {day}" in done.errors[0]
        with first_day.cli.store() as store:
            assert store.get("partitions", day) is None
            assert not store.exists("daily_listings", {"day": day})
            assert not store.exists("work_items", {"partition": day})
