import os
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg  # noqa: TID251 - these tests are about what Dagster sees
import orjson
import pytest
from dagster_kit import DAY, checks, failure_messages, materialized, opened, run_job, settings_at

from scoring_pipeline.ats.importing import import_folder
from scoring_pipeline.batches.engine import Engine
from scoring_pipeline.defs.scoring.sensors import evaluate
from scoring_pipeline.sandbox.boards import build_boards, write_boards
from scoring_pipeline.settings import PROVIDERS, Board, Budget, Settings
from scoring_pipeline.storage.port import DocumentStore

DAY_ASSETS = {
    *(f"raw_listings/{provider}" for provider in PROVIDERS),
    "candidate_profiles",
    "normalized_listings",
    "work_set",
    "batch_jobs",
}


def _value(metadata: Any, name: str) -> Any:
    return metadata[name].value


def _rows(metadata: Any, name: str) -> list[dict[str, Any]]:
    assert isinstance(metadata[name], dg.TableMetadataValue), f"{name} is shown as a table"
    return [dict(record.data) for record in metadata[name].records]


def _import(settings: Settings, boards: dict[str, Any], folder: Path, day: str = DAY) -> None:
    """File Greenhouse boards, by name, as a day's raw documents."""
    write_boards(folder, [("greenhouse", name, body) for name, body in boards.items()])
    store = opened(settings)
    import_folder(settings, store, day, folder, now=settings.clock.now)
    store.close()


def _board(rows: int, *, broken: int = 0) -> dict[str, Any]:
    """Return a Greenhouse board of so many rows, of which some lack what a listing cannot do without."""
    sample = next(iter(build_boards()["greenhouse"].values()))
    template = orjson.dumps(sample["jobs"][0])
    jobs = []
    for number in range(rows):
        job = orjson.loads(template) | {"id": 9_000_000 + number, "title": f"Data Engineer {number}"}
        jobs.append({**job, "title": None} if number < broken else job)
    return {"jobs": jobs, "meta": {"total": rows}}


@pytest.fixture
def offline(tmp_path: Path) -> Settings:
    """Settings of a real account without budget, and no board to read."""
    return settings_at(tmp_path / "home")


@pytest.fixture
def store(sandboxed: Settings) -> Iterator[DocumentStore]:
    found = opened(sandboxed)
    yield found
    found.close()


def test_a_day_goes_from_boards_to_submitted_batches_and_its_metadata_adds_up(
    sandboxed: Settings, instance: dg.DagsterInstance, store: DocumentStore
) -> None:
    day = sandboxed.clock.today()
    result = run_job(sandboxed, "daily_job", day, instance)

    assert result.success
    done = materialized(result)
    assert set(done) == DAY_ASSETS
    assert {name: event.partition for name, event in done.items()} == {
        name: None if name == "candidate_profiles" else day for name in DAY_ASSETS
    }
    assert all(check.passed for check in checks(result).values())

    rows = 0
    for provider in PROVIDERS:
        raw = done[f"raw_listings/{provider}"].metadata
        boards = _rows(raw, "boards_read")
        assert (_value(raw, "boards"), _value(raw, "boards_failed"), _value(raw, "read_live")) == (len(boards), 0, True)
        assert _value(raw, "dagster/row_count") == sum(board["rows"] for board in boards) > 0
        rows += _value(raw, "dagster/row_count")

    normalized = done["normalized_listings"].metadata
    assert _value(normalized, "rows") == rows
    parts = ("normalized", "merged", "excluded", "quarantined")
    assert sum(_value(normalized, part) for part in parts) == rows
    assert _value(normalized, "dagster/row_count") == store.count("daily_listings", {"day": day})
    assert {"title", "company"} <= set(_rows(normalized, "sample")[0])

    profiles = _value(done["candidate_profiles"].metadata, "dagster/row_count")
    assert profiles == len(_rows(done["candidate_profiles"].metadata, "profiles"))

    work = done["work_set"].metadata
    assert _value(work, "dagster/row_count") == _value(normalized, "dagster/row_count") * profiles
    estimate = _rows(work, "estimate")
    assert sum(row["requests"] for row in estimate) == _value(work, "new_requests")
    assert sum(row["expected_usd"] for row in estimate) == pytest.approx(_value(work, "estimated_usd"))
    assert 0 < _value(work, "estimated_usd") < _value(work, "estimated_usd_at_most")
    assert _value(work, "sandbox") is True

    batches = _rows(done["batch_jobs"].metadata, "batches")
    assert _value(done["batch_jobs"].metadata, "dagster/row_count") == len(batches) > 0
    assert sum(batch["requests"] for batch in batches) == _value(work, "new_requests")
    assert all(batch["provider_batch_id"] for batch in batches)


