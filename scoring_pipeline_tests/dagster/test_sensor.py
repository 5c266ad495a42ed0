from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg  # noqa: TID251 - these tests are about what Dagster sees
import pytest
from dagster_kit import DAY, FakeBatchApi, Seeds, add_run, definitions_of, engine_on, opened, settings_at

from scoring_pipeline.batches.days import finalize_day, pause_day
from scoring_pipeline.batches.engine import Engine
from scoring_pipeline.batches.lease import Owner, held
from scoring_pipeline.definitions import build_defs
from scoring_pipeline.defs.owners import OWNER_TAG
from scoring_pipeline.defs.scoring.sensors import JOB_OF, MOST_FAILURES, evaluate, run_tags
from scoring_pipeline.resources import Pipeline
from scoring_pipeline.storage.port import StoreError

OTHER_DAY = "2026-10-21"
FAILURE, SUCCESS = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS


@dataclass(frozen=True)
class World:
    """One sensor's surroundings: an instance, an engine on a store of its own, a provider made by hand."""

    instance: dg.DagsterInstance
    engine: Engine
    api: FakeBatchApi
    seeds: Seeds

    def requests(self) -> list[dg.RunRequest]:
        """Evaluate a tick that is expected to request runs."""
        outcome = evaluate(self.instance, self.engine)
        assert isinstance(outcome, dg.SensorResult), outcome
        return list(outcome.run_requests or [])

    def skip(self) -> str:
        """Evaluate a tick that is expected to skip, and return why."""
        outcome = evaluate(self.instance, self.engine)
        assert isinstance(outcome, dg.SkipReason), outcome
        return outcome.skip_message or ""

    def ran(self, status: dg.DagsterRunStatus, action: str = "collect", day: str = DAY, **tags: str) -> dg.DagsterRun:
        """Record a run of a step of a day."""
        return add_run(self.instance, status, {**run_tags(day, action), **tags}, JOB_OF[action])


@pytest.fixture
def world(instance: dg.DagsterInstance, tmp_path: Path) -> Iterator[World]:
    settings = settings_at(tmp_path)
    store = opened(settings)
    api = FakeBatchApi()
    engine = engine_on(settings, store, api)
    yield World(instance, engine, api, Seeds(engine))
    store.close()


def test_nothing_is_asked_of_anybody_while_no_day_is_open(world: World) -> None:
    world.api.down = True
    assert "no day is open" in world.skip()


def test_a_day_whose_checks_have_not_passed_is_not_open(world: World) -> None:
    world.seeds.batch("completed")
    world.engine.store.upsert("partitions", [{"_id": DAY, "status": "gated", "revision": 1}])
    assert "no day is open" in world.skip()


def test_one_collecting_run_is_requested_for_a_day_however_many_batches_have_ended(world: World) -> None:
    world.seeds.day()
    for number in range(3):
        world.api.becomes(world.seeds.batch("in_progress", number=number), "completed")
    (request,) = world.requests()
    assert (request.job_name, request.partition_key) == ("collect_job", DAY)
    assert request.tags["scoring/partition"] == DAY
    assert request.tags["scoring/action"] == "collect"
    assert request.run_key


def test_each_day_gets_a_run_of_its_own(world: World) -> None:
    for day in (DAY, OTHER_DAY):
        world.seeds.day(day)
        world.api.becomes(world.seeds.batch("in_progress", day=day), "completed")
    requests = world.requests()
    assert [request.partition_key for request in requests] == [DAY, OTHER_DAY]
    assert len({request.run_key for request in requests}) == 2


def test_statuses_are_written_as_they_are_read_even_where_no_run_follows(world: World) -> None:
    world.seeds.day()
    world.api.becomes(world.seeds.batch("validating"), "in_progress")
    world.skip()
    assert world.engine.store.group_count("batches", "status") == {"in_progress": 1}


@pytest.mark.parametrize(
    "status",
    [
        pytest.param(dg.DagsterRunStatus.NOT_STARTED, id="it was created and not queued yet"),
        pytest.param(dg.DagsterRunStatus.QUEUED, id="it waits for a slot"),
        pytest.param(dg.DagsterRunStatus.STARTING, id="its process starts"),
        pytest.param(dg.DagsterRunStatus.STARTED, id="it is at work"),
        pytest.param(dg.DagsterRunStatus.CANCELING, id="it was cancelled and has not ended"),
    ],
)
def test_no_second_run_is_requested_while_one_is_in_flight(world: World, status: dg.DagsterRunStatus) -> None:
    world.seeds.day()
    world.seeds.batch("completed")
    world.ran(status)
    assert f"{DAY}: a run to collect it is under way" in world.skip()


