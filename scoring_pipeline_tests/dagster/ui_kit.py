"""The Dagster UI as a user has it: `scoring-pipeline dev` as a process of its own, and what the UI asks of it.

What belongs here: starting and ending the processes, GraphQL over HTTP. What does not: what is expected of them.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from scoring_pipeline.settings import PROJECT

T = TypeVar("T")

LOCATION = {"repositoryLocationName": "scoring_pipeline", "repositoryName": "__repository__"}
_PAUSE_SECONDS = 0.5
_END_SECONDS = 20.0

# What the UI's dialog sends when partitions of a job are launched: LaunchAssetChoosePartitionsDialog.
LAUNCH = """
mutation LaunchPartitionBackfill($backfillParams: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $backfillParams) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PartitionSetNotFoundError { message }
    ... on PartitionKeysNotFoundError { message }
    ... on UnauthorizedError { message }
    ... on PythonError { message stack }
  }
}
"""
BACKFILL = """
query Backfill($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    __typename
    ... on PartitionBackfill { status error { message } }
    ... on PythonError { message }
  }
}
"""
MATERIALIZED = """
query Materialized($key: AssetKeyInput!, $days: [String!]) {
  assetNodeOrError(assetKey: $key) {
    ... on AssetNode { latestMaterializationByPartition(partitions: $days) { partition runId } }
  }
}
"""
RUNS = """
query Runs { runsOrError(limit: 500) { ... on Runs { results { id jobName status tags { key value } } } } }
"""
JOB_ASSETS = """
query JobAssets($selector: PipelineSelector!) {
  assetNodes(pipeline: $selector) { assetKey { path } }
}
"""
LOADED = """
query Loaded {
  workspaceOrError { ... on Workspace { locationEntries { name loadStatus
    locationOrLoadError { __typename ... on PythonError { message } } } } }
}
"""


@dataclass(frozen=True)
class Ui:
    """A running UI."""

    url: str
    home: Path
    process: subprocess.Popen[bytes]

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Send one GraphQL operation and return its data."""
        with httpx2.Client(trust_env=False, timeout=30.0) as client:
            response = client.post(f"{self.url}/graphql", json={"query": query, "variables": variables})
        body = response.json()
        assert not body.get("errors"), body["errors"]
        data: dict[str, Any] = body["data"]
        return data

    def until(self, what: str, found: Callable[[], T | None], *, seconds: float) -> T:
        """Ask until something is there; fail with the log's end when it takes too long or the processes ended."""
        pause, deadline = threading.Event(), time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"the UI ended by itself:\n{self.said()}"
            with suppress(httpx2.TransportError):
                if (value := found()) is not None:
                    return value
            pause.wait(_PAUSE_SECONDS)
        raise AssertionError(f"not within {seconds:g} s: {what}\n{self.said()}")

    def said(self) -> str:
        """Return the end of what the processes printed."""
        return (self.home / "dev.log").read_text(encoding="utf-8", errors="replace")[-6000:]

    def launch_backfill(self, job: str, days: Sequence[str]) -> str:
        """Launch a job's partitions as the UI does, and return the backfill's id."""
        selector = {"pipelineName": job, **LOCATION}
        assets = [node["assetKey"] for node in self.ask(JOB_ASSETS, selector=selector)["assetNodes"]]
        params = {
            "tags": [],
            "assetSelection": assets,
            "partitionNames": list(days),
            "fromFailure": False,
            "selector": {"partitionSetName": f"{job}_partition_set", "repositorySelector": LOCATION},
        }
        launched = self.ask(LAUNCH, backfillParams=params)["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        return str(launched["backfillId"])

    def backfill_status(self, backfill_id: str) -> str:
        """Return how a backfill stands, in the UI's words."""
        return str(self.ask(BACKFILL, id=backfill_id)["partitionBackfillOrError"]["status"])

    def materialized(self, asset: str, days: Sequence[str]) -> set[str]:
        """Return those of the days that are materialized."""
        node = self.ask(MATERIALIZED, key={"path": asset.split("/")}, days=list(days))["assetNodeOrError"]
        return {found["partition"] for found in node["latestMaterializationByPartition"] if found}

    def runs(self) -> list[dict[str, Any]]:
        """Return every run, the latest first."""
        return list(self.ask(RUNS)["runsOrError"]["results"])

    def is_loaded(self) -> bool | None:
        """Return True once the project's code location is there."""
        entries = self.ask(LOADED)["workspaceOrError"]["locationEntries"]
        for entry in entries:
            if entry["loadStatus"] == "LOADED" and entry["locationOrLoadError"]:
                assert entry["locationOrLoadError"]["__typename"] == "RepositoryLocation", entry
                return True
        return None


@contextmanager
def running_ui(home: Path) -> Iterator[Ui]:
    """Run `scoring-pipeline dev` (sandbox, web server, daemon) on a folder of its own; every process is ended after."""
    home.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    environment = {**kept, "HOME": str(home), "SCORING_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "scoring_pipeline.cli.main", "dev", "--port", str(port)]
    with (home / "dev.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=environment,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    ui = Ui(f"http://127.0.0.1:{port}", home, process)
    try:
        ui.until("the code location is loaded", ui.is_loaded, seconds=90)
        yield ui
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and its group, first asking as Ctrl-C does; whatever is left is killed."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_END_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
