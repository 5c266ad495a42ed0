"""Keeping a day: what is written, and that a repeated pass leaves nothing of an earlier one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from listings_kit import Row, ashby, greenhouse, rows

from scoring_pipeline.listings.normalize import normalize_rows
from scoring_pipeline.listings.store import Counts, record_day
from scoring_pipeline.storage.opening import open_store
from scoring_pipeline.storage.port import Document, DocumentStore

DAY = "2026-11-20"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DocumentStore]:
    opened = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    opened.migrate()
    yield opened
    opened.close()


def postings(*numbers: int, **changes: Any) -> list[dict[str, Any]]:
    return [greenhouse(id=number, title=f"Job {number}", **changes) for number in numbers]


def record(store: DocumentStore, held: list[Row], day: str = DAY) -> Counts:
    return record_day(store, day, "greenhouse", normalize_rows(held))


def snapshot(store: DocumentStore, board: str, count: int, day: str = DAY) -> None:
    facts = {"day": day, "provider": "greenhouse", "board": board, "status": "ok", "complete": True, "rows": count}
    store.upsert("raw_snapshots", [{"_id": f"{day}/greenhouse/{board}", **facts}])


def everything(store: DocumentStore) -> dict[str, list[Document]]:
    names = ("listing_versions", "daily_listings", "quarantine", "raw_snapshots")
    return {name: list(store.scan(name)) for name in names}


def test_rows_are_the_sum_of_what_became_of_them(store: DocumentStore) -> None:
    held = rows(
        "greenhouse", "a", [*postings(1, 2), *postings(2), *postings(3, internal_job_id=None), *postings(4, content=7)]
    )
    assert record(store, held) == Counts(5, 2, 1, {"prospect_post": 1}, 1, 2)


def test_a_day_holds_one_row_for_each_listing_and_one_version_for_each_text(store: DocumentStore) -> None:
    record(store, rows("greenhouse", "a", postings(1, 2)))
    record(store, rows("greenhouse", "a", [*postings(1), *postings(2, location={"name": "Porto"})]), "2026-11-21")
    daily = store.get_many("daily_listings", [f"{day}/greenhouse/a/1" for day in (DAY, "2026-11-21")])
    versions = {document["version"] for document in daily.values()}
    assert len(daily) == 2
    assert len(versions) == 1
    assert store.count("listing_versions") == 3
    version = store.get("listing_versions", versions.pop())
    assert version is not None
    assert version["listing"]["title"] == "Job 1"
    assert version["listing_id"] == "greenhouse/a/1"
    assert version["word_count"] == 2


def test_a_repeated_pass_changes_nothing(store: DocumentStore) -> None:
    held = [*rows("greenhouse", "a", postings(1, 2)), *rows("greenhouse", "b", postings(3, 4, content=7))]
    snapshot(store, "a", 2)
    first = record(store, held)
    before = everything(store)
    second = record(store, held)
    assert everything(store) == before
    assert second == Counts(first.rows, first.normalized, first.merged, first.excluded, first.quarantined, 0)


def test_what_an_earlier_pass_kept_and_this_one_has_not_is_removed(store: DocumentStore) -> None:
    first = [
        *rows("greenhouse", "a", postings(1, 2)),
        *rows("greenhouse", "a-b", postings(3)),
        *rows("greenhouse", "gone", [*postings(5), *postings(6, content=7)]),
        *rows("greenhouse", "z", postings(7, content=7)),
    ]
    record(store, first)
    record_day(store, DAY, "ashby", normalize_rows(rows("ashby", "gone", [ashby()])))
    record(store, rows("greenhouse", "gone", postings(5)), "2026-11-19")
    record(store, [*rows("greenhouse", "a", postings(1)), *rows("greenhouse", "a-b", postings(3))])
    assert {document["_id"] for document in store.scan("daily_listings")} == {
        "2026-11-19/greenhouse/gone/5",
        f"{DAY}/ashby/gone/{ashby()['id']}",
        f"{DAY}/greenhouse/a-b/3",
        f"{DAY}/greenhouse/a/1",
    }
    assert list(store.scan("quarantine")) == []


def test_a_quarantine_entry_says_which_row_and_why(store: DocumentStore) -> None:
    record(store, rows("greenhouse", "a", [*postings(1), *postings(2, content=7)]))
    assert list(store.scan("quarantine")) == [
        {
            "_id": f"{DAY}/greenhouse/a/0000001",
            "day": DAY,
            "provider": "greenhouse",
            "board": "a",
            "row": 1,
            "posting_id": "2",
            "field": "content",
            "reason": "must be text or null, is int",
        }
    ]


def test_a_day_of_more_than_one_chunk_is_whole(store: DocumentStore) -> None:
    counts = record(store, rows("greenhouse", "a", postings(*range(1, 1203))))
    assert counts.normalized == store.count("daily_listings") == store.count("listing_versions") == 1202
    record(store, rows("greenhouse", "a", postings(1)))
    assert store.count("daily_listings") == 1


def test_complete_snapshots_are_marked_with_their_listings_even_if_there_are_none(store: DocumentStore) -> None:
    snapshot(store, "a", 1)
    snapshot(store, "only-prospects", 1)
    record(
        store,
        [
            *rows("greenhouse", "a", postings(1)),
            *rows("greenhouse", "only-prospects", postings(2, internal_job_id=None)),
        ],
    )
    marks = {document["board"]: document["listings"] for document in store.scan("raw_snapshots")}
    assert marks == {"a": 1, "only-prospects": 0}
