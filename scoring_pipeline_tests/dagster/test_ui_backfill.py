from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from ui_kit import Ui, running_ui

from scoring_pipeline.settings import load_settings
from scoring_pipeline.storage.opening import open_store

pytestmark = pytest.mark.slow

DAYS = 3
PUBLISHED = ("scored_listings", "daily_report")
ENDED = {"scored", "reused", "rule_scored"}


@dataclass(frozen=True)
class Launched:
    """Two backfills, launched together: the daemon looks after backfills twice a minute only."""

    ui: Ui
    days: list[str]
    backfill: str
    unread_day: str
    unread_backfill: str

    def ended(self, backfill: str) -> str | None:
        """Return how a backfill has ended, None while it has not."""
        status = self.ui.backfill_status(backfill)
        return status if status.startswith("COMPLETED") or status == "FAILED" else None


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    with running_ui(tmp_path_factory.mktemp("ui")) as ui:
        stored = _stored_days(ui.home)
        # Not from the first on: with the second, edits begin.
        days = stored[1 : 1 + DAYS]
        assert len(days) == DAYS
        unread = (date.fromisoformat(stored[0]) - timedelta(days=1)).isoformat()
        backfills = [ui.launch_backfill("daily_job", chosen) for chosen in (days, [unread])]
        yield Launched(ui, days, backfills[0], unread, backfills[1])


def _stored_days(home: Path) -> list[str]:
    """Return the days of the history that `dev` made, the oldest first."""
    return sorted(path.name for path in (home / "sandbox" / "history").iterdir())


def _in_flight(ui: Ui) -> list[dict[str, Any]]:
    return [run for run in ui.runs() if run["status"] not in {"SUCCESS", "FAILURE", "CANCELED"}]


def _tag(run: dict[str, Any], key: str) -> str:
    return next((tag["value"] for tag in run["tags"] if tag["key"] == key), "")


def _day(run: dict[str, Any]) -> str:
    return _tag(run, "dagster/partition")


def test_past_days_launched_from_the_ui_end_scored_and_reported_and_nothing_is_bought_twice(
    launched: Launched, monkeypatch: pytest.MonkeyPatch
) -> None:
    ui, days = launched.ui, launched.days

    def all_published() -> bool | None:
        failed = [run for run in ui.runs() if run["status"] == "FAILURE" and _day(run) != launched.unread_day]
        assert failed == [], f"{failed}\n{ui.said()}"
        return all(ui.materialized(asset, days) == set(days) for asset in PUBLISHED) or None

    # The sensor collects early days while late ones are still being submitted: there is no order to wait in.
    ui.until("every day is published", all_published, seconds=300)
    ended = ui.until("the backfill has ended", lambda: launched.ended(launched.backfill), seconds=120)
    assert ended == "COMPLETED_SUCCESS"
    ui.until("nothing runs any more", lambda: not _in_flight(ui) or None, seconds=30)

    _assert_runs([run for run in ui.runs() if _day(run) != launched.unread_day], days)
    _assert_store(ui.home, days, monkeypatch)
    _assert_journal()


def test_a_day_that_was_never_read_fails_in_the_ui_and_stays_missing(launched: Launched) -> None:
    ui, day = launched.ui, launched.unread_day
    ended = ui.until("the backfill has ended", lambda: launched.ended(launched.unread_backfill), seconds=120)
    assert ended == "COMPLETED_FAILED"
    for asset in ("raw_listings/greenhouse", "normalized_listings", "work_set", "batch_jobs", *PUBLISHED):
        assert ui.materialized(asset, [day]) == set()


def _assert_runs(runs: list[dict[str, Any]], days: list[str]) -> None:
    assert {run["status"] for run in runs} == {"SUCCESS"}
    for job in ("daily_job", "finalize_job"):
        assert sorted(_day(run) for run in runs if run["jobName"] == job) == days
    keys = [key for run in runs if (key := _tag(run, "dagster/run_key"))]
    assert len(set(keys)) == len(keys)


def _assert_store(home: Path, days: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORING_HOME", str(home))
    store = open_store(load_settings(sandbox=True).store)
    for day in days:
        items = store.group_count("work_items", "status", {"partition": day})
        assert items, day
        assert set(items) <= ENDED
        assert (store.get("partitions", day) or {})["status"] == "finalized"
    assert set(store.group_count("batches", "status")) <= {"collected"}
    assert set(store.group_count("requests", "status")) == {"answered"}
    # The days share most of their listings: what one bought, the others reuse.
    items = store.count("work_items", {"partition": {"$in": days}})
    assert store.count("attempts") == store.count("requests") < items / 2
    store.close()


def _assert_journal() -> None:
    settings = load_settings(sandbox=True)
    url = settings.llm.providers["openai"].base_url.removesuffix("/v1")
    with httpx2.Client(trust_env=False, timeout=10.0) as client:
        journal = client.get(f"{url}/sandbox/journal").json()
    assert journal["requests"]["answered"] > 0
    assert journal["bodies"]["answered_more_than_once"] == 0
    assert journal["custom_ids"]["answered_more_than_once"] == 0