@pytest.mark.parametrize(
    ("action", "day"),
    [
        pytest.param("submit", DAY, id="another step of the same day"),
        pytest.param("collect", OTHER_DAY, id="the same step of another day"),
    ],
)
def test_a_run_in_flight_holds_back_only_its_own_step_and_day(world: World, action: str, day: str) -> None:
    world.seeds.day()
    world.seeds.batch("completed")
    world.ran(dg.DagsterRunStatus.STARTED, action, day)
    assert [request.partition_key for request in world.requests()] == [DAY]


def test_a_run_whose_process_was_killed_is_failed_and_replaced_at_once(world: World) -> None:
    world.seeds.day()
    world.seeds.batch("completed")
    gone = replace(Owner.this_process(), started="1")
    killed = world.ran(dg.DagsterRunStatus.STARTED, **{OWNER_TAG: str(gone)})
    assert len(world.requests()) == 1
    after = world.instance.get_run_by_id(killed.run_id)
    assert after is not None
    assert after.status == FAILURE


def test_a_run_on_another_machine_is_never_taken_for_dead(world: World) -> None:
    world.seeds.day()
    world.seeds.batch("completed")
    elsewhere = replace(Owner.this_process(), host="another-machine", started="1")
    world.ran(dg.DagsterRunStatus.STARTED, **{OWNER_TAG: str(elsewhere)})
    assert "is under way" in world.skip()


def test_after_a_failed_run_another_is_requested_under_a_fresh_key(world: World) -> None:
    world.seeds.day()
    world.seeds.batch("completed")
    keys = []
    for _ in range(MOST_FAILURES - 1):
        keys += [request.run_key for request in world.requests()]
        world.ran(FAILURE)
    assert len(set(keys)) == MOST_FAILURES - 1


def test_the_same_state_is_asked_for_under_the_same_key_until_a_run_is_there(world: World) -> None:
    world.seeds.day()
    world.seeds.batch("completed")
    assert world.requests()[0].run_key == world.requests()[0].run_key


@pytest.mark.parametrize(
    "deleted", [pytest.param(0, id="the oldest is deleted"), pytest.param(1, id="the newest is deleted")]
)
def test_deleting_a_run_never_brings_back_the_key_of_one_that_is_still_there(world: World, deleted: int) -> None:
    world.seeds.day()
    world.seeds.batch("completed")
    runs, keys = [], []
    for _ in range(2):
        keys.append(world.requests()[0].run_key)
        runs.append(world.ran(FAILURE, **{"dagster/run_key": str(keys[-1])}))
    world.instance.delete_run(runs[deleted].run_id)
    assert world.requests()[0].run_key != keys[1 - deleted]


def test_after_too_many_failures_in_a_row_it_stops_and_says_what_to_do(world: World) -> None:
    world.seeds.day()
    world.seeds.batch("completed")
    for _ in range(MOST_FAILURES):
        world.ran(FAILURE)
    assert f"{DAY}: the last {MOST_FAILURES} runs to collect it failed: look at them" in world.skip()


def test_a_success_in_between_starts_the_count_of_failures_anew(world: World) -> None:
    world.seeds.day()
    world.seeds.batch("completed")
    for status in (FAILURE, SUCCESS, *([FAILURE] * (MOST_FAILURES - 1))):
        world.ran(status)
    assert len(world.requests()) == 1


def test_a_day_that_is_stopped_does_not_stop_the_others(world: World) -> None:
    for day in (DAY, OTHER_DAY):
        world.seeds.day(day)
        world.seeds.batch("completed", day=day)
    for _ in range(MOST_FAILURES):
        world.ran(FAILURE)
    assert [request.partition_key for request in world.requests()] == [OTHER_DAY]


def test_it_waits_while_somebody_holds_the_lease_and_goes_on_after(world: World) -> None:
    world.seeds.day()
    world.seeds.batch("completed")
    with held(world.engine.store, DAY, world.engine.settings.clock):
        assert "another process works on it" in world.skip()
    assert len(world.requests()) == 1


