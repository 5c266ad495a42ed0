"""`boards`: a careers page becomes a configured board, lists of boards are imported, and gone boards are named."""

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from typing import Any

import dagster as dg  # noqa: TID251 - one test materializes an asset
import pytest
import yaml
from e2e_kit import Cli, Done, days_ago, new_cli

from scoring_pipeline.ats.errors import BoardGone, TransientFetchError
from scoring_pipeline.ats.model import Failed, Fetched, Reading, Row
from scoring_pipeline.ats.raw import record_board
from scoring_pipeline.cli.main import main
from scoring_pipeline.defs.ingestion.assets import raw_listings_assets, raw_listings_key
from scoring_pipeline.defs.partitions import daily_partitions
from scoring_pipeline.resources import Pipeline
from scoring_pipeline.settings import PROVIDERS, Board, ProviderName, load_settings
from scoring_pipeline.storage.opening import open_store

_NAMES = ("greenhouse", "lever", "ashby", "workable")


@dataclass
class Web:
    """A server that is every provider and the employer's own site; what is not in `pages` answers 404."""

    url: str
    pages: dict[str, tuple[int, str, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def json(self, path: str, body: Any, status: int = 200) -> None:
        self.pages[path] = (status, "application/json", json.dumps(body).encode())

    def html(self, path: str, body: str) -> None:
        self.pages[path] = (200, "text/html; charset=utf-8", body.encode())

    def greenhouse(self, board: str, rows: int) -> None:
        jobs = [{"id": i, "title": "Cook", "company_name": "Acme Inc."} for i in range(rows)]
        self.json(f"/greenhouse/v1/boards/{board}/jobs?content=true", {"jobs": jobs, "meta": {"total": rows}})

    def lever(self, board: str, rows: int) -> None:
        jobs = [{"id": f"{board}-{i}", "text": "Cook"} for i in range(rows)]
        self.json(f"/lever/v0/postings/{board}?mode=json&skip=0&limit=100", jobs)


@pytest.fixture
def web() -> Iterator[Web]:
    served = Web("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            status, kind, body = served.pages.get(self.path, (404, "application/json", b'{"error": "Not Found"}'))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield served
    server.shutdown()
    server.server_close()
    thread.join()


class Here(Cli):
    """The command line in this process, by its entry point: a start costs seconds of imports."""

    def run(self, *arguments: str, prefix: object = ()) -> Done:
        assert not prefix
        with pytest.MonkeyPatch.context() as patch, StringIO() as out, StringIO() as err:
            for name in set(os.environ) - set(self.variables()):
                patch.delenv(name)
            for name, value in self.variables().items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["scoring-pipeline", *arguments])
            with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
                main()
            return Done(ended.value.code, out.getvalue(), err.getvalue())  # type: ignore[arg-type]

    def but(self, **environment: str) -> "Here":
        return Here(self.home, {**self.environment, **environment})


@dataclass(frozen=True)
class Desk:
    """A command line, its configuration file and the web that it sees."""

    cli: Here
    config: Path
    web: Web

    def boards(self, provider: ProviderName) -> list[Any]:
        return list(yaml.safe_load(self.config.read_text())["ats"][provider]["boards"])

    @property
    def process(self) -> Cli:
        """The same command line as a process of its own."""
        return Cli(self.cli.home, self.cli.environment)


@pytest.fixture
def desk(tmp_path: Path, web: Web) -> Desk:
    config = tmp_path / "pipeline.yaml"
    providers = "".join(
        f"  {name}:\n    base_url: {web.url}/{name}\n    boards: []   # {name}'s\n    requests_per_second: 200\n"
        for name in PROVIDERS
    )
    config.write_text(
        f"# Mine.\nats:\n  attempts: 1\n  gone_after_days: 3\n  timeout_seconds: 10\n{providers}\ntiers: tiers.yaml\n"
    )
    home = new_cli(tmp_path).home
    return Desk(Here(home, {"SCORING_CONFIG": str(config)}), config, web)


class TestAdd:
    def test_a_careers_page_that_embeds_a_board_is_read_once_and_written(self, desk: Desk) -> None:
        desk.web.html("/careers", '<script src="https://boards.greenhouse.io/embed/job_board/js?for=acme"></script>')
        desk.web.greenhouse("acme", 2)
        before = desk.config.read_text()
        done = desk.process.ok("boards", "add", f"{desk.web.url}/careers")
        assert "added greenhouse/acme to " in done.out
        assert "2 postings of Acme Inc. at the moment" in done.out
        assert desk.web.asked == ["/careers", "/greenhouse/v1/boards/acme/jobs?content=true"]
        assert desk.config.read_text() == before.replace(
            "boards: []   # greenhouse's\n", "boards:      # greenhouse's\n      - acme\n"
        )

    def test_a_company_is_guessed_where_the_provider_sends_none_and_that_is_said(self, desk: Desk) -> None:
        desk.web.lever("rose-rocket", 0)
        done = desk.cli.ok("boards", "add", "jobs.lever.co/rose-rocket")
        assert "company: 'Rose Rocket', made from the board's name" in done.out
        assert "It is empty" in done.out
        desk.web.lever("x", 1)
        added = desk.cli.ok("boards", "add", "https://jobs.lever.co/x", "--company", "X Corp", "--json").json
        assert (added["added"]["company"], added["company_guessed"], added["postings"]) == ("X Corp", False, 1)
        assert desk.boards("lever") == [
            {"name": "rose-rocket", "company": "Rose Rocket"},
            {"name": "x", "company": "X Corp"},
        ]

    def test_a_recruitee_site_on_the_employers_domain_is_written_with_its_base_url(self, desk: Desk) -> None:
        desk.web.html("/", "<h1>Work here</h1>")
        desk.web.json("/api/offers/", {"offers": [{"id": 1, "company_name": "Bunq"}]})
        done = desk.cli.ok("boards", "add", desk.web.url)
        assert "1 posting of Bunq" in done.out
        assert desk.boards("recruitee") == [{"name": "127.0.0.1", "base_url": desk.web.url}]

    def test_a_board_that_is_there_already_is_refused_without_a_request(self, desk: Desk) -> None:
        desk.web.lever("acme", 1)
        desk.cli.ok("boards", "add", "https://jobs.lever.co/acme")
        before, asked = desk.config.read_text(), len(desk.web.asked)
        done = desk.cli.run("boards", "add", "https://jobs.lever.co/acme/some-posting")
        assert done.code == 2
        assert done.errors == ["error: lever/acme was not added: 'acme' is in ats.lever.boards already"]
        assert (desk.config.read_text(), len(desk.web.asked)) == (before, asked)

    @pytest.mark.parametrize(
        ("url", "code", "said"),
        [
            pytest.param("https://jobs.lever.co/nobody", 2, "could not be read: http", id="a board that is not there"),
            pytest.param(
                "https://jobs.lever.co/down", 1, "answered 503; try again later", id="a provider that is down"
            ),
            pytest.param("https://jobs.lever.co/", 2, "names no board", id="a provider's front page"),
            pytest.param("https://jobs.lever.co/..", 2, "nothing was added", id="a name that would change the path"),
            pytest.param("ftp://acme.example", 2, "must be http(s)", id="another scheme"),
            pytest.param("{web}/blank", 2, "shows no board of Greenhouse, Lever", id="a page without a board"),
            pytest.param("{web}/two", 2, "names 2 boards; give the address of the one", id="a page with two"),
            pytest.param("{web}/none", 2, "there is no such page", id="no page"),
        ],
    )
    def test_nothing_is_written_unless_a_board_was_read(self, desk: Desk, url: str, code: int, said: str) -> None:
        desk.web.json("/lever/v0/postings/down?mode=json&skip=0&limit=100", {}, status=503)
        desk.web.html("/blank", "<p>We are hiring</p>")
        desk.web.html("/two", '<a href="https://jobs.lever.co/a"></a><a href="https://jobs.lever.co/b"></a>')
        before = desk.config.read_text()
        done = desk.cli.run("boards", "add", url.replace("{web}", desk.web.url), "--json")
        assert done.code == code
        assert len(done.errors) == len(done.err.splitlines()) == 1
        assert said in done.errors[0]
        assert done.out == ""
        assert desk.config.read_text() == before

    def test_a_list_in_the_environment_that_hides_the_file_is_pointed_out(self, desk: Desk) -> None:
        desk.web.greenhouse("acme", 1)
        cli = desk.cli.but(SCORING_ATS__GREENHOUSE__BOARDS='["other"]')
        done = cli.ok("boards", "add", "https://job-boards.greenhouse.io/acme")
        assert "SCORING_ATS__GREENHOUSE__BOARDS) wins over the file's list" in done.out
        assert desk.boards("greenhouse") == ["acme"]

    def test_under_the_sandbox_it_is_refused(self, desk: Desk) -> None:
        done = desk.cli.but(SCORING_SANDBOX="1").run("boards", "add", "https://jobs.lever.co/acme")
        assert (done.code, desk.web.asked) == (2, [])
        assert "unset it to change yours" in done.errors[0]


class TestImport:
    def write(self, desk: Desk, text: str) -> str:
        path = desk.config.with_name("boards.csv")
        path.write_text(text)
        return str(path)

    def test_boards_are_added_without_the_network_and_duplicates_are_skipped_by_line(self, desk: Desk) -> None:
        file = self.write(
            desk,
            "provider,board,company\ngreenhouse,acme,\nlever,go-to,\nlever,x,X Corp\ngreenhouse,acme,Acme\n",
        )
        done = desk.cli.ok("boards", "import", file)
        assert "3 boards added" in done.out
        assert "1 company names were made" in done.out
        assert f"{file}: line 5: greenhouse/acme: the same board is on line 2" in done.out
        assert desk.boards("greenhouse") == ["acme"]
        assert desk.boards("lever") == [{"name": "go-to", "company": "Go To"}, {"name": "x", "company": "X Corp"}]
        before = desk.config.read_text()
        again = desk.cli.ok("boards", "import", file, "--json").json
        assert (again["added"], len(again["duplicates"])) == (0, 4)
        assert desk.config.read_text() == before
        assert desk.web.asked == []

    def test_one_wrong_row_keeps_all_from_being_written(self, desk: Desk) -> None:
        file = self.write(desk, "provider,board\ngreenhouse,acme\nworkday,acme\nlever,\n")
        before = desk.config.read_text()
        done = desk.cli.run("boards", "import", file)
        assert done.code == 2
        assert [error.removeprefix(f"error: {file}: ")[:16] for error in done.errors] == [
            "line 3: provider",
            "line 4: board: i",
        ]
        assert desk.config.read_text() == before

    def test_thousands_of_rows_are_taken(self, desk: Desk) -> None:
        rows = [f"{_NAMES[n % 4]},board{n}" for n in range(4000)]
        file = self.write(desk, "\n".join(["provider,board", *rows, ""]))
        done = desk.cli.ok("boards", "import", file, "--json").json
        assert done["added"] == 4000
        assert done["by_provider"] == dict.fromkeys(_NAMES, 1000)
        assert len(desk.boards("workable")) == 1000

    def test_verify_reads_each_and_names_every_line_that_could_not_be_read(self, desk: Desk) -> None:
        desk.web.lever("acme", 1)
        file = self.write(desk, "url\nhttps://jobs.lever.co/nobody\nhttps://jobs.lever.co/acme\n")
        before = desk.config.read_text()
        done = desk.cli.run("boards", "import", file, "--verify")
        assert done.code == 2
        assert len(done.errors) == 1
        assert f"{file}: line 2: lever/nobody could not be read: " in done.errors[0]
        assert desk.config.read_text() == before
        desk.web.lever("nobody", 0)
        assert desk.cli.ok("boards", "import", file, "--verify", "--json").json["added"] == 2


def keep(store_url: str, board: str, days: list[int | Exception]) -> None:
    """Keep days of a Greenhouse board, the last of them yesterday."""
    with closing(open_store(store_url)) as store:
        store.migrate()
        for back, what in zip(range(len(days), 0, -1), days, strict=True):
            outcome: Any = (
                Fetched(Reading(tuple(Row(str(i), {"id": i}) for i in range(what))), datetime.now(UTC), "https://x")
                if isinstance(what, int)
                else Failed(what, datetime.now(UTC), "https://x")  # type: ignore[arg-type]
            )
            record_board(store, days_ago(back), "greenhouse", Board(name=board), outcome)


class TestCheck:
    @pytest.fixture
    def kept(self, desk: Desk) -> Desk:
        desk.config.write_text(
            desk.config.read_text().replace("boards: []   # greenhouse's", "boards: [well, gone, down, new]")
        )
        url = f"sqlite:///{desk.cli.home / 'store.db'}"
        keep(url, "well", [10, 3])
        keep(url, "gone", [5, BoardGone("it answered 404"), BoardGone("it answered 404"), BoardGone("it answered 404")])
        keep(url, "down", [7, TransientFetchError("it [b]answered[/b] 503")])
        return desk

    def test_the_store_says_how_each_board_does(self, kept: Desk) -> None:
        done = kept.cli.run("boards", "check", "--json")
        assert done.code == 1
        boards = {board["board"]: board for board in done.json["boards"]}
        assert {name: board["state"] for name, board in boards.items()} == {
            "well": "ok",
            "gone": "gone",
            "down": "failing",
            "new": "unread",
        }
        assert done.json["counts"] == {"gone": 1, "failing": 1, "unread": 1, "ok": 1}
        assert boards["gone"]["gone"] is True
        assert (boards["gone"]["last_success_day"], boards["gone"]["rows"]) == (days_ago(4), 5)
        assert (boards["gone"]["days_since_success"], boards["gone"]["not_found_days"]) == (4, 3)
        assert boards["down"]["last_error"] == "it [b]answered[/b] 503"
        assert boards["well"]["drop"] == {"before": 10, "after": 3}
        assert kept.web.asked == []

    def test_people_see_a_table_and_what_to_do(self, kept: Desk) -> None:
        done = kept.cli.run("boards", "check")
        assert done.code == 1
        assert "greenhouse/gone: answered 404 on 3 ingestion days in a row or more: remove it from" in done.out
        assert "greenhouse/well: shrank from 10 to 3" in done.out
        assert f"greenhouse/down: {days_ago(1)} (failed): it [b]answered[/b] 503" in done.out
        assert "4 boards: 1 gone, 1 failing, 1 never read, 1 ok" in done.out

    def test_live_reads_each_once_and_stores_nothing(self, kept: Desk) -> None:
        for board in ("well", "down", "new"):
            kept.web.greenhouse(board, 4)
        with kept.cli.store(sandbox=False) as store:
            before = list(store.scan("raw_snapshots"))
        done = kept.cli.run("boards", "check", "--live", "--json")
        assert done.code == 1
        assert {board["board"]: board["state"] for board in done.json["boards"]} == {
            "well": "ok",
            "gone": "gone",
            "down": "ok",
            "new": "ok",
        }
        assert len(kept.web.asked) == 4
        with kept.cli.store(sandbox=False) as store:
            assert list(store.scan("raw_snapshots")) == before
        kept.web.greenhouse("gone", 1)
        assert kept.cli.ok("boards", "check", "--live", "--json").json["counts"]["ok"] == 4

    def test_the_boards_of_the_sandbox_can_be_looked_at(self, desk: Desk) -> None:
        counts = desk.process.ok("boards", "check", "--sandbox", "--live", "--json").json["counts"]
        assert counts["ok"] > 0
        assert counts["gone"] == counts["failing"] == counts["unread"] == 0
        assert desk.web.asked == []

    def test_without_boards_there_is_nothing_to_check(self, desk: Desk) -> None:
        done = desk.cli.run("boards", "check")
        assert done.code == 2
        assert "no board is configured" in done.errors[0]


def test_a_day_names_the_boards_that_are_gone_and_what_to_do(tmp_path: Path) -> None:
    config = tmp_path / "pipeline.yaml"
    config.write_text(f"home: {tmp_path}\n")
    settings = load_settings(config, sandbox=False)
    keep(settings.store, "gone", [BoardGone("it answered 404")] * settings.ats.gone_after_days)
    keep(settings.store, "well", [1])
    keep(settings.store, "unlucky", [2, BoardGone("it answered 404")])
    days = daily_partitions(settings.partitions.start)
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize(
            raw_listings_assets(days),
            selection=[raw_listings_key("greenhouse")],
            partition_key=days_ago(1),
            resources={"pipeline": Pipeline(config_path=str(config), sandbox=False)},
            instance=instance,
        )
    materialized = done.asset_materializations_for_node("raw_listings__greenhouse")[0]
    assert materialized.metadata["boards_gone"].value == 1
    check = done.get_asset_check_evaluations()[0]
    assert not check.passed
    assert check.metadata["boards_gone"].value == 1
    assert check.metadata["boards_failed"].value == 2
    assert check.description == (
        "Gone, with 404 on 7 ingestion days in a row or more: gone. "
        "For each: remove it from ats.greenhouse.boards, or correct its name there."
    )