def test_the_same_day_once_more_reads_the_boards_and_buys_nothing(
    sandboxed: Settings, instance: dg.DagsterInstance, store: DocumentStore
) -> None:
    day = sandboxed.clock.today()
    run_job(sandboxed, "daily_job", day, instance)
    batches = store.count("batches")

    again = materialized(run_job(sandboxed, "daily_job", day, instance))
    assert _value(again["work_set"].metadata, "new_requests") == 0
    assert _value(again["batch_jobs"].metadata, "created_now") == 0
    assert store.count("batches") == batches


def test_the_sensor_sees_a_day_through_to_its_report_and_no_run_key_is_used_twice(
    sandboxed: Settings, instance: dg.DagsterInstance, store: DocumentStore
) -> None:
    day = sandboxed.clock.today()
    assert run_job(sandboxed, "daily_job", day, instance).success

    keys, jobs, last = _drive(sandboxed, store, instance)
    assert len(set(keys)) == len(keys)
    assert (set(jobs[:-1]), jobs[-1]) == ({"collect_job"}, "finalize_job")

    scored = materialized(last)["scored_listings"]
    items = store.group_count("work_items", "status", {"partition": day})
    assert set(items) <= {"scored", "reused", "rule_scored"}
    assert _value(scored.metadata, "dagster/row_count") == items["scored"] + items.get("reused", 0)
    assert _value(scored.metadata, "published") == store.count("scored_listings", {"partition": day})
    assert _rows(scored.metadata, "sample")
    assert checks(last)["scored_listings:every_item_was_scored"].passed

    report = materialized(last)["daily_report"].metadata
    assert _value(report, "status") == "finalized"
    assert _value(report, "items_total") == sum(items.values())
    spend = _rows(report, "spend_by_model")
    assert sum(row["usd"] for row in spend) == pytest.approx(_value(report, "spend_usd"))
    assert {row["profile"] for row in _rows(report, "best_matches")} == {
        profile["_id"] for profile in store.scan("profiles")
    }
    observed = instance.fetch_observations(dg.AssetKey("scored_listings"), limit=10).records
    assert {record.partition_key for record in observed} == {day}, "progress shows before anything is materialized"


def _drive(
    settings: Settings, store: DocumentStore, instance: dg.DagsterInstance
) -> tuple[list[str], list[str], dg.ExecuteInProcessResult]:
    """Carry out what the sensor asks for, until no day is open; return run keys, jobs and the last run."""
    engine = Engine.of(settings, store)
    keys, jobs, last, pause = [], [], None, threading.Event()
    for _ in range(200):
        outcome = evaluate(instance, engine)
        if isinstance(outcome, dg.SkipReason):
            if "no day is open" in str(outcome.skip_message):
                assert last is not None
                return keys, jobs, last
            pause.wait(0.1)
            continue
        for request in outcome.run_requests or []:
            keys.append(str(request.run_key))
            jobs.append(str(request.job_name))
            last = run_job(settings, jobs[-1], str(request.partition_key), instance, tags=dict(request.tags))
            assert last.success, failure_messages(last)
    pytest.fail(f"the day is still open after {jobs}")


