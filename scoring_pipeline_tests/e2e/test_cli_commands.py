"""The commands beside `run`: what they print, what they refuse, and with which exit code."""

import csv
import io
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from e2e_kit import (
    Cli,
    Done,
    FirstDay,
    at_once,
    bought_once,
    days_ago,
    new_cli,
    small_boards,
    stub_endpoint,
    write_yaml,
)

from scoring_pipeline.sandbox.openai_options import SandboxOptions
from scoring_pipeline.sandbox.process import SandboxHandle, ensure_running
from scoring_pipeline.settings import PROJECT

pytestmark = pytest.mark.slow

DAY = days_ago(1)
FORMULA = '=HYPERLINK("http://example.com","apply")'
MODELS = ("gpt-6-luna", "gpt-6.1-terra", "gpt-6-sol")
_BUDGET = {"daily_usd": 5, "monthly_usd": 50}


def _greenhouse(folder: Path, titles: Mapping[int, str]) -> Path:
    """Write one board of one provider, as a person would save it."""
    posting = "<p>You will write Python and SQL in a small team in Berlin.</p>"
    jobs = [
        {
            "id": number,
            "internal_job_id": number + 1000,
            "title": title,
            "company_name": "Example GmbH",
            "updated_at": "2026-11-10T09:00:00-05:00",
            "first_published": "2026-11-01T09:00:00-05:00",
            "requisition_id": str(number),
            "location": {"name": "Berlin, Germany"},
            "absolute_url": f"https://boards.example.com/{number}",
            "language": "en",
            "metadata": None,
            "content": posting.replace("<", "&lt;").replace(">", "&gt;") + f"&lt;p&gt;Team {number}.&lt;/p&gt;",
            "departments": [],
            "offices": [],
            "data_compliance": [],
        }
        for number, title in titles.items()
    ]
    path = folder / "greenhouse" / "example.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(orjson.dumps({"jobs": jobs, "meta": {"total": len(jobs)}}))
    return folder


class TestScoresExport:
    def test_json_lines_hold_one_row_for_each_scored_or_reused_item(self, first_day: FirstDay) -> None:
        day = first_day.done.json
        done = first_day.cli.ok("scores", "export", "--sandbox", "--partition", day["partition"])
        rows = [json.loads(line) for line in done.out.splitlines()]
        assert len(rows) == day["work"]["scored"] + day["work"]["reused"]
        assert all(row["sandbox"] is True for row in rows)
        assert all(0 <= row["overall_score"] <= 100 and row["reasons"] for row in rows)
        assert len({(row["listing_id"], row["profile_id"]) for row in rows}) == len(rows)

    def test_a_csv_file_holds_the_same_rows(self, first_day: FirstDay, tmp_path: Path) -> None:
        day, path = first_day.done.json, tmp_path / "scores.csv"
        arguments = ("--partition", day["partition"], "--format", "csv", "--output", str(path))
        done = first_day.cli.ok("scores", "export", "--sandbox", *arguments)
        assert done.out == ""
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == day["work"]["scored"] + day["work"]["reused"]
        assert {row["sandbox"] for row in rows} == {"True"}
        assert list(tmp_path.iterdir()) == [path]

    def test_an_unknown_format_is_refused(self, first_day: FirstDay) -> None:
        done = first_day.cli.run("scores", "export", "--sandbox", "--partition", DAY, "--format", "xlsx")
        assert done.code == 2
        assert "xlsx" in done.err


class TestStore:
    def test_migrating_twice_creates_nothing_and_loses_nothing(self, first_day: FirstDay) -> None:
        with first_day.cli.store() as store:
            before = store.count("work_items")
        for _ in range(2):
            done = first_day.cli.ok("store", "migrate", "--sandbox", "--json").json
            assert done["created"] == []
            assert done["store"].startswith("sqlite:///")
        with first_day.cli.store() as store:
            assert store.count("work_items") == before

    def test_a_store_that_is_away_is_one_line_without_its_password(self, first_day: FirstDay) -> None:
        url = "mongodb://user:secret@127.0.0.1:9/scores?serverSelectionTimeoutMS=200"
        done = first_day.cli.but(SCORING_STORE_URL=url).run("store", "migrate")
        assert done.code == 4
        assert len(done.errors) == len(done.err.splitlines()) == 1
        assert "secret" not in done.err


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """A command line on which a past day was imported and run; its sandbox keeps running between commands."""
    folder = tmp_path_factory.mktemp("imported")
    cli = new_cli(folder)
    small_boards(cli.sandbox / "boards")
    handle = ensure_running(cli.sandbox, SandboxOptions(batch_seconds=0.2))
    boards = _greenhouse(folder / "saved", {1: FORMULA, 2: "Backend engineer", 3: "Data engineer", 4: "SRE"})
    filed = cli.ok("raw", "import", "--sandbox", "--json", "--day", DAY, str(boards)).json
    assert filed == {"day": DAY, "boards": 1, "rows": 4}
    done = cli.ok("run", "--sandbox", "--partition", DAY, "--json").json
    assert done["work"]["total"] == done["work"]["scored"] == 12
    yield cli
    handle.stop()


