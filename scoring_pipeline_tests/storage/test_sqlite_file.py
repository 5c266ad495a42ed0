"""The SQLite file itself: growing with its collections, shared by threads and forks, locked, full."""

import multiprocessing
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from store_harness import COLLECTIONS, THINGS

from scoring_pipeline.storage.port import StoreError, StoreUnavailable, Where
from scoring_pipeline.storage.sqlite import SqliteStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(f"sqlite:///{tmp_path}/deep/er/store.db", collections=COLLECTIONS, busy_seconds=0.05)
    opened.migrate()
    yield opened
    opened.close()


def path_of(store: SqliteStore) -> str:
    return store.url.removeprefix("sqlite:///")


def plans(store: SqliteStore, ask: Any) -> list[str]:
    """Return the query plan of every statement that `ask` makes the store run."""
    connection = store._connections.get()
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    ask()
    connection.set_trace_callback(None)
    return [row[3] for statement in statements for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]


@pytest.mark.parametrize(
    "where",
    [
        pytest.param(None, id="by id alone"),
        pytest.param({"status": "a", "kind": "b"}, id="both fields of an index"),
        pytest.param({"status": "a", "kind": "b", "cost": {"$gt": 1}}, id="an index and one field more"),
        pytest.param({"flag": True}, id="a boolean"),
        pytest.param({"nested.level": 1}, id="a dotted field"),
        pytest.param({"flag": None}, id="null and absent"),
        pytest.param({"status": {"$in": ["a", "b", None]}, "kind": "k"}, id="a few values of an indexed field"),
    ],
)
def test_the_stores_own_pages_search_an_index_in_order_of_id(store: SqliteStore, where: Where | None) -> None:
    steps = plans(store, lambda: store.page("things", where, after="m", limit=10))
    on_table = [step for step in steps if "things" in step]
    assert on_table
    assert all(step.startswith("SEARCH things USING INDEX") for step in on_table), steps
    merged = where is not None and isinstance(where.get("status"), dict)
    assert merged or not any("TEMP B-TREE" in step for step in steps), steps


def test_a_sorted_search_follows_its_index_in_both_directions(store: SqliteStore) -> None:
    for order in ("asc", "desc"):
        for after in (None, (3, "m")):
            steps = plans(
                store,
                lambda order=order, after=after: store.search(  # type: ignore[misc]
                    "things", {"kind": "k"}, sort="n", order=order, limit=10, after=after
                ),
            )
            assert all("SCAN" not in step and "TEMP B-TREE" not in step for step in steps), steps


def test_a_page_of_a_few_values_does_not_read_the_whole_of_them(store: SqliteStore) -> None:
    store.upsert("things", [{"_id": f"{n:04d}", "status": "ab"[n % 2], "kind": "k"} for n in range(1000)])
    page = store.page("things", {"status": {"$in": ["a", "b", "a"]}, "kind": "k"}, after="0009", limit=5)
    assert [document["_id"] for document in page] == ["0010", "0011", "0012", "0013", "0014"]


def test_a_newly_declared_field_index_and_array_reach_documents_that_were_there_before(store: SqliteStore) -> None:
    store.upsert("things", [{"_id": "a", "colour": "red", "places": ["x", "x", None, "y"]}, {"_id": "b"}])
    grown = replace(
        THINGS,
        scalars=(*THINGS.scalars, "colour"),
        arrays=("tags", "places"),
        indexes=(*THINGS.indexes, ("colour",)),
    )
    newer = SqliteStore(store.url, collections={"things": grown})
    made = newer.migrate()
    assert [line for line in made if not line.startswith("trigger")] == [
        "column things.colour",
        "index things (colour, _id)",
        "table things__places",
    ]
    assert newer.migrate() == []
    assert newer.count("things", {"colour": "red", "places": {"$all": ["x", "y"]}}) == 1
    store.upsert("things", [{"_id": "b", "places": ["x"]}])
    assert newer.count("things", {"places": "x"}) == 2
    newer.close()


def test_a_field_or_collection_that_was_not_migrated_says_what_to_run(store: SqliteStore) -> None:
    grown = replace(THINGS, scalars=(*THINGS.scalars, "colour"))
    newer = SqliteStore(store.url, collections={"things": grown, "others": replace(grown, name="others")})
    with pytest.raises(StoreError, match=r"colour.*store migrate"):
        newer.count("things", {"colour": "red"})
    with pytest.raises(StoreError, match=r"others.*store migrate"):
        newer.count("others")
    newer.close()


def test_a_list_that_repeats_a_value_may_be_written_and_written_again(store: SqliteStore) -> None:
    store.upsert("things", [{"_id": "a", "tags": ["x", "x", 1, 1.0, True]}])
    store.upsert("things", [{"_id": "a", "tags": ["y", "x", "x"]}])
    assert [store.count("things", {"tags": tag}) for tag in ("x", "y", 1, True)] == [1, 1, 0, 0]


def test_threads_share_a_store_and_leave_no_connection_behind(store: SqliteStore) -> None:
    def work(number: int) -> None:
        store.upsert("things", [{"_id": f"{number}"}])

    for number in range(20):
        thread = threading.Thread(target=work, args=(number,))
        thread.start()
        thread.join()
    assert store.count("things") == 20
    assert len(store._connections._entries) <= 2


def child(store: SqliteStore) -> None:
    store.upsert("things", [{"_id": "child"}])
    store.close()


def test_a_forked_process_uses_connections_of_its_own(store: SqliteStore) -> None:
    store.upsert("things", [{"_id": "parent"}])
    process = multiprocessing.get_context("fork").Process(target=child, args=(store,))
    process.start()
    process.join(timeout=60)
    assert process.exitcode == 0
    store.upsert("things", [{"_id": "after"}])
    assert store.count("things") == 3


def test_a_file_that_stays_locked_is_unavailable_and_named(store: SqliteStore) -> None:
    other = sqlite3.connect(path_of(store), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match=r"store\.db stayed locked by another writer for 0\.05 s"):
        store.upsert("things", [{"_id": "a"}])
    assert store.count("things") == 0
    other.execute("ROLLBACK")
    store.upsert("things", [{"_id": "a"}])
    other.close()


def test_a_full_disk_is_unavailable_and_keeps_nothing_of_the_write(store: SqliteStore) -> None:
    store._connections.get().execute("PRAGMA max_page_count = 40")
    with pytest.raises(StoreUnavailable, match=r"disk of the store .*store\.db is full"):
        store.upsert("things", [{"_id": f"{n}", "text": "x" * 2000} for n in range(500)])
    assert store.count("things") == 0
    store.upsert("things", [{"_id": "small"}])


def test_a_damaged_file_is_an_error_that_names_it(store: SqliteStore) -> None:
    store.upsert("things", [{"_id": f"{n:04d}", "text": "x" * 500} for n in range(500)])
    path = Path(path_of(store))
    store.close()
    damaged = bytearray(path.read_bytes())
    damaged[4096 : len(damaged)] = b"\xff" * (len(damaged) - 4096)
    path.write_bytes(damaged)
    reopened = SqliteStore(store.url, collections=COLLECTIONS)
    with pytest.raises(StoreError, match=r"store\.db is damaged"):
        list(reopened.scan("things"))
    reopened.close()


def test_a_missing_file_is_unavailable_and_is_not_created_by_reading(tmp_path: Path) -> None:
    absent = SqliteStore(f"sqlite:///{tmp_path}/absent.db", collections=COLLECTIONS)
    with pytest.raises(StoreUnavailable, match="store migrate"):
        absent.ping()
    assert list(tmp_path.iterdir()) == []