def test_a_provider_that_does_not_answer_fails_the_tick_and_is_named(world: World) -> None:
    world.seeds.day()
    world.seeds.batch("in_progress")
    world.api.down = True
    with pytest.raises(dg.Failure, match="listing batches at openai: APIConnectionError"):
        evaluate(world.instance, world.engine)


def test_a_provider_that_does_not_answer_does_not_keep_what_has_ended_from_being_collected(world: World) -> None:
    world.seeds.day()
    world.seeds.batch("in_progress", number=1)
    world.seeds.batch("completed", number=2)
    world.api.down = True
    assert [request.job_name for request in world.requests()] == ["collect_job"]


def test_a_store_that_cannot_be_read_is_not_a_quiet_day(world: World) -> None:
    world.engine.store.close()
    with pytest.raises(StoreError):
        evaluate(world.instance, world.engine)


def test_a_day_without_waiting_items_is_finalized(world: World) -> None:
    world.seeds.day()
    world.seeds.batch("collected")
    assert [request.job_name for request in world.requests()] == ["finalize_job"]


def test_a_finalized_day_is_left_alone(world: World) -> None:
    world.seeds.day()
    assert finalize_day(world.engine.store, DAY, 1, now=world.engine.settings.clock.now())
    assert "no day is open" in world.skip()


def test_what_is_pending_is_submitted_by_a_run_of_its_own(world: World) -> None:
    world.seeds.day()
    world.seeds.request("pending")
    assert [request.job_name for request in world.requests()] == ["submit_job"]


def test_while_submission_rests_no_run_is_requested(world: World) -> None:
    world.seeds.day()
    world.seeds.request("pending")
    pause_day(world.engine.store, DAY, now=world.engine.settings.clock.now())
    assert f"{DAY}: waits: submission rests" in world.skip()


def test_a_resting_day_that_needs_another_days_request_runs_nothing_in_vain(world: World) -> None:
    world.seeds.day()
    world.engine.store.upsert("requests", [{"_id": "theirs", "status": "pending", "partition": OTHER_DAY}])
    world.seeds.item("theirs")
    pause_day(world.engine.store, DAY, now=world.engine.settings.clock.now())
    assert f"{DAY}: waits" in world.skip()


def test_a_day_waits_for_what_another_day_has_bought_and_says_so(world: World) -> None:
    world.seeds.day()
    world.engine.store.upsert("requests", [{"_id": "theirs", "status": "planned", "partition": OTHER_DAY}])
    world.seeds.item("theirs")
    assert f"{DAY}: waits: requests that another day has bought" in world.skip()


def test_a_batch_that_vanished_is_left_to_a_person_and_named_on_every_tick(world: World) -> None:
    world.seeds.day()
    world.seeds.batch("in_progress")
    for _ in range(2):
        assert "1 batches vanished at the provider: a person has to decide" in world.skip()


def test_the_skip_message_says_how_much_is_at_the_provider(world: World) -> None:
    world.seeds.day()
    for number in range(2):
        world.api.becomes(world.seeds.batch("in_progress", number=number), "in_progress")
    assert f"2 batches asked about; {DAY}: waits: 2 batches at the provider" in world.skip()


def test_ticks_leave_no_open_file_behind(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    engine = engine_on(settings, opened(settings), FakeBatchApi())
    Seeds(engine).day()
    Seeds(engine).batch("completed")
    with dg.instance_for_test() as instance:
        open_files = [_tick(instance, tmp_path) for _ in range(12)]
    engine.store.close()
    assert open_files[-1] == open_files[1]


def _tick(instance: dg.DagsterInstance, home: Path) -> int:
    """Evaluate the sensor as the code server does, with a resource made anew, and count open files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCORING_HOME", str(home))
        definitions = build_defs().get_repository_def()
        resources = {"pipeline": Pipeline(sandbox=False)}
        with dg.build_sensor_context(instance=instance, repository_def=definitions, resources=resources) as context:
            tick = definitions.get_sensor_def("batch_sensor").evaluate_tick(context)
    assert [request.partition_key for request in tick.run_requests or []] == [DAY]
    return len(list(Path("/proc/self/fd").iterdir()))


def test_requested_runs_name_jobs_and_partitions_that_exist(world: World) -> None:
    world.seeds.day()
    world.seeds.batch("completed")
    definitions = definitions_of(world.engine.settings)
    (request,) = world.requests()
    job = definitions.resolve_job_def(str(request.job_name))
    assert job.partitions_def is not None
    assert request.partition_key in job.partitions_def.get_partition_keys()