class TestAnImportedDay:
    def test_the_past_day_has_the_imported_rows(self, imported: Cli) -> None:
        report = imported.ok("report", "--sandbox", "--partition", DAY, "--json").json
        assert report["listings"]["rows"] == report["listings"]["normalized"] == 4
        assert report["partition"] == DAY

    def test_a_cell_that_looks_like_a_formula_is_defused_in_csv_and_exact_in_json(self, imported: Cli) -> None:
        arguments = ("scores", "export", "--sandbox", "--partition", DAY, "--format")
        cells = [row["title"] for row in csv.DictReader(io.StringIO(imported.ok(*arguments, "csv").out))]
        titles = [json.loads(line)["title"] for line in imported.ok(*arguments, "jsonl").out.splitlines()]
        assert FORMULA in titles
        assert f"'{FORMULA}" in cells
        assert [cell for cell in cells if cell[:1] in "=+-@"] == []

    @pytest.mark.parametrize(
        ("day", "folder", "said"),
        [
            pytest.param(days_ago(-1), "", r"is no partition", id="a day to come"),
            pytest.param("2026-11-31", "", r"--day: '2026-11-31' is not a day", id="no such day"),
            pytest.param(DAY, "absent", r"there is no such folder", id="no such folder"),
        ],
    )
    def test_an_import_that_does_not_fit_is_refused_with_one_line(
        self, imported: Cli, tmp_path: Path, day: str, folder: str, said: str
    ) -> None:
        done = imported.run("raw", "import", "--sandbox", "--day", day, str(tmp_path / folder))
        assert done.code == 2
        assert len(done.errors) == len(done.err.splitlines()) == 1
        assert re.search(said, done.err)


def _bought(cli: Cli) -> Counter[str]:
    """How often each (listing, profile) of the imported day was sent to a model."""
    with cli.store() as store:
        items = list(store.scan("work_items", {"partition": DAY}))
    return Counter(f"{item['listing_id']}/{item['profile_id']} {item['request_key']}" for item in items)


class TestRescoring:
    """In this order: each rescoring is followed by a run, and the journal counts what that run bought."""

    @pytest.mark.parametrize(
        ("named", "pairs"),
        [
            pytest.param(("--listing", "greenhouse/example/2"), 3, id="one listing, for three profiles"),
            pytest.param(("--profile", "nurse-manchester"), 4, id="one profile, for four listings"),
            pytest.param(("--partition", DAY), 12, id="a whole day"),
        ],
    )
    def test_the_next_run_buys_again_exactly_what_was_named(
        self, imported: Cli, named: tuple[str, str], pairs: int
    ) -> None:
        before, keys = imported.journal(), _bought(imported)
        opened = imported.ok("rescore", "--sandbox", "--json", *named).json
        assert opened["views"] > 0
        assert imported.journal() == before
        done = imported.ok("run", "--sandbox", "--partition", DAY, "--json").json
        assert done["work"]["scored"] + done["work"]["reused"] == done["work"]["total"] == 12
        after, changed = imported.journal(), _bought(imported) - keys
        assert after["requests"]["answered"] - before["requests"]["answered"] == pairs
        assert len(changed) == pairs
        kind, value = named[0].removeprefix("--"), named[1]
        assert all(_is_named(item.split(" ")[0], kind, value) for item in changed)

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            pytest.param((), r"give exactly one of", id="nothing named"),
            pytest.param(("--listing", "x", "--profile", "y"), r"give exactly one of", id="two things named"),
            pytest.param(("--listing", "greenhouse/example/99"), r"nothing is stored under", id="an unknown listing"),
        ],
    )
    def test_what_names_nothing_is_refused(self, imported: Cli, arguments: tuple[str, ...], said: str) -> None:
        done = imported.run("rescore", "--sandbox", *arguments)
        assert done.code == 2
        assert len(done.errors) == len(done.err.splitlines()) == 1
        assert re.search(said, done.err)


def _is_named(item: str, kind: str, value: str) -> bool:
    listing, _, profile = item.rpartition("/")
    return {"listing": listing == value, "profile": profile == value, "partition": True}[kind]


