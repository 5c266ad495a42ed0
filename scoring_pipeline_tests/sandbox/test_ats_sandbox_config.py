"""The settings that lead to the loopback ATS reach every board, and the pipeline reads all that is there."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import orjson
import pytest
import structlog
from ats_kit import serving

from scoring_pipeline.ats.fetch import fetch_day
from scoring_pipeline.ats.raw import stored_rows
from scoring_pipeline.listings.normalize import ExcludedRow, Merged, Quarantined, normalize_rows
from scoring_pipeline.sandbox.ats_server import config_for
from scoring_pipeline.sandbox.boards import build_boards, iter_boards, rows_of, write_boards
from scoring_pipeline.settings import PROVIDERS, Ats, ProviderName, Settings
from scoring_pipeline.storage.opening import open_store


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("boards")
    write_boards(root, iter_boards())
    write_boards(root, [("greenhouse", "empty", {"jobs": [], "meta": {"total": 0}}), ("lever", "empty", [])])
    return root


@pytest.fixture(scope="module")
def base(folder: Path) -> Iterator[str]:
    with serving(folder) as url:
        yield url


@pytest.fixture(scope="module")
def client(base: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=f"{base}/ats", timeout=20) as opened:
        yield opened


class TestConfiguration:
    def test_it_is_a_valid_section_that_reaches_every_board(
        self, client: httpx2.Client, base: str, folder: Path
    ) -> None:
        section = Ats.model_validate(config_for(base, folder))
        assert section.greenhouse.base_url == f"{base}/ats/greenhouse"
        assert section.recruitee.base_url == f"{base}/ats/recruitee/{{board}}"
        for board in section.recruitee.boards:
            url = section.recruitee.base_url.replace("{board}", board.name)
            assert client.get(f"{url}/api/offers/").status_code == 200
        assert {"haldenpay", "empty"} <= {board.name for board in section.greenhouse.boards}

    def test_lever_and_ashby_boards_have_a_company_because_their_answers_do_not(self, base: str, folder: Path) -> None:
        section = Ats.model_validate(config_for(base + "/", folder))
        companies = {board.name: board.company for board in (*section.lever.boards, *section.ashby.boards)}
        assert companies["CasaLevante"] == "Casa Levante Hoteles"
        assert companies["openharbor.ai"] == "Open Harbor"
        assert companies["empty"] == "empty"

    def test_a_sibling_board_belongs_to_the_same_company(self, tmp_path: Path) -> None:
        write_boards(tmp_path, [("lever", "kestrelcloud-2", [])])
        assert config_for("http://127.0.0.1:1", tmp_path)["lever"]["boards"] == [
            {"name": "kestrelcloud-2", "company": "Kestrel Cloud"}
        ]

    def test_providers_without_files_have_no_boards_and_still_no_real_host(self, tmp_path: Path) -> None:
        section = config_for("http://127.0.0.1:1", tmp_path / "missing")
        assert all(
            each["boards"] == [] and each["base_url"].startswith("http://127.0.0.1:1/ats/") for each in section.values()
        )
        assert orjson.dumps(section)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_pipeline_reads_and_normalizes_every_row_of_the_sample(
    provider: ProviderName, base: str, tmp_path_factory: pytest.TempPathFactory, folder: Path
) -> None:
    settings = Settings(ats=Ats.model_validate(config_for(base, folder)))
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('store') / 'store.db'}")
    store.migrate()
    moment = datetime(2026, 11, 20, 9, tzinfo=UTC)
    summary = fetch_day(settings, store, "2026-11-20", provider, now=lambda: moment, log=structlog.get_logger())
    assert (summary.boards_failed, summary.boards_ok) == (0, summary.boards)
    outcomes = list(normalize_rows(stored_rows(store, "2026-11-20", provider)))
    store.close()
    assert len(outcomes) == sum(len(rows_of(provider, body)) for body in build_boards()[provider].values())
    assert [outcome for outcome in outcomes if isinstance(outcome, Quarantined)] == []
    excluded = Counter(outcome.rule for outcome in outcomes if isinstance(outcome, ExcludedRow))
    assert excluded == {"greenhouse": {"prospect_post": 1}, "ashby": {"unlisted": 1}}.get(provider, {})
    assert any(isinstance(outcome, Merged) for outcome in outcomes) == (provider == "workable")
