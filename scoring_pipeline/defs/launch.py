"""Driving days in this process, for the command line: the same jobs, run in the same instance the UI shows.

What belongs here: the embedded instance, executing jobs, and the loop that follows the sensor's own decision until a
day is done. What does not: what is printed (`cli.py`), and the decision (`batches/days.py`).
"""

import fcntl
import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from scoring_pipeline.batches.days import DayFacts, decide
from scoring_pipeline.batches.engine import Engine
from scoring_pipeline.batches.lease import Owner
from scoring_pipeline.definitions import build_defs
from scoring_pipeline.defs.jobs import DAILY_JOB
from scoring_pipeline.defs.owners import OWNER_TAG, fail_dead_runs
from scoring_pipeline.defs.scoring.sensors import ACTION_TAG, JOB_OF, PARTITION_TAG, run_tags
from scoring_pipeline.resources import Pipeline
from scoring_pipeline.settings import PROJECT, Settings

_FIRST_PAUSE_SECONDS = 0.2
_PAUSE_GROWTH = 1.5
_STEP_SECONDS = 0.25


class RunFailedError(Exception):
    """A run of a job failed; the message is that of the step that failed first."""


@dataclass(frozen=True)
class Progress:
    """Something worth telling a person who watches: which day, what, and the facts it follows from."""

    partition: str
    what: str
    facts: DayFacts | None = None


Listener = Callable[[Progress], None]


def dagster_home(settings: Settings) -> Path:
    """Return the embedded instance's folder, made and configured from the project's `dagster.yaml`."""
    home = settings.state / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    draft = home / f".dagster.{os.getpid()}.yaml"
    shutil.copyfile(PROJECT / "dagster.yaml", draft)
    # Another process may be reading it: whole or not at all.
    draft.replace(home / "dagster.yaml")
    return home


@contextmanager
def embedded_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """Open the instance that DAGSTER_HOME names, else the embedded one, and clear what killed runs left there."""
    embedded = settings.sandbox or "DAGSTER_HOME" not in os.environ
    if embedded:
        os.environ["DAGSTER_HOME"] = str(dagster_home(settings))
    with _opened(Path(os.environ["DAGSTER_HOME"])) if embedded else dg.DagsterInstance.get() as instance:
        fail_dead_runs(instance)
        yield instance


