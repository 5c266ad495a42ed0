"""What the Dagster tests share: settings and engines on stores of their own, jobs in process, runs in a given state."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg  # noqa: TID251 - these tests are about what Dagster sees
from dagster._core.remote_origin import (  # noqa: TID251 - not exported
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)

from scoring_pipeline.batches.days import begin_day, open_day
from scoring_pipeline.batches.engine import Engine
from scoring_pipeline.definitions import build_defs
from scoring_pipeline.llm.batch_client import RemoteBatch
from scoring_pipeline.llm.errors import NotFoundAtProvider, TransientProviderError
from scoring_pipeline.resources import Pipeline
from scoring_pipeline.settings import DEFAULT_CONFIG, Settings, load_settings
from scoring_pipeline.storage.opening import open_store
from scoring_pipeline.storage.port import Document, DocumentStore
from scoring_pipeline.values import utc_text

DAY = "2026-10-20"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def settings_at(folder: Path, **changes: Any) -> Settings:
    """Return the project's own settings with their state in `folder`; nothing in them points at a server."""
    return load_settings(DEFAULT_CONFIG, sandbox=False).model_copy(update={"home": folder, **changes})


def opened(settings: Settings) -> DocumentStore:
    """Open and migrate the store of some settings."""
    Path(settings.state).mkdir(parents=True, exist_ok=True)
    store = open_store(settings.store)
    store.migrate()
    return store


def definitions_of(settings: Settings) -> dg.Definitions:
    """Return the real definitions on these very settings: Dagster makes its own resource from a `Pipeline`."""

    @dg.resource
    def pipeline(context: dg.InitResourceContext) -> Iterator[Pipeline]:
        given = Pipeline.using(settings)
        given.setup_for_execution(context)
        yield given
        given.teardown_after_execution(context)

    return build_defs(partitions=settings.partitions, resource_overrides={"pipeline": pipeline})


def run_job(
    settings: Settings,
    job: str,
    day: str,
    instance: dg.DagsterInstance,
    *,
    only: Sequence[str] | None = None,
    tags: dict[str, str] | None = None,
) -> dg.ExecuteInProcessResult:
    """Execute a job for a day in process, as the daemon's run would; a failed one is returned, not raised."""
    return (
        definitions_of(settings)
        .resolve_job_def(job)
        .execute_in_process(
            partition_key=day,
            instance=instance,
            asset_selection=[dg.AssetKey(name.split("/")) for name in only] if only else None,
            tags=tags,
            run_config=QUIET,
            raise_on_error=False,
        )
    )


def materialized(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetMaterialization]:
    """Return what a run materialized, by asset."""
    events = result.get_asset_materialization_events()
    return {e.asset_key.to_user_string(): e.step_materialization_data.materialization for e in events if e.asset_key}


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    """Return the check results of a run, by `asset:check`."""
    return {f"{e.asset_key.to_user_string()}:{e.check_name}": e for e in result.get_asset_check_evaluations()}


def failure_messages(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """Return the innermost message of each failed step."""
    messages = {}
    for event in result.all_events:
        if event.is_step_failure and (error := event.step_failure_data.error):
            messages[str(event.step_key)] = (error.cause or error).message.strip()
    return messages


def skipped_steps(result: dg.ExecuteInProcessResult) -> set[str]:
    """Return the steps that never started because an earlier one, or a blocking check, failed."""
    started = {str(e.step_key) for e in result.all_events if e.event_type == dg.DagsterEventType.STEP_START}
    return {str(key) for e in result.all_events for key in (e.step_key,) if key} - started


@dataclass
class FakeBatchApi:
    """A provider's batch list in memory; `down` makes every call fail as a lost connection does."""

    remote: dict[str, RemoteBatch] = field(default_factory=dict)
    down: bool = False

    def recent(self, *, not_before: int) -> Iterator[RemoteBatch]:
        self._answer("listing batches")
        yield from (batch for batch in self.remote.values() if batch.created_at >= not_before)

    def retrieve(self, batch_id: str) -> RemoteBatch:
        self._answer(f"reading batch {batch_id}")
        if batch_id not in self.remote:
            raise NotFoundAtProvider(f"reading batch {batch_id} at openai: HTTP 404")
        return self.remote[batch_id]

    def becomes(self, batch_id: str, status: str, created_at: int = 2**31) -> None:
        """Let a batch have a status."""
        self.remote[batch_id] = RemoteBatch(id=batch_id, status=status, created_at=created_at, input_file_id="file-1")

    def _answer(self, call: str) -> None:
        if self.down:
            raise TransientProviderError(f"{call} at openai: APIConnectionError: Connection error.")


@dataclass(frozen=True)
class FakeProviders:
    """The one provider, by whatever name."""

    api: FakeBatchApi

    def batch(self, name: str) -> FakeBatchApi:
        del name
        return self.api


def engine_on(settings: Settings, store: DocumentStore, api: FakeBatchApi) -> Engine:
    """Return an engine whose provider is a fake."""
    return replace(Engine.of(settings, store), providers=FakeProviders(api))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Seeds:
    """Puts a day's documents into a store by hand, as far as a decision looks at them."""

    engine: Engine

    def day(self, day: str = DAY) -> None:
        """Let a day be open for spending."""
        now = self.engine.settings.clock.now()
        revision = begin_day(self.engine.store, day, now=now)
        open_day(self.engine.store, day, gate={"revision": revision}, now=now)

    def batch(self, status: str, *, day: str = DAY, number: int = 1) -> str:
        """Add a batch and return the provider's id of it."""
        now = utc_text(self.engine.settings.clock.now())
        provider_id = f"batch-{day}-{number}"
        batch: Document = {
            "_id": f"{day}/001/{number:06d}",
            "partition": day,
            "status": status,
            "provider": "openai",
            "provider_batch_id": provider_id,
            "submitted_at": now,
        }
        self.engine.store.upsert("batches", [batch])
        return provider_id

    def request(self, status: str, *, day: str = DAY, key: str = "request-1") -> None:
        """Add a request of `day` and an item of the same day that waits on it."""
        self.engine.store.upsert("requests", [{"_id": key, "status": status, "partition": day}])
        self.item(key, day=day)

    def item(self, key: str, *, day: str = DAY) -> None:
        """Let an item of `day` wait on a request."""
        waiting = {"_id": f"{day}/board/{key}", "partition": day, "status": "waiting", "request_key": key}
        self.engine.store.upsert("work_items", [waiting])


def add_run(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus, tags: dict[str, str], job: str = "collect_job"
) -> dg.DagsterRun:
    """Record a run in a state, as the daemon, a run worker or the command line would have left it."""
    # A run that the daemon created says where its job is from; Dagster refuses a queued one without.
    location = RegisteredCodeLocationOrigin("scoring_pipeline")
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), job)
    run = dg.DagsterRun(job_name=job, run_id=str(uuid4()), status=status, tags=tags, remote_job_origin=origin)
    return instance.add_run(run)
