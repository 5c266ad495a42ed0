import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg  # noqa: TID251 - these tests are about what Dagster sees
import pytest

import scoring_pipeline
from scoring_pipeline.definitions import build_defs, defs
from scoring_pipeline.settings import PROVIDERS, Partitions

PACKAGE = Path(scoring_pipeline.__file__).parent
ROOMS = (
    "storage",
    "ats",
    "listings",
    "llm",
    "scoring",
    "matching",
    "routing",
    "spend",
    "batches",
    "realtime",
    "reporting",
    "api",
    "sandbox",
)
KNOWS_DAGSTER = ("defs", "resources", "definitions")
COMMON = ("settings", "values")
# Writing the configuration file: for the command line only, below no room and above none.
CONFIGURATION = ("config_edit", "config_file")
MAY_IMPORT_ANYTHING = (*KNOWS_DAGSTER, "cli")

ASSETS = {
    *(f"raw_listings/{provider}" for provider in ("greenhouse", "lever", "ashby", "workable", "recruitee")),
    "normalized_listings",
    "candidate_profiles",
    "work_set",
    "batch_jobs",
    "scored_listings",
    "daily_report",
}
START = date(2026, 10, 1)


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return build_defs(partitions=Partitions(start=START, sensor_seconds=30))


def _specs(definitions: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}


