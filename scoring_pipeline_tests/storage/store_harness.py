"""What the storage tests share: a small collection, stores on either engine, and races between processes."""

import multiprocessing
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pymongo
import pytest

from scoring_pipeline.storage.collections import Collection
from scoring_pipeline.storage.mongodb import MongoStore
from scoring_pipeline.storage.port import DocumentStore
from scoring_pipeline.storage.sqlite import SqliteStore

MONGODB = "SCORING_TEST_MONGODB_URI"
THINGS = Collection(
    name="things",
    meaning="what the contract is tried on",
    key="anything",
    scalars=("status", "kind", "n", "flag", "nested.level", "cost", "tokens"),
    arrays=("tags",),
    indexes=(("status", "kind"), ("kind", "n"), ("flag",), ("nested.level",)),
)
COLLECTIONS = {"things": THINGS}


# FerretDB 1 reads a document and writes it back in two steps, lets the first of a group's sums use up the group's
# documents, and scans the collection for every update. MongoDB does none of this; the contract is MongoDB's.
FERRETDB_DEVIATES = {
    "test_groups_are_keyed_by_the_value_as_it_was_written": "only the first of several sums of a group is right",
    "test_processes_racing_in_bulk_share_the_documents_without_overlap": "updates are not atomic",
    "test_racing_increments_never_pass_their_bound": "updates are not atomic",
    "test_racing_upserts_leave_whole_documents": "answers a lost race with a reply that pymongo cannot read",
    "test_of_processes_racing_for_one_document_exactly_one_wins": "updates are not atomic",
    "test_bulk_methods_take_nothing_and_take_thousands": "an update takes time in proportion to the collection",
}


def skip_known_deviations(server: str, test: str) -> None:
    """Skip, visibly, a test of what FerretDB is known not to do, and only there."""
    if test not in FERRETDB_DEVIATES:
        return
    with pymongo.MongoClient[dict[str, Any]](server) as client:
        version = client.server_info().get("ferretdbVersion")
    if version:
        pytest.skip(f"FerretDB {version}: {FERRETDB_DEVIATES[test]}")


def open_things(url: str) -> DocumentStore:
    if url.startswith("sqlite"):
        return SqliteStore(url, collections=COLLECTIONS)
    return MongoStore(url, collections=COLLECTIONS)


@contextmanager
def fresh_url(engine: str, folder: Path, test: str = "") -> Iterator[str]:
    """Give the URL of a store that nothing has been written to, and remove it afterwards."""
    if engine == "sqlite":
        yield f"sqlite:///{folder}/{uuid.uuid4().hex}.db"
        return
    server = os.environ.get(MONGODB)
    if not server:
        pytest.skip(f"{MONGODB} is not set: no MongoDB to hold to the contract (scripts/mongodb_server.sh starts one)")
    skip_known_deviations(server, test)
    name = f"contract_{uuid.uuid4().hex[:12]}"
    base, _, options = server.partition("?")
    yield base.rstrip("/") + f"/{name}" + (f"?{options}" if options else "")
    with pymongo.MongoClient[dict[str, Any]](server) as client:
        client.drop_database(name)


def race(work: Callable[..., Any], url: str, arguments: Sequence[Any]) -> list[Any]:
    """Run `work(store, argument)` in one process per argument, all let go at once; return what each returned."""
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(len(arguments)), context.Queue()
    processes = [
        context.Process(target=_run, args=(work, url, number, argument, barrier, answers))
        for number, argument in enumerate(arguments)
    ]
    for process in processes:
        process.start()
    collected = dict(answers.get(timeout=60) for _ in processes)
    for process in processes:
        process.join(timeout=60)
    failures = [answer for answer in collected.values() if isinstance(answer, Exception)]
    assert not failures, failures
    return [collected[number] for number in range(len(arguments))]


def _run(
    work: Callable[..., Any],
    url: str,
    number: int,
    argument: Any,
    barrier: Barrier,
    answers: "Queue[tuple[int, Any]]",
) -> None:
    try:
        store = open_things(url)
        barrier.wait(timeout=60)
        answers.put((number, work(store, argument)))
        store.close()
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent shows it
        answers.put((number, RuntimeError(repr(error))))
