"""Raw documents: what is promised of a day's reading, also when writing it is cut short."""

from datetime import UTC, datetime
from typing import Any

import pytest

from scoring_pipeline.ats.errors import BoardGone
from scoring_pipeline.ats.model import Failed, Fetched, Reading, Row, Unchanged
from scoring_pipeline.ats.raw import (
    NothingStored,
    Recorded,
    confirmable,
    has_day,
    record_board,
    stored_rows,
    stored_snapshots,
)
from scoring_pipeline.settings import Board
from scoring_pipeline.storage.port import DocumentStore, StoreError

DAY, NEXT_DAY = "2026-11-20", "2026-11-21"
MOMENT = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
URL = "https://boards-api.greenhouse.io/v1/boards/acme/jobs?content=true"


class Crash(Exception):  # noqa: N818
    pass


class CrashingStore:
    """Breaks off before the write of a complete snapshot, or of a given page."""

    def __init__(self, store: DocumentStore, *, page: int | None = None) -> None:
        self._store = store
        self._page = page

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def upsert(self, collection: str, documents: list[dict[str, Any]]) -> None:
        if collection == "raw_snapshots" and documents[0]["complete"]:
            raise Crash
        if collection == "raw_pages" and documents[0]["_id"].endswith(f"/{self._page:05d}" if self._page else "/none"):
            raise Crash
        self._store.upsert(collection, documents)


def fetched(count: int, *, etag: str | None = None, **fields: Any) -> Fetched:
    rows = tuple(Row(str(i), {"id": i, **fields}) for i in range(count))
    return Fetched(Reading(rows, {"total": count}, etag), MOMENT, URL)


def record(store: Any, outcome: Any, *, day: str = DAY, board: str = "acme") -> Recorded:
    return record_board(store, day, "greenhouse", Board(name=board), outcome)


def ids(store: DocumentStore, day: str = DAY) -> list[str]:
    return [row.posting_id for row in stored_rows(store, day, "greenhouse")]


def test_rows_beyond_one_page_come_back_in_order(store: DocumentStore) -> None:
    assert record(store, fetched(1203)) == Recorded(rows=1203, new_payloads=1203)
    assert store.count("raw_pages") == 3
    rows = list(stored_rows(store, DAY, "greenhouse"))
    assert [row.row for row in rows] == list(range(1203))
    assert [row.payload for row in rows] == [{"id": i} for i in range(1203)]


def test_boards_come_back_in_order_of_name(store: DocumentStore) -> None:
    for board in ("b", "Zeta.ai", "a b", "a"):
        record(store, fetched(1), board=board)
    assert [row.board for row in stored_rows(store, DAY, "greenhouse")] == ["Zeta.ai", "a", "a b", "b"]


def test_a_crash_between_pages_and_snapshot_leaves_nothing_complete(store: DocumentStore) -> None:
    with pytest.raises(Crash):
        record(CrashingStore(store), fetched(1203))
    assert store.count("raw_pages") == 3
    assert list(stored_snapshots(store, DAY, "greenhouse")) == []
    assert not has_day(store, DAY, "greenhouse")
    record(store, fetched(2))
    assert ids(store) == ["0", "1"]
    assert store.count("raw_pages") == 1


@pytest.mark.parametrize(
    "page", [pytest.param(None, id="before the snapshot"), pytest.param(1, id="between two pages")]
)
def test_a_crash_while_a_day_is_replaced_leaves_nothing_complete(store: DocumentStore, page: int | None) -> None:
    record(store, fetched(1203, title="old"))
    with pytest.raises(Crash):
        record(CrashingStore(store, page=page), fetched(1203, title="new"))
    assert [(s.status, s.complete, s.rows) for s in stored_snapshots(store, DAY, "greenhouse")] == [
        ("replacing", False, 0)
    ]
    assert ids(store) == []
    record(store, fetched(1203, title="new"))
    assert {row.payload["title"] for row in stored_rows(store, DAY, "greenhouse")} == {"new"}


def test_recording_a_day_again_replaces_its_pages_whole(store: DocumentStore) -> None:
    record(store, fetched(1203))
    record(store, fetched(1203), board="neighbour")
    assert record(store, fetched(3)) == Recorded(rows=3, new_payloads=0)
    assert len(ids(store)) == 3 + 1203
    assert store.count("raw_pages") == 1 + 3


