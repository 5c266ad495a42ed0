from collections.abc import Iterator
from pathlib import Path

import pytest
from ats_server import AtsServer

from scoring_pipeline.storage.opening import open_store
from scoring_pipeline.storage.port import DocumentStore


@pytest.fixture
def server() -> Iterator[AtsServer]:
    running = AtsServer()
    yield running
    running.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DocumentStore]:
    opened = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    opened.migrate()
    yield opened
    opened.close()
