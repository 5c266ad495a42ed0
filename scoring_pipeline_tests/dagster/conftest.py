from collections.abc import Iterator
from pathlib import Path

import dagster as dg  # noqa: TID251 - these tests are about what Dagster sees
import pytest

from scoring_pipeline.sandbox.config import start_sandbox
from scoring_pipeline.settings import Settings, load_settings


@pytest.fixture(scope="session")
def sandbox_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state folder of a running sandbox; nothing of a test is stored in it."""
    home = tmp_path_factory.mktemp("sandbox")
    handle = start_sandbox(home)
    yield home
    handle.stop()


@pytest.fixture
def sandboxed(sandbox_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings that the running sandbox wrote, with a store of this test's own."""
    monkeypatch.setenv("SCORING_HOME", str(sandbox_home))
    return load_settings(sandbox=True).model_copy(update={"home": tmp_path})


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral
