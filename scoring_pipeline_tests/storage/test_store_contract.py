"""The document store's contract, held against every adapter: what is true of one engine is true of the other."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from store_harness import fresh_url, open_things, race

from scoring_pipeline.storage.port import Document, DocumentStore, Move, StoreError, UndeclaredField


@pytest.fixture(params=["sqlite", "mongodb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with fresh_url(request.param, tmp_path, request.function.__name__) as fresh:
        yield fresh


@pytest.fixture
def store(url: str) -> Iterator[DocumentStore]:
    opened = open_things(url)
    opened.migrate()
    yield opened
    opened.close()


def numbered(count: int, **fields: Any) -> list[Document]:
    return [{"_id": f"{number:05d}", "n": number, **fields} for number in range(count)]


def ids(documents: list[Document]) -> list[str]:
    return [document["_id"] for document in documents]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(2**63 - 1, id="the largest 64-bit integer"),
        pytest.param(-(2**63), id="the smallest 64-bit integer"),
        pytest.param(2**53 + 1, id="an integer that a double cannot hold"),
        pytest.param(0.1, id="a float"),
        pytest.param(1e300, id="a large float"),
        pytest.param(3.0, id="a float that is whole"),
        pytest.param("Zürich — 東京 🦀 \u2028 \x00 end", id="text beyond ASCII, with control characters"),
        pytest.param(True, id="a boolean"),
        pytest.param(None, id="null"),
        pytest.param([], id="an empty list"),
        pytest.param({}, id="an empty object"),
        pytest.param({"b": [1, {"a": [None, True, "x"]}], "a": {"deep": {"er": 1}}}, id="nested values"),
    ],
)
def test_a_value_comes_back_as_it_was_written(store: DocumentStore, value: Any) -> None:
    store.upsert("things", [{"_id": "a", "value": value}])
    read = store.get("things", "a")
    assert read == {"_id": "a", "value": value}
    assert type(read["value"]) is type(value)


def test_absent_and_null_stay_different_when_read_back(store: DocumentStore) -> None:
    store.upsert("things", [{"_id": "null", "status": None}, {"_id": "absent"}])
    assert store.get_many("things", ["null", "absent"]) == {
        "null": {"_id": "null", "status": None},
        "absent": {"_id": "absent"},
    }


def test_upsert_replaces_a_document_whole_and_the_last_of_one_call_wins(store: DocumentStore) -> None:
    store.upsert("things", [{"_id": "a", "status": "old", "extra": 1}])
    store.upsert("things", [{"_id": "a", "status": "new"}, {"_id": "a", "status": "newest"}])
    assert store.get("things", "a") == {"_id": "a", "status": "newest"}
    assert store.count("things", {"status": "old"}) == 0


def test_insert_absent_returns_only_what_it_inserted_and_overwrites_nothing(store: DocumentStore) -> None:
    store.upsert("things", [{"_id": "a", "n": 1}])
    inserted = store.insert_absent("things", [{"_id": "a", "n": 2}, {"_id": "b", "n": 3}, {"_id": "b", "n": 4}])
    assert inserted == {"b"}
    assert store.get_many("things", ["a", "b"]) == {"a": {"_id": "a", "n": 1}, "b": {"_id": "b", "n": 3}}


def test_bulk_methods_take_nothing_and_take_thousands(store: DocumentStore) -> None:
    documents = numbered(5_001, status="x")
    store.upsert("things", [])
    assert store.insert_absent("things", []) == set()
    assert store.get_many("things", []) == {}
    assert store.compare_and_set_many("things", []) == set()
    assert store.insert_absent("things", documents) == set(ids(documents))
    assert list(store.get_many("things", [*ids(documents), "missing"]).values()) is not None
    assert len(store.get_many("things", [*ids(documents), "missing"])) == 5_001
    moves = [Move(document["_id"], {"status": "x"}, {"status": "y"}) for document in documents]
    assert store.compare_and_set_many("things", moves) == set(ids(documents))
    assert store.count("things", {"_id": {"$in": ids(documents)}, "status": "y"}) == 5_001
    assert store.delete("things", {"status": "y"}) == 5_001


def test_pages_by_id_cover_everything_once_in_order_of_code_points(store: DocumentStore) -> None:
    names = ["", "A", "Z", "a", "a/1", "a0", "é", "\U0001f980", "￿", "2026-11-21/b"]
    store.upsert("things", [{"_id": name} for name in names])
    seen: list[str] = []
    after = None
    while page := store.page("things", after=after, limit=3):
        seen += ids(page)
        after = seen[-1]
    assert seen == sorted(names)


def test_a_scan_may_write_what_it_scans(store: DocumentStore) -> None:
    store.upsert("things", numbered(25, status="waiting"))
    for document in store.scan("things", {"status": "waiting"}, batch=10):
        assert store.compare_and_set("things", Move(document["_id"], {"status": "waiting"}, {"status": "done"}))
    assert store.group_count("things", "status") == {"done": 25}


FILTERED: list[Document] = [
    {"_id": "1", "status": "a", "n": 1, "flag": True, "tags": ["x", "y"], "nested": {"level": 1}},
    {"_id": "2", "status": "b", "n": 2, "flag": False, "tags": ["y"], "nested": {"level": "deep"}},
    {"_id": "3", "status": None, "n": 3, "tags": []},
    {"_id": "4", "n": "3", "flag": 1, "tags": ["x", 7, True], "nested": {}},
    {"_id": "5", "status": "c", "n": 2.5, "flag": "true", "tags": None},
]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        pytest.param({}, "12345", id="no test matches all"),
        pytest.param({"status": "a"}, "1", id="equality"),
        pytest.param({"status": None}, "34", id="None matches null and absent"),
        pytest.param({"status": {"$ne": "a"}}, "2345", id="not equal includes null and absent"),
        pytest.param({"status": {"$ne": None}}, "125", id="not None means present"),
        pytest.param({"status": {"$in": ["a", "c", "q"]}}, "15", id="any of"),
        pytest.param({"status": {"$in": ["a", None]}}, "134", id="any of, with None"),
        pytest.param({"status": {"$in": []}}, "", id="any of nothing"),
        pytest.param({"n": {"$gt": 1, "$lte": 3}}, "235", id="a range of numbers, open and closed"),
        pytest.param({"n": {"$gte": 2}}, "235", id="a range of numbers leaves text out"),
        pytest.param({"n": {"$lt": "4"}}, "4", id="a range of text leaves numbers out"),
        pytest.param({"flag": True}, "1", id="true is not 1"),
        pytest.param({"flag": 1}, "4", id="1 is not true"),
        pytest.param({"flag": {"$in": [False, "true"]}}, "25", id="booleans in a list"),
        pytest.param({"flag": {"$ne": True}}, "2345", id="not true"),
        pytest.param({"flag": {"$lt": True}}, "2", id="false is below true"),
        pytest.param({"nested.level": 1}, "1", id="a dotted field"),
        pytest.param({"nested.level": None}, "345", id="a dotted field that is absent"),
        pytest.param({"tags": "x"}, "14", id="membership"),
        pytest.param({"tags": 7}, "4", id="membership of a number"),
        pytest.param({"tags": True}, "4", id="membership of a boolean"),
        pytest.param({"tags": {"$all": ["x", "y"]}}, "1", id="all of"),
        pytest.param({"tags": {"$in": ["y", 7]}}, "124", id="a member among"),
        pytest.param({"tags": {"$all": []}}, "", id="all of nothing matches nothing"),
        pytest.param({"_id": {"$gte": "2", "$lt": "4"}}, "23", id="a range of ids"),
        pytest.param({"_id": {"$in": ["1", "5", "9"]}}, "15", id="some ids"),
        pytest.param(
            {"status": {"$in": ["a", "b"]}, "tags": "y", "n": {"$lt": 2}}, "1", id="conditions are joined by and"
        ),
    ],
)
def test_a_filter_finds_what_mongodb_would_find(store: DocumentStore, where: Mapping[str, Any], expected: str) -> None:
    store.upsert("things", FILTERED)
    assert ids(store.page("things", where)) == list(expected)
    assert store.count("things", where) == len(expected)
    assert store.exists("things", where) is bool(expected)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda store: store.upsert("things", [{"_id": "1", "tags": ["z"]}]), id="an upsert"),
        pytest.param(
            lambda store: store.compare_and_set("things", Move("1", {"status": "a"}, {"tags": ["z"]})), id="a move"
        ),
    ],
)
def test_membership_follows_a_changed_list(store: DocumentStore, change: Any) -> None:
    store.upsert("things", FILTERED)
    change(store)
    assert ids(store.page("things", {"tags": "z"})) == ["1"]
    assert ids(store.page("things", {"tags": "x"})) == ["4"]
    store.delete("things", {"_id": "1"})
    assert store.count("things", {"tags": "z"}) == 0


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_sorted_search_breaks_ties_by_id_and_leaves_out_documents_without_the_field(
    store: DocumentStore, order: Any
) -> None:
    documents: list[Document] = [{"_id": f"{n:02d}", "kind": "k", "n": n // 3} for n in range(20)]
    store.upsert("things", [*documents, {"_id": "none", "kind": "k", "n": None}, {"_id": "absent", "kind": "k"}])
    found: list[Document] = []
    cursor = None
    while True:
        page = store.search("things", {"kind": "k"}, sort="n", order=order, limit=7, after=cursor)
        found += page.documents
        cursor = page.cursor
        if cursor is None:
            break
    assert found == sorted(documents, key=lambda document: (document["n"], document["_id"]), reverse=order == "desc")


def test_the_last_page_of_a_search_has_no_cursor_even_when_it_is_full(store: DocumentStore) -> None:
    store.upsert("things", numbered(4))
    first = store.search("things", {}, sort="n", order="asc", limit=2)
    assert first.cursor == (1, "00001")
    assert store.search("things", {}, sort="n", order="asc", limit=2, after=first.cursor).cursor is None


def test_a_move_is_made_only_where_every_expectation_holds(store: DocumentStore) -> None:
    store.upsert("things", [{"_id": "a", "status": "x", "owner": "me", "n": 1, "kept": [1]}])
    assert not store.compare_and_set("things", Move("a", {"status": "x", "owner": "you"}, {"n": 2}))
    assert not store.compare_and_set("things", Move("missing", {"status": None}, {"n": 2}))
    assert not store.compare_and_set("things", Move("a", {"n": True}, {"n": 2}))
    assert store.compare_and_set("things", Move("a", {"status": "x", "owner": "me", "gone": None}, {"n": 2}))
    assert store.get("things", "a") == {"_id": "a", "status": "x", "owner": "me", "n": 2, "kept": [1]}


def test_a_move_that_changes_nothing_is_still_made(store: DocumentStore) -> None:
    store.upsert("things", [{"_id": "a", "status": "x"}])
    assert store.compare_and_set("things", Move("a", {"status": "x"}, {"status": "x"}))
    assert store.compare_and_set_many("things", [Move("a", {"status": "x"}, {"status": "x"})]) == {"a"}


def test_many_moves_say_exactly_which_were_made_and_create_nothing(store: DocumentStore) -> None:
    store.upsert("things", [{"_id": "a", "s": 1}, {"_id": "b", "s": 2}, {"_id": "c"}])
    moves = [Move(doc_id, {"s": expected}, {"s": 9}) for doc_id, expected in [("a", 1), ("b", 1), ("c", None)]]
    moves += [Move("missing", {"s": None}, {"s": 9}), Move("missing too", {}, {"s": 9})]
    assert store.compare_and_set_many("things", moves) == {"a", "c"}
    assert list(store.scan("things")) == [{"_id": "a", "s": 9}, {"_id": "b", "s": 2}, {"_id": "c", "s": 9}]


def test_moves_of_one_document_are_made_in_the_order_given(store: DocumentStore) -> None:
    store.upsert("things", [{"_id": "a", "s": 1}])
    moves = [Move("a", {"s": 1}, {"s": 2}), Move("a", {"s": 1}, {"s": 8}), Move("a", {"s": 2}, {"s": 3})]
    assert store.compare_and_set_many("things", moves) == {"a"}
    assert store.get("things", "a") == {"_id": "a", "s": 3}


def test_an_increment_adds_to_absent_fields_and_respects_its_bound(store: DocumentStore) -> None:
    store.upsert("things", [{"_id": "a", "tokens": 5}])
    assert store.increment("things", "a", {"tokens": -2, "cost": 10**12}, where={"tokens": {"$gte": 2}}) == {
        "_id": "a",
        "tokens": 3,
        "cost": 10**12,
    }
    assert store.increment("things", "a", {"tokens": -2}, where={"tokens": {"$gte": 4}}) is None
    assert store.increment("things", "missing", {"tokens": 1}) is None
    assert store.get("things", "a") == {"_id": "a", "tokens": 3, "cost": 10**12}


def test_an_increment_of_something_that_is_not_a_number_is_refused(store: DocumentStore) -> None:
    store.upsert("things", [{"_id": "a", "tokens": "many"}])
    with pytest.raises(StoreError, match=r"tokens|numeric"):
        store.increment("things", "a", {"tokens": 1})


def test_groups_are_keyed_by_the_value_as_it_was_written(store: DocumentStore) -> None:
    store.upsert("things", [{"_id": str(n), "flag": n % 2 == 0, "kind": f"k{n % 2}", "cost": 2**60} for n in range(5)])
    store.upsert("things", [{"_id": "null", "flag": None, "cost": None}, {"_id": "absent", "tokens": 4}])
    counts = store.group_count("things", "flag")
    assert counts == {True: 3, False: 2, None: 2}
    assert {type(key) for key in counts} == {bool, type(None)}
    assert store.group_sum("things", "kind", ["cost", "tokens"], {"_id": {"$ne": "4"}}) == {
        "k0": {"cost": 2**61, "tokens": 0},
        "k1": {"cost": 2**61, "tokens": 0},
        None: {"cost": 0, "tokens": 4},
    }


@pytest.mark.parametrize(
    ("call", "error"),
    [
        pytest.param(lambda s: s.page("things", {"secret": 1}), UndeclaredField, id="a filter by an undeclared field"),
        pytest.param(
            lambda s: s.search("things", {}, sort="tags", order="asc", limit=1), UndeclaredField, id="a sort by a list"
        ),
        pytest.param(lambda s: s.group_count("things", "secret"), UndeclaredField, id="a group by an undeclared field"),
        pytest.param(lambda s: s.page("nothings"), StoreError, id="an unknown collection"),
        pytest.param(lambda s: s.page("things", {"status": {"$regex": "a"}}), StoreError, id="an unknown operator"),
        pytest.param(lambda s: s.page("things", {"status": {"$gt": None}}), StoreError, id="a range from None"),
        pytest.param(lambda s: s.page("things", {"status": ["a"]}), StoreError, id="equality with a list"),
        pytest.param(lambda s: s.page("things", {"status": {"$in": "ab"}}), StoreError, id="text taken for a list"),
        pytest.param(lambda s: s.page("things", {"status": {"$ne": {"$gt": ""}}}), StoreError, id="a nested operator"),
        pytest.param(lambda s: s.page("things", {"tags": {"$gt": 1}}), StoreError, id="a range of a list"),
        pytest.param(lambda s: s.page("things", limit=0), StoreError, id="a page of nothing"),
        pytest.param(lambda s: s.upsert("things", [{"n": 1}]), StoreError, id="a document without an id"),
        pytest.param(lambda s: s.upsert("things", [{"_id": 7}]), StoreError, id="an id that is not text"),
        pytest.param(lambda s: s.upsert("things", [{"_id": "a", "x": object()}]), StoreError, id="a value not JSON"),
        pytest.param(lambda s: s.upsert("things", [{"_id": "a", "x": "\ud800"}]), StoreError, id="half a surrogate"),
        pytest.param(lambda s: s.upsert("things", [{"_id": "a", "x": 2**64}]), StoreError, id="more than 64 bits"),
        pytest.param(lambda s: s.delete("things", {}), StoreError, id="deleting everything"),
        pytest.param(lambda s: s.compare_and_set("things", Move("a", {}, {})), StoreError, id="a move without effect"),
        pytest.param(
            lambda s: s.compare_and_set("things", Move("a", {}, {"a.b": 1})), StoreError, id="a dotted change"
        ),
        pytest.param(
            lambda s: s.compare_and_set("things", Move("a", {}, {"_id": "b"})), StoreError, id="a change of id"
        ),
        pytest.param(
            lambda s: s.compare_and_set("things", Move("a", {"x": {"$gt": 1}}, {"n": 1})), StoreError, id="an operator"
        ),
        pytest.param(lambda s: s.increment("things", "a", {"n": 1.5}), StoreError, id="a broken amount"),
    ],
)
def test_what_the_port_does_not_define_is_refused(store: DocumentStore, call: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        call(store)
    assert store.count("things") == 0


def test_migrating_again_creates_nothing(store: DocumentStore) -> None:
    assert store.migrate() == []


def test_a_closed_store_says_so(store: DocumentStore) -> None:
    store.ping()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.count("things")


def claim(store: DocumentStore, owner: str) -> bool:
    return store.compare_and_set("things", Move("lease", {"owner": None}, {"owner": owner}))


def claim_many(store: DocumentStore, owner: str) -> set[str]:
    return store.compare_and_set_many(
        "things", [Move(f"{n:05d}", {"owner": None}, {"owner": owner}) for n in range(200)]
    )


def insert_many(store: DocumentStore, owner: str) -> set[str]:
    return store.insert_absent("things", numbered(200, owner=owner))


def take_tokens(store: DocumentStore, tries: int) -> int:
    taken = [store.increment("things", "bucket", {"tokens": 1}, where={"tokens": {"$lt": 50}}) for _ in range(tries)]
    return sum(document is not None for document in taken)


def upsert_many(store: DocumentStore, owner: str) -> None:
    store.upsert("things", numbered(200, owner=owner, tags=[owner]))


def migrate(store: DocumentStore, _: int) -> list[str]:
    return store.migrate()


OWNERS = ["one", "two", "three", "four"]


@pytest.mark.slow
def test_of_processes_racing_for_one_document_exactly_one_wins(store: DocumentStore) -> None:
    store.upsert("things", [{"_id": "lease"}])
    won = race(claim, store.url, OWNERS)
    assert sorted(won) == [False, False, False, True]
    assert store.get("things", "lease") == {"_id": "lease", "owner": OWNERS[won.index(True)]}


@pytest.mark.slow
@pytest.mark.parametrize("work", [claim_many, insert_many], ids=["moves of documents", "inserts of documents"])
def test_processes_racing_in_bulk_share_the_documents_without_overlap(store: DocumentStore, work: Any) -> None:
    if work is claim_many:
        store.upsert("things", numbered(200))
    claimed = race(work, store.url, OWNERS)
    assert sum(len(part) for part in claimed) == 200
    owners = {document["_id"]: document["owner"] for document in store.scan("things")}
    assert owners == {doc_id: OWNERS[number] for number, part in enumerate(claimed) for doc_id in part}


@pytest.mark.slow
def test_racing_increments_never_pass_their_bound(store: DocumentStore) -> None:
    store.upsert("things", [{"_id": "bucket", "tokens": 0}])
    assert sum(race(take_tokens, store.url, [30, 30, 30])) == 50
    assert store.get("things", "bucket") == {"_id": "bucket", "tokens": 50}


@pytest.mark.slow
def test_racing_upserts_leave_whole_documents(store: DocumentStore) -> None:
    race(upsert_many, store.url, OWNERS)
    documents = list(store.scan("things"))
    assert len(documents) == 200
    assert all(document["tags"] == [document["owner"]] for document in documents)
    assert sum(store.count("things", {"tags": owner}) for owner in OWNERS) == 200


@pytest.mark.slow
def test_two_processes_may_migrate_at_once(url: str) -> None:
    created = race(migrate, url, [0, 1])
    store = open_things(url)
    assert store.migrate() == []
    store.upsert("things", FILTERED)
    assert store.count("things", {"tags": "x"}) == 2
    assert any(created)
    store.close()
