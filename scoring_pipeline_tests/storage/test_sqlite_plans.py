"""What SQLite does with the pages that the collections declare: an index, never a scan, never a sort."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from scoring_pipeline.storage.collections import COLLECTIONS, Collection
from scoring_pipeline.storage.opening import open_store
from scoring_pipeline.storage.port import StoreError, StoreUnavailable

INDEXES = [(collection, index) for collection in COLLECTIONS for index in collection.indexes]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plans") / "store.db"
    open_store(f"sqlite:///{path}").migrate()
    return path


@pytest.mark.parametrize(
    ("collection", "index"), INDEXES, ids=[f"{collection.name} by {', '.join(index)}" for collection, index in INDEXES]
)
def test_a_page_by_a_declared_index_neither_scans_nor_sorts(
    file: Path, collection: Collection, index: tuple[str, ...]
) -> None:
    tests = " AND ".join(f'"{field}" = ?' for field in index)
    statement = (
        f'EXPLAIN QUERY PLAN SELECT doc FROM "{collection.name}" WHERE {tests} AND _id > ? ORDER BY _id LIMIT 500'
    )
    with sqlite3.connect(file) as connection:
        plan = [row[3] for row in connection.execute(statement, ["x"] * (len(index) + 1))]
    assert all("SCAN" not in step and "TEMP B-TREE" not in step for step in plan), plan
    assert any("USING INDEX" in step for step in plan), plan


def test_a_writer_killed_in_the_middle_leaves_whole_transactions(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/killed.db"
    open_store(url).migrate()
    script = (
        "import sys\n"
        "from scoring_pipeline.storage.opening import open_store\n"
        f"store = open_store({url!r})\n"
        "for n in range(10_000):\n"
        "    store.upsert('quarantine', [{'_id': f'{n:05d}/{m}', 'reason': str(n)} for m in range(50)])\n"
        "    print(n, flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while int(process.stdout.readline()) < 20:
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    counts = open_store(url).group_count("quarantine", "reason")
    assert len(counts) >= 20
    assert set(counts.values()) == {50}


def test_a_store_that_was_never_migrated_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="store migrate"):
        open_store(f"sqlite:///{tmp_path}/new.db").get("listings", "a")


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    path.write_text("this is not a database, and long enough to be read as one " * 20)
    with pytest.raises(StoreError, match=r"text\.db"):
        open_store(f"sqlite:///{path}").migrate()


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises((StoreUnavailable, StoreError), match=str(tmp_path)):
        open_store(f"sqlite:///{tmp_path}").migrate()