@dataclass(frozen=True)
class Outcome:
    """A run against an endpoint that stands for a real one: what it said, and what the endpoint was asked to do."""

    cli: Cli
    done: Done
    writes: list[str]

    @property
    def error(self) -> str:
        """The one line that says why it ended."""
        assert len(self.done.errors) == 1, self.done.err
        return self.done.errors[0]


def _account(folder: Path, template: Path, url: str, **config: Any) -> Cli:
    """Return a command line configured for an endpoint, on a state folder in which a past day was imported."""
    folder.mkdir()
    provider = {"base_url": url, "api_key_env": "E2E_KEY"}
    path = write_yaml(folder / "pipeline.yaml", {"llm": {"providers": {"openai": provider}}, **config})
    shutil.copytree(template, folder / "home")
    return Cli(folder / "home", {"SCORING_CONFIG": str(path), "E2E_KEY": "dummy"})


class TestARealEndpoint:
    """A stub on loopback that is not the sandbox stands for any real endpoint."""

    @pytest.fixture(scope="class")
    @staticmethod
    def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
        folder = tmp_path_factory.mktemp("account")
        cli = new_cli(folder)
        boards = _greenhouse(folder / "saved", {1: "Backend engineer", 2: "Data engineer"})
        cli.ok("raw", "import", "--day", DAY, str(boards))
        return cli.home

    @pytest.fixture(scope="class")
    @staticmethod
    def outcomes(tmp_path_factory: pytest.TempPathFactory, template: Path) -> dict[str, Outcome]:
        root = tmp_path_factory.mktemp("real")
        unpriced = {"tiers": [{"name": "economy", "models": [{"provider": "openai", "model": "gpt-unheard-of"}]}]}
        tiers = str(write_yaml(root / "unpriced.yaml", unpriced))

        def story(name: str, *arguments: str, **config: Any) -> tuple[str, Outcome]:
            with stub_endpoint([*MODELS, "gpt-unheard-of"]) as stub:
                cli = _account(root / name, template, stub.url, **config)
                return name, Outcome(cli, cli.run("run", "--partition", DAY, *arguments), stub.writes)

        return dict(
            at_once(
                lambda: story("no budget", "--json", "--yes"),
                lambda: story("no yes", budget=_BUDGET),
                lambda: story("no price", "--yes", budget=_BUDGET, tiers=tiers),
                lambda: story("key refused", "--yes", budget=_BUDGET),
            )
        )

    def test_without_a_budget_it_is_refused(self, outcomes: dict[str, Outcome]) -> None:
        outcome = outcomes["no budget"]
        assert outcome.done.code == 2
        assert outcome.done.out == ""
        assert "budget.daily_usd and budget.monthly_usd must be set" in outcome.error
        assert outcome.writes == []

    def test_without_a_yes_the_estimate_is_shown_and_nothing_is_bought(self, outcomes: dict[str, Outcome]) -> None:
        outcome = outcomes["no yes"]
        assert outcome.done.code == 3, outcome.done.err
        assert "Estimate before anything is bought" in outcome.done.out
        assert re.search(r"expected \$0\.\d+, at most \$0\.\d+", outcome.done.out)
        assert "--yes" in outcome.error
        assert outcome.writes == []

    def test_a_sensor_does_not_buy_what_a_person_did_not_agree_to(self, outcomes: dict[str, Outcome]) -> None:
        with outcomes["no yes"].cli.store(sandbox=False) as store:
            assert not store.page("batches", limit=1)
            assert store.count("partitions") == 1
            assert store.count("partitions", {"status": "open"}) == 0

    def test_a_model_without_a_known_price_is_refused(self, outcomes: dict[str, Outcome]) -> None:
        outcome = outcomes["no price"]
        assert outcome.done.code != 0
        assert "no batch price is known for model 'gpt-unheard-of'" in outcome.error
        assert outcome.writes == []

    def test_the_check_of_the_configuration_names_that_model_too(self, outcomes: dict[str, Outcome]) -> None:
        checked = outcomes["no price"].cli.run("config", "check")
        assert checked.code == 2
        assert "gpt-unheard-of" in checked.err

    def test_a_key_that_is_refused_ends_the_run_at_once(self, outcomes: dict[str, Outcome]) -> None:
        outcome = outcomes["key refused"]
        assert outcome.done.code == 1
        assert "HTTP 403" in outcome.error
        assert outcome.writes == ["POST /v1/files"]
        with outcome.cli.store(sandbox=False) as store:
            assert store.count("work_items", {"partition": DAY, "status": "waiting"}) == 6

    def test_the_sandbox_named_by_a_plain_address_is_recognised(self, tmp_path: Path, template: Path) -> None:
        handle: SandboxHandle = ensure_running(tmp_path / "sandbox", SandboxOptions(batch_seconds=0.2))
        try:
            cli = _account(tmp_path / "plain", template, handle.openai_url)
            done = cli.ok("run", "--partition", DAY, "--json").json
            rows = [json.loads(line) for line in cli.ok("scores", "export", "--partition", DAY).out.splitlines()]
        finally:
            handle.stop()
        assert done["work"]["scored"] == len(rows) == 6
        assert done["spend"]["sandbox"] is True
        assert all(row["sandbox"] is True for row in rows)