def test_a_run_says_which_process_executes_it(offline: Settings, instance: dg.DagsterInstance) -> None:
    run = instance.get_run_by_id(run_job(offline, "daily_job", DAY, instance).run_id)
    assert run is not None
    assert run.tags["scoring/owner"].split(":")[1] == str(os.getpid())


def test_a_board_that_fails_is_counted_and_named_and_the_day_goes_on(
    sandboxed: Settings, instance: dg.DagsterInstance
) -> None:
    greenhouse = sandboxed.ats.greenhouse
    boards = (*greenhouse.boards, Board(name="nobody-here"))
    ats = sandboxed.ats.model_copy(update={"greenhouse": greenhouse.model_copy(update={"boards": boards})})
    settings = sandboxed.model_copy(update={"ats": ats})

    result = run_job(settings, "daily_job", settings.clock.today(), instance)

    assert result.success
    assert set(materialized(result)) == DAY_ASSETS
    raw = materialized(result)["raw_listings/greenhouse"].metadata
    assert (_value(raw, "boards"), _value(raw, "boards_failed")) == (len(boards), 1)
    check = checks(result)["raw_listings/greenhouse:every_board_was_read"]
    assert (check.passed, check.blocking, check.severity) == (False, False, dg.AssetCheckSeverity.WARN)
    (failed,) = _rows(check.metadata, "failed")
    assert failed["board"] == "nobody-here"
    assert "404" in failed["error"]
    assert checks(result)["raw_listings/lever:every_board_was_read"].passed


def test_a_provider_that_is_wholly_away_does_not_stop_the_others(
    sandboxed: Settings, instance: dg.DagsterInstance
) -> None:
    away = sandboxed.ats.lever.model_copy(update={"base_url": "http://127.0.0.1:9/ats/lever"})
    ats = sandboxed.ats.model_copy(update={"lever": away, "backoff_seconds": 0.01})
    settings = sandboxed.model_copy(update={"ats": ats})

    result = run_job(settings, "daily_job", settings.clock.today(), instance)

    assert result.success
    raw = materialized(result)["raw_listings/lever"].metadata
    assert _value(raw, "boards_failed") == _value(raw, "boards") > 0
    assert not checks(result)["raw_listings/lever:every_board_was_read"].passed
    assert _value(materialized(result)["batch_jobs"].metadata, "created_now") > 0


