"""Dagster resources: configuration only; they hand out the plain objects that the rooms are made of.

What belongs here: which configuration a run uses. What does not: behaviour. Nothing is read or connected to before an
asset asks.
"""

from pathlib import Path

import dagster as dg
from pydantic import Field, PrivateAttr

from scoring_pipeline.batches.engine import Engine
from scoring_pipeline.batches.lease import Owner
from scoring_pipeline.defs.owners import OWNER_TAG
from scoring_pipeline.settings import Settings, load_settings
from scoring_pipeline.storage.opening import open_store
from scoring_pipeline.storage.port import DocumentStore


class Pipeline(dg.ConfigurableResource["Pipeline"]):
    """The configured pipeline. One is made per process and run; the store is opened and migrated at first use."""

    config_path: str = Field(
        default="", description="The configuration file; empty: SCORING_CONFIG, then config/pipeline.yaml."
    )
    sandbox: bool | None = Field(
        default=None, description="Run against the sandbox; empty: whether SCORING_SANDBOX is set."
    )

    _settings: Settings | None = PrivateAttr(default=None)
    _engine: Engine | None = PrivateAttr(default=None)

    @classmethod
    def using(cls, settings: Settings) -> "Pipeline":
        """Return the resource for settings that were read already."""
        pipeline = cls(sandbox=settings.sandbox)
        pipeline._settings = settings
        return pipeline

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Note in the run's tags which process executes it; every job here runs its steps in the run's own process."""
        if context.run is not None and context.instance is not None:
            context.instance.add_run_tags(context.run.run_id, {OWNER_TAG: str(Owner.this_process())})

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Close the store: Dagster makes a new resource for every run and every tick of the sensor."""
        del context
        if self._engine is not None:
            self._engine.store.close()
            self._engine = None

    def settings(self) -> Settings:
        """Return the settings, read once.

        Raises:
            ConfigError: naming every mistake.
        """
        if self._settings is None:
            self._settings = load_settings(Path(self.config_path) if self.config_path else None, sandbox=self.sandbox)
        return self._settings

    def engine(self) -> Engine:
        """Return the engine on the configured store."""
        if self._engine is None:
            settings = self.settings()
            store = open_store(settings.store)
            store.migrate()
            self._engine = Engine.of(settings, store)
        return self._engine

    def store(self) -> DocumentStore:
        """Return the configured store."""
        return self.engine().store