class TestAProviderThatStops:
    def test_an_exhausted_quota_ends_the_run_at_once_and_a_later_run_buys_everything_once(self, tmp_path: Path) -> None:
        cli = new_cli(tmp_path)
        small_boards(cli.sandbox / "boards")
        scenario = write_yaml(tmp_path / "quota.yaml", {"creates": [{"kind": "insufficient_quota", "first": 1}]})
        handle = ensure_running(cli.sandbox, SandboxOptions(batch_seconds=0.2, scenario=scenario))
        try:
            stopped = cli.run("run", "--sandbox", "--json")
            calls = cli.journal()["counters"]["batch_create_calls"]
            done = cli.ok("run", "--sandbox", "--json").json
        finally:
            handle.stop()
        assert stopped.code == 1
        assert "exceeded your current quota" in stopped.errors[0]
        assert stopped.out == ""
        assert calls == 1
        assert done["work"]["scored"] == done["work"]["total"] > 0
        assert bought_once(cli.journal())


class TestConfigCheck:
    def _check(self, folder: Path, pipeline: str, profiles: Any = None, **environment: str) -> list[str]:
        (folder / "pipeline.yaml").write_text(pipeline)
        if profiles is not None:
            write_yaml(folder / "profiles.yaml", profiles)
        done = new_cli(folder, **environment).run("config", "check", str(folder / "pipeline.yaml"), "--json")
        assert done.code == 2, done.err
        assert done.json["ok"] is False
        problems: list[str] = done.json["problems"]
        return problems

    def test_every_mistake_is_listed_at_once_with_file_entry_and_field(self, tmp_path: Path) -> None:
        shipped = yaml.safe_load((PROJECT / "config" / "profiles.yaml").read_text())
        shipped["profiles"][1] |= {"seniority": "wizard", "shoe_size": 42}
        pipeline = "batch: {requests: 0}\nbugdet: {daily_usd: 5}\n"
        problems = self._check(tmp_path, pipeline, shipped, SCORING_BUGDET__DAILY_USD="5")
        path, said = tmp_path / "pipeline.yaml", "\n".join(problems)
        assert f"{path}: batch.requests: " in said
        assert f"{path}: bugdet: " in said
        assert "SCORING_BUGDET__DAILY_USD: no such setting" in said
        assert f"{tmp_path / 'profiles.yaml'}: profile 'nurse-manchester': seniority: " in said
        assert f"{tmp_path / 'profiles.yaml'}: profile 'nurse-manchester': shoe_size: " in said

    def test_a_file_that_is_no_yaml_is_named_with_the_place(self, tmp_path: Path) -> None:
        (problem,) = self._check(tmp_path, "batch: {requests: 5\n")
        assert problem.startswith(f"{tmp_path / 'pipeline.yaml'}: is not YAML: ")
        assert "line 2" in problem

    def test_a_configuration_that_is_sound_is_said_to_be(self, tmp_path: Path) -> None:
        config = {"budget": _BUDGET, "ats": {"greenhouse": {"boards": ["example"]}}}
        path = write_yaml(tmp_path / "pipeline.yaml", config)
        done = new_cli(tmp_path).ok("config", "check", str(path), "--json").json
        assert done == {"ok": True, "problems": []}


class TestErrors:
    def test_an_error_is_one_line_and_debug_shows_the_trace(self, tmp_path: Path) -> None:
        cli = new_cli(tmp_path, SCORING_CONFIG=str(tmp_path / "absent.yaml"))
        plain, traced = cli.run("report"), cli.run("--debug", "report")
        assert plain.code == traced.code == 2
        assert (
            plain.err.splitlines()
            == plain.errors
            == [f"error: {tmp_path / 'absent.yaml'}: cannot be read: No such file or directory"]
        )
        assert "Traceback (most recent call last)" in traced.err
        assert traced.errors == plain.errors