def test_a_day_without_any_reading_is_not_a_day_with_empty_boards(store: DocumentStore) -> None:
    with pytest.raises(NothingStored, match="nothing is stored for greenhouse on 2026-11-20"):
        stored_rows(store, DAY, "greenhouse")
    record(store, fetched(0))
    assert ids(store) == []
    assert [(s.complete, s.rows) for s in stored_snapshots(store, DAY, "greenhouse")] == [(True, 0)]
    with pytest.raises(NothingStored):
        stored_rows(store, NEXT_DAY, "greenhouse")
    with pytest.raises(NothingStored):
        stored_rows(store, DAY, "lever")


def test_a_failed_board_is_a_snapshot_without_rows(store: DocumentStore) -> None:
    record(store, Failed(BoardGone("it answered 404", status=404), MOMENT, URL))
    (snapshot,) = stored_snapshots(store, DAY, "greenhouse")
    assert (snapshot.status, snapshot.complete, snapshot.error, snapshot.gone) == (
        "failed",
        False,
        "it answered 404",
        True,
    )
    assert (snapshot.fetched_at, snapshot.url) == (MOMENT, URL)
    assert ids(store) == []
    record(store, fetched(1))
    (snapshot,) = stored_snapshots(store, DAY, "greenhouse")
    assert (snapshot.status, snapshot.error) == ("ok", None)


def test_only_an_intact_reading_of_the_same_url_can_be_confirmed(store: DocumentStore) -> None:
    record(store, fetched(2, etag='W/"1"'))
    assert confirmable(store, NEXT_DAY, "greenhouse", "acme", URL) is not None
    assert confirmable(store, NEXT_DAY, "greenhouse", "acme", URL + "&x=1") is None
    assert confirmable(store, "2026-11-19", "greenhouse", "acme", URL) is None
    assert confirmable(store, NEXT_DAY, "greenhouse", "other", URL) is None
    record(store, Failed(BoardGone("404"), MOMENT, URL), day=NEXT_DAY)
    assert confirmable(store, "2026-11-22", "greenhouse", "acme", URL) is not None
    store.delete("raw_pages", {"day": DAY})
    assert confirmable(store, NEXT_DAY, "greenhouse", "acme", URL) is None


def test_a_reading_without_a_tag_is_not_confirmed_by_an_older_one(store: DocumentStore) -> None:
    record(store, fetched(2, etag='W/"1"'))
    record(store, fetched(2), day=NEXT_DAY)
    assert confirmable(store, NEXT_DAY, "greenhouse", "acme", URL) is None


def test_a_confirmed_reading_replaces_a_failure_of_the_same_day(store: DocumentStore) -> None:
    record(store, fetched(700, etag='W/"1"', updated_at="x"))
    previous = confirmable(store, DAY, "greenhouse", "acme", URL)
    assert previous is not None
    record(store, Failed(BoardGone("404"), MOMENT, URL), day=NEXT_DAY)
    record(store, Unchanged(previous, MOMENT), day=NEXT_DAY)
    assert [row.payload for row in stored_rows(store, NEXT_DAY, "greenhouse")] == [
        row.payload for row in stored_rows(store, DAY, "greenhouse")
    ]


@pytest.mark.parametrize("collection", [pytest.param(c, id=f"{c} lost") for c in ("raw_pages", "raw_payloads")])
def test_a_reading_that_lost_a_part_is_an_error_and_not_a_short_list(store: DocumentStore, collection: str) -> None:
    record(store, fetched(2))
    (first, *_) = store.page(collection, limit=1)
    store.delete(collection, {"_id": first["_id"]})
    with pytest.raises(StoreError, match=f"{collection} '.*' is missing"):
        ids(store)


def test_a_posting_on_two_boards_is_stored_once(store: DocumentStore) -> None:
    record(store, fetched(1), board="double")
    assert record(store, fetched(1), board="keeper") == Recorded(rows=1, new_payloads=0)
    (payload,) = store.scan("raw_payloads")
    assert (payload["provider"], payload["first_day"], payload["payload"]) == ("greenhouse", DAY, {"id": 0})