def test_a_check_that_fails_lets_nothing_be_bought_and_says_what_is_missing(
    offline: Settings, instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    settings = offline.model_copy(update={"budget": Budget(daily_usd=Decimal(5), monthly_usd=Decimal(50))})
    _import(settings, {"acme": _board(3)}, tmp_path / "boards")
    result = run_job(settings, "daily_job", DAY, instance)

    assert not result.success
    check = checks(result)["work_set:may_be_bought"]
    assert (check.passed, check.blocking) == (False, True)
    assert "OPENAI_API_KEY is not set" in check.metadata["problems"].value
    assert set(materialized(result)) == DAY_ASSETS - {"batch_jobs"}
    assert _value(materialized(result)["work_set"].metadata, "estimated_usd") > 0
    store = opened(settings)
    assert store.count("batches") == 0
    assert (store.get("partitions", DAY) or {})["status"] == "gated"
    store.close()

    other = run_job(settings, "submit_job", DAY, instance)
    assert materialized(other) == {}
    assert f"partition {DAY} may not be submitted" in failure_messages(other)["batch_jobs"]


def test_a_real_endpoint_without_a_budget_opens_no_day_and_buys_nothing(
    offline: Settings, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    _import(offline, {"acme": _board(3)}, tmp_path / "boards")
    result = run_job(offline, "daily_job", DAY, instance)

    assert not result.success
    assert "batch_jobs" not in materialized(result)
    told = [*failure_messages(result).values(), *(str(check.metadata) for check in checks(result).values())]
    assert any("budget.daily_usd and budget.monthly_usd must be set" in text for text in told)
    store = opened(offline)
    assert store.count("batches") == 0
    assert not store.exists("partitions", {"status": "open"})
    store.close()


def test_a_refused_day_cannot_be_submitted_by_another_run_either(
    offline: Settings, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    _import(offline, {"acme": _board(3)}, tmp_path / "boards")
    run_job(offline, "daily_job", DAY, instance)

    result = run_job(offline, "submit_job", DAY, instance)
    assert not result.success
    assert materialized(result) == {}
    assert "budget.daily_usd" in failure_messages(result)["batch_jobs"]


def test_a_day_that_was_never_planned_cannot_be_submitted(sandboxed: Settings, instance: dg.DagsterInstance) -> None:
    result = run_job(sandboxed, "submit_job", DAY, instance)
    assert not result.success
    assert materialized(result) == {}
    assert f"partition {DAY} may not be submitted" in failure_messages(result)["batch_jobs"]


@pytest.mark.parametrize(
    ("broken", "passes"),
    [
        pytest.param(2, True, id="2 of 40 rows are the 5% that may be broken"),
        pytest.param(
            3, False, id="3 of 40 rows are more: a format has changed, and money would go to a part of the day"
        ),
    ],
)
def test_quarantine_blocks_what_follows_when_it_is_not_rare(
    sandboxed: Settings, instance: dg.DagsterInstance, tmp_path: Path, broken: int, passes: bool
) -> None:
    _import(sandboxed, {"acme": _board(40, broken=broken)}, tmp_path / "boards")
    result = run_job(sandboxed, "daily_job", DAY, instance)

    assert ("work_set" in materialized(result)) is passes
    normalized = materialized(result)["normalized_listings"].metadata
    assert _value(normalized, "quarantined") == broken
    check = checks(result)["normalized_listings:quarantine_is_rare"]
    assert (check.passed, check.blocking) == (passes, True)
    examples = _rows(check.metadata, "examples")
    assert examples, "the check shows what did not fit"
    assert all("title" in str(example) for example in examples)


def test_a_past_day_with_nothing_stored_fails_and_says_what_to_do(
    offline: Settings, instance: dg.DagsterInstance
) -> None:
    result = run_job(offline, "daily_job", DAY, instance)

    assert not result.success
    assert [name for name, event in materialized(result).items() if event.partition] == []
    messages = failure_messages(result)
    assert set(messages) == {f"raw_listings__{provider}" for provider in PROVIDERS}
    for message in messages.values():
        assert f"nothing is stored for {DAY}" in message
        assert f"scoring-pipeline raw import --day {DAY}" in message


@pytest.mark.parametrize(
    "alone",
    [
        pytest.param(
            "normalized_listings", id="a day that was not read has no listings, which is not a day without any"
        ),
        pytest.param("work_set", id="a day that was not normalized has no work, and must not end as done"),
    ],
)
def test_an_asset_materialized_alone_refuses_a_day_whose_upstream_is_missing(
    sandboxed: Settings, instance: dg.DagsterInstance, alone: str
) -> None:
    result = run_job(sandboxed, "daily_job", DAY, instance, only=[alone])

    assert not result.success
    assert materialized(result) == {}
    assert DAY in failure_messages(result)[alone]
    store = opened(sandboxed)
    assert not store.exists("partitions", {"status": "open"})
    store.close()


def test_a_past_day_replays_what_was_stored_and_reads_no_board(
    sandboxed: Settings, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    _import(sandboxed, {"acme": _board(3)}, tmp_path / "boards")
    result = run_job(sandboxed, "daily_job", DAY, instance)

    assert result.success
    done = materialized(result)
    assert _value(done["raw_listings/greenhouse"].metadata, "read_live") is False
    assert _value(done["raw_listings/greenhouse"].metadata, "dagster/row_count") == 3
    assert _value(done["raw_listings/lever"].metadata, "boards") == 0
    assert _value(done["normalized_listings"].metadata, "dagster/row_count") == 3