def _opened(home: Path) -> dg.DagsterInstance:
    """Open the embedded instance, one process at a time, making its tables anew until that was once done to the end.

    Dagster takes tables that a killed process half made for complete ones, and two processes that make them at once
    spoil them; either is for good.
    """
    with (home / "opening.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        made = bool(lock.read())
        if not made:
            for name in ("history", "schedules"):
                shutil.rmtree(home / name, ignore_errors=True)
        instance = dg.DagsterInstance.get()
        if not made:
            lock.write("made\n")
        return instance


class Driver:
    """Runs the jobs of one configuration in this process."""

    def __init__(self, instance: dg.DagsterInstance, pipeline: Pipeline, listener: Listener) -> None:
        self._instance = instance
        self._pipeline = pipeline
        self._listener = listener
        self._said: tuple[str, str | None] | None = None
        settings = pipeline.settings()
        self._defs = build_defs(partitions=settings.partitions, resource_overrides={"pipeline": pipeline})
        self.engine: Engine = pipeline.engine()

    def start_day(self, partition: str) -> None:
        """Run the day's job: boards to submitted batches.

        Raises:
            RunFailedError: if a step fails or a blocking check does not pass.
        """
        self._execute(DAILY_JOB, partition, {PARTITION_TAG: partition, ACTION_TAG: "day"})

    def prepare_day(self, partition: str) -> None:
        """Run the day's job up to its work set, so that its price is known before anything is submitted."""
        selection = [key for key in self._keys(DAILY_JOB) if key != dg.AssetKey("batch_jobs")]
        self._execute(DAILY_JOB, partition, {PARTITION_TAG: partition, ACTION_TAG: "day"}, selection)

    def finish_days(self, partitions: Sequence[str], *, wait: bool) -> None:
        """Follow the sensor's decision for each day until all are done, or, without `wait`, until one has to wait.

        Raises:
            RunFailedError: if a run fails, or a provider refuses in a way that waiting does not mend.
        """
        pause = _FIRST_PAUSE_SECONDS
        open_days = list(partitions)
        while open_days:
            moved = False
            for day in list(open_days):
                facts = self.engine.facts(day)
                action = decide(facts)
                if action == "nothing":
                    open_days.remove(day)
                elif action in JOB_OF:
                    self._listener(Progress(day, action, facts))
                    self._execute(JOB_OF[action], day, run_tags(day, action))
                    moved = True
                elif facts.halted and not facts.live_batches:
                    raise RunFailedError(f"{day}: {facts.resting}; what was not sent is kept: mend it, then run again")
                else:
                    self._say_why(facts)
                    self._listener(Progress(day, "waiting", facts))
            if not open_days or (not wait and not moved):
                return
            if moved:
                pause = _FIRST_PAUSE_SECONDS
                continue
            time.sleep(pause)
            pause = min(pause * _PAUSE_GROWTH, self.engine.settings.llm.max_poll_seconds)
            for failure in self.engine.poll().failures:
                self._listener(Progress(open_days[0], f"the provider did not answer, trying again: {failure}"))

    def _say_why(self, facts: DayFacts) -> None:
        said = facts.partition, facts.resting
        if facts.resting and said != self._said:
            self._listener(Progress(facts.partition, f"not everything could be sent, trying again: {facts.resting}"))
        self._said = said

    def _keys(self, job: str) -> list[dg.AssetKey]:
        return sorted(self._defs.resolve_job_def(job).asset_layer.executable_asset_keys)

    def _execute(
        self, job: str, partition: str, tags: dict[str, str], selection: Sequence[dg.AssetKey] | None = None
    ) -> None:
        run_id = str(uuid.uuid4())
        with self._steps_told(run_id, partition, job):
            result = self._run(job, run_id, partition, tags, selection)
        if not result.success:
            raise RunFailedError(_reason(result, job, partition))

    def _run(
        self, job: str, run_id: str, partition: str, tags: dict[str, str], selection: Sequence[dg.AssetKey] | None
    ) -> dg.ExecuteInProcessResult:
        return self._defs.resolve_job_def(job).execute_in_process(
            run_id=run_id,
            partition_key=partition,
            instance=self._instance,
            asset_selection=selection,
            tags={**tags, OWNER_TAG: str(Owner.this_process())},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )

    @contextmanager
    def _steps_told(self, run_id: str, partition: str, job: str) -> Iterator[None]:
        """Tell the listener of each step as it succeeds, from the run's own event log."""
        done = threading.Event()

        def follow() -> None:
            cursor: str | None = None
            last = False
            while not last:
                last = done.wait(_STEP_SECONDS)
                page = self._instance.get_records_for_run(run_id, cursor, of_type=dg.DagsterEventType.STEP_SUCCESS)
                cursor = page.cursor
                for record in page.records:
                    event = record.event_log_entry.get_dagster_event()
                    self._listener(Progress(partition, f"{job}: {event.step_key}"))

        thread = threading.Thread(target=follow, name=f"progress-{run_id}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def _reason(result: dg.ExecuteInProcessResult, job: str, partition: str) -> str:
    # A blocking check that did not pass fails its step as well, with a message that does not say why.
    failed = [e for e in result.get_asset_check_evaluations() if e.blocking and not e.passed]
    for check in failed:
        problems = check.metadata.get("problems")
        text = str(problems.value).removeprefix("- ").replace("\n- ", "; ") if problems else check.description
        return f"{partition}: {check.check_name} did not pass: {text}"
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            cause = error.cause or error if error else None
            text = cause.message.strip() if cause else "no error was recorded"
            return f"{partition}: {event.step_key} failed: {text}"
    return f"{partition}: {job} failed; run {result.run_id} in the Dagster UI says why"