def test_the_definitions_load_as_the_server_loads_them(definitions: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(definitions)


def test_what_workspace_yaml_names_gives_the_same_definitions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORING_CONFIG", str(PACKAGE.parent / "config" / "pipeline.yaml"))
    monkeypatch.delenv("SCORING_SANDBOX", raising=False)
    assert set(_specs(defs.load_fn())) == ASSETS


def test_every_asset_is_there_and_no_other(definitions: dg.Definitions) -> None:
    assert set(_specs(definitions)) == ASSETS


def test_the_graph_runs_from_boards_to_the_report(definitions: dg.Definitions) -> None:
    edges = {(dep.asset_key.to_user_string(), name) for name, spec in _specs(definitions).items() for dep in spec.deps}
    assert edges == {
        *((f"raw_listings/{provider}", "normalized_listings") for provider in PROVIDERS),
        ("normalized_listings", "work_set"),
        ("candidate_profiles", "work_set"),
        ("work_set", "batch_jobs"),
        ("batch_jobs", "scored_listings"),
        ("scored_listings", "daily_report"),
    }


def test_there_are_four_jobs(definitions: dg.Definitions) -> None:
    jobs = {job.name for job in definitions.resolve_all_job_defs()} - {"__ASSET_JOB"}
    assert jobs == {"daily_job", "submit_job", "collect_job", "finalize_job"}
    assert all(job.description for job in definitions.resolve_all_job_defs() if job.name in jobs)


def test_every_job_runs_its_steps_in_the_process_of_its_run(definitions: dg.Definitions) -> None:
    # A run's owner is noted once and read as "alive or not": a process a step would be gone between two steps.
    assert {job.executor_def.name for job in definitions.resolve_all_job_defs()} == {"in_process"}


@pytest.mark.parametrize(
    ("job", "assets"),
    [
        pytest.param(
            "daily_job",
            ASSETS - {"scored_listings", "daily_report"},
            id="the day ends at batch_jobs, so that a backfill is green when everything is submitted",
        ),
        pytest.param("submit_job", {"batch_jobs"}, id="a further submission reads no board and plans no item"),
        pytest.param("finalize_job", {"scored_listings", "daily_report"}, id="finalizing only publishes"),
    ],
)
def test_a_job_materializes(definitions: dg.Definitions, job: str, assets: set[str]) -> None:
    keys = definitions.resolve_job_def(job).asset_layer.executable_asset_keys
    assert {key.to_user_string() for key in keys} == assets


def test_the_schedule_waits_for_a_person_to_switch_it_on(definitions: dg.Definitions) -> None:
    schedule = definitions.get_repository_def().get_schedule_def("daily_schedule")
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 6 * * *", "UTC")


def test_the_schedule_of_a_morning_asks_for_that_very_day(definitions: dg.Definitions) -> None:
    schedule = definitions.get_repository_def().get_schedule_def("daily_schedule")
    morning = dg.build_schedule_context(scheduled_execution_time=datetime(2026, 11, 21, 6, tzinfo=UTC))
    requested = schedule.evaluate_tick(morning).run_requests
    assert [(request.partition_key, request.run_key) for request in requested or []] == [("2026-11-21", "2026-11-21")]


def test_the_sensor_runs_from_the_start_at_the_configured_pace(definitions: dg.Definitions) -> None:
    sensor = definitions.get_repository_def().get_sensor_def("batch_sensor")
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 30
    assert {job.name for job in sensor.jobs} == {"submit_job", "collect_job", "finalize_job"}


@pytest.mark.parametrize("name", sorted(ASSETS))
def test_an_asset_says_what_it_is_and_whom_to_ask(definitions: dg.Definitions, name: str) -> None:
    spec = _specs(definitions)[name]
    description = spec.description or ""
    assert "one document a" in description, "the description says what one document is"
    assert "partition" in description.lower(), "the description says what a partition means, or that there is none"
    assert all(owner.startswith("team:") for owner in spec.owners)
    assert spec.owners
    assert spec.kinds
    assert spec.group_name in {"ingestion", "listings", "scoring", "reporting"}
    assert spec.code_version


def test_every_check_says_what_it_means(definitions: dg.Definitions) -> None:
    checks = {
        spec.name: spec.blocking
        for asset in definitions.assets or []
        for spec in getattr(asset, "check_specs", ())
        if spec.description
    }
    assert checks == {
        "every_board_was_read": False,
        "quarantine_is_rare": True,
        "may_be_bought": True,
        "every_item_was_scored": False,
    }


def test_partitions_are_utc_days_from_the_configured_start_to_today(definitions: dg.Definitions) -> None:
    partitioned = {name: spec.partitions_def for name, spec in _specs(definitions).items() if spec.partitions_def}
    assert set(partitioned) == ASSETS - {"candidate_profiles"}
    now = datetime(2026, 11, 21, 0, 0, 1, tzinfo=UTC)
    for days in partitioned.values():
        assert isinstance(days, dg.DailyPartitionsDefinition)
        assert days.timezone == "UTC"
        keys = days.get_partition_keys(current_time=now)
        assert (keys[0], keys[-1]) == (START.isoformat(), "2026-11-21")
        assert len(keys) == (now.date() - START).days + 1


def test_another_configured_start_moves_the_first_partition() -> None:
    start = date.today() - timedelta(days=3)  # noqa: DTZ011 - any day will do
    specs = _specs(build_defs(partitions=Partitions(start=start)))
    days = specs["work_set"].partitions_def
    assert days is not None
    assert days.get_partition_keys()[0] == start.isoformat()


def _modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import hides what it names"
            module = node.module or ""
            # `from scoring_pipeline import x` and `from scoring_pipeline.cli import x` name modules, too.
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def _part(module: str) -> str:
    """Return the room, or the top-level module, that a dotted name is in; "" for the package itself."""
    return [*module.split("."), ""][1]


def test_only_the_thin_layer_imports_dagster() -> None:
    found = [
        f"{module}:{line} imports {name}"
        for module, path in _modules()
        if _part(module) not in KNOWS_DAGSTER
        for line, name in _imports(path)
        if name.split(".")[0].startswith("dagster")
    ]
    assert found == []


def test_a_room_imports_only_the_common_modules_and_rooms_above_it() -> None:
    violations = []
    for module, path in _modules():
        room = _part(module)
        if room in {"", *MAY_IMPORT_ANYTHING}:
            continue
        above = ROOMS[: ROOMS.index(room)] if room in ROOMS else CONFIGURATION if room in CONFIGURATION else ()
        allowed = {*COMMON, *above, room}
        violations += [
            f"{module}:{line} imports {name}"
            for line, name in _imports(path)
            if name.split(".")[0] == "scoring_pipeline" and _part(name) not in allowed
        ]
    assert violations == []


def test_every_folder_and_module_of_the_package_has_its_place_in_the_order() -> None:
    parts = {_part(module) for module, _ in _modules()} - {""}
    assert parts <= {*ROOMS, *COMMON, *CONFIGURATION, *MAY_IMPORT_ANYTHING}


_IMPORT_EACH = """
import importlib, json, os, sys
import dagster  # asks the `file` program about the platform when it is imported: not ours to mend
WRITES = {"os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod",
          "shutil.rmtree", "sqlite3.connect", "subprocess.Popen", "os.system", "os.exec", "os.fork", "os.posix_spawn"}
done, importing = [], None

def watch(event, args):
    if importing is None:
        return
    what = None
    if event.startswith("socket.") and event != "socket.gethostname":
        what = event
    elif event in WRITES:
        what = f"{event} {args[0]!r}"
    elif event == "open" and args[0] != os.devnull and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        what = f"open {args[0]!r} for writing"
    if what:
        done.append(f"{importing}: {what}")
        raise PermissionError(what)

class Environment(dict):
    def _asked(self, name):
        caller = sys._getframe(2)
        while caller and caller.f_globals.get("__name__", "").split(".")[0] in {"os", "_collections_abc"}:
            caller = caller.f_back
        if importing and caller and caller.f_globals.get("__name__", "").startswith("scoring_pipeline"):
            done.append(f"{importing}: reads the environment variable {name!r}")
    def __getitem__(self, name):
        self._asked(name)
        return super().__getitem__(name)
    def get(self, name, default=None):
        self._asked(name)
        return super().get(name, default)
    def __contains__(self, name):
        self._asked(name)
        return super().__contains__(name)

sys.addaudithook(watch)
os.environ = Environment(os.environ)
for module in json.load(sys.stdin):
    importing = module
    try:
        importlib.import_module(module)
    except BaseException as e:
        done.append(f"{module}: {type(e).__name__}: {e}")
    importing = None
print(json.dumps(done))
"""


def test_importing_any_module_touches_no_file_no_network_and_no_environment(tmp_path: Path) -> None:
    modules = [module for module, _ in _modules() if not module.endswith("__main__")]
    result = subprocess.run(
        [sys.executable, "-B", "-c", _IMPORT_EACH],
        input=json.dumps(modules),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": os.pathsep.join([str(PACKAGE.parent)])},
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert json.loads(result.stdout.splitlines()[-1]) == []
    assert list(tmp_path.iterdir()) == []
