"""A random sequence of operations leaves a store as it would leave a dict of documents."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_harness import fresh_url, open_things

from scoring_pipeline.storage.port import Document, DocumentStore, Move

IDS = ["", "a", "a/1", "b", "é", "\U0001f980"]
SCALARS = [None, True, False, 0, 1, 2.5, -7, 2**60, "", "a", "b", "1", "true", "Ω"]

ids = st.sampled_from(IDS)
scalars = st.sampled_from(SCALARS)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    # FerretDB refuses a list directly in a list; the contract test has one in an object.
    lambda inner: (
        st.lists(inner.filter(lambda value: not isinstance(value, list)), max_size=3)
        | st.dictionaries(st.sampled_from(["x", "y", "zed"]), inner, max_size=3)
    ),
    max_leaves=6,
)
documents = st.fixed_dictionaries(
    {"_id": ids},
    optional={
        "status": scalars,
        "nested": st.fixed_dictionaries({}, optional={"level": scalars}),
        "tags": st.none() | st.lists(scalars, max_size=3),
        "n": st.integers(-3, 3),
        "flag": st.none() | st.booleans(),
        "tokens": st.integers(-5, 5),
        "free": json_values,
    },
)
present = st.sampled_from(SCALARS[1:])
tests = st.one_of(
    st.tuples(st.sampled_from(["status", "nested.level"]), scalars),
    st.tuples(st.sampled_from(["status", "nested.level"]), scalars.map(lambda value: {"$ne": value})),
    st.tuples(st.sampled_from(["status", "_id"]), st.lists(scalars, max_size=3).map(lambda values: {"$in": values})),
    st.tuples(
        st.sampled_from(["status", "n"]),
        st.dictionaries(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), present, min_size=1, max_size=2),
    ),
    st.tuples(st.just("tags"), st.lists(present, max_size=2).map(lambda values: {"$all": values})),
    st.tuples(st.just("tags"), st.lists(present, max_size=2).map(lambda values: {"$in": values})),
    st.tuples(st.just("tags"), present),
)
filters = st.lists(tests, max_size=2).map(dict)
expectations = st.dictionaries(st.sampled_from(["status", "n", "owner"]), scalars, max_size=2)
assignments = st.fixed_dictionaries(
    {"n": st.integers(-3, 3)},
    optional={"status": scalars, "owner": scalars, "tags": st.lists(scalars, max_size=2), "free": json_values},
)
moves = st.builds(Move, ids, expectations, assignments)


class Model:
    """The same operations on a dict."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}

    def matching(self, where: Mapping[str, Any]) -> list[Document]:
        return [found for _, found in sorted(self.documents.items()) if matches(found, where)]

    def insert_absent(self, new: list[Document]) -> set[str]:
        before = set(self.documents)
        for document in new:
            self.documents.setdefault(document["_id"], document)
        return set(self.documents) - before

    def upsert(self, new: list[Document]) -> None:
        self.documents.update((document["_id"], document) for document in new)

    def compare_and_set_many(self, wanted: list[Move]) -> set[str]:
        made = set()
        for move in wanted:
            found = self.documents.get(move.id)
            if found is not None and all(equal(found.get(field), value) for field, value in move.expect.items()):
                self.documents[move.id] = {**found, **move.assign}
                made.add(move.id)
        return made

    def increment(self, doc_id: str, amount: int, where: Mapping[str, Any]) -> Document | None:
        found = self.documents.get(doc_id)
        if found is None or not matches(found, where):
            return None
        self.documents[doc_id] = {**found, "tokens": found.get("tokens", 0) + amount}
        return self.documents[doc_id]

    def delete(self, where: Mapping[str, Any]) -> int:
        gone = self.matching(where)
        for document in gone:
            del self.documents[document["_id"]]
        return len(gone)


def equal(left: Any, right: Any) -> bool:
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def rank(value: Any) -> int:
    if isinstance(value, bool):
        return 3
    return 2 if isinstance(value, str) else 1


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": lambda left, right: left > right,
    "$gte": lambda left, right: left >= right,
    "$lt": lambda left, right: left < right,
    "$lte": lambda left, right: left <= right,
}


def holds(value: Any, operator: str, operand: Any) -> bool:
    if operator == "$ne":
        return not equal(value, operand)
    if operator in COMPARE:
        return value is not None and rank(value) == rank(operand) and COMPARE[operator](value, operand)
    if isinstance(value, list):
        members = [any(equal(member, one) for member in value) for one in operand]
        return (any if operator == "$in" else all)(members) and bool(operand)
    return operator == "$in" and any(equal(value, one) for one in operand)


def matches(document: Document, where: Mapping[str, Any]) -> bool:
    for field, test in where.items():
        value: Any = document
        for part in field.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        operators = test if isinstance(test, Mapping) else {"$in": [test]}
        if not all(holds(value, operator, operand) for operator, operand in operators.items()):
            return False
    return True


operations = st.one_of(
    st.tuples(st.just("insert_absent"), st.lists(documents, max_size=4)),
    st.tuples(st.just("upsert"), st.lists(documents, max_size=4)),
    st.tuples(st.just("compare_and_set_many"), st.lists(moves, max_size=3)),
    st.tuples(st.just("increment"), ids, st.integers(-3, 3), filters),
    st.tuples(st.just("delete"), st.lists(tests, min_size=1, max_size=2).map(dict)),
)


@pytest.fixture(params=["sqlite", "mongodb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DocumentStore]:
    with fresh_url(request.param, tmp_path) as url:
        opened = open_things(url)
        opened.migrate()
        yield opened
        opened.close()


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sequence=st.lists(operations, min_size=1, max_size=8), where=filters)
def test_any_sequence_of_operations_leaves_what_a_dict_would_hold(
    store: DocumentStore, sequence: list[Any], where: dict[str, Any]
) -> None:
    store.delete("things", {"_id": {"$gte": ""}})
    model = Model()
    for name, *arguments in sequence:
        answer = act(store, name, arguments)
        assert answer == getattr(model, name)(*arguments), name
    assert list(store.scan("things", batch=2)) == model.matching({})
    assert list(store.scan("things", where, batch=2)) == model.matching(where)
    assert store.count("things", where) == len(model.matching(where))
    assert store.exists("things", where) is bool(model.matching(where))
    assert sorted_by_n(store, where) == sorted(
        (found for found in model.matching(where) if found.get("n") is not None),
        key=lambda found: (found["n"], found["_id"]),
    )


def act(store: DocumentStore, name: str, arguments: list[Any]) -> Any:
    if name == "increment":
        doc_id, amount, where = arguments
        return store.increment("things", doc_id, {"tokens": amount}, where=where)
    return getattr(store, name)("things", *arguments)


def sorted_by_n(store: DocumentStore, where: Mapping[str, Any]) -> list[Document]:
    found: list[Document] = []
    page = store.search("things", where, sort="n", order="asc", limit=2)
    found += page.documents
    while page.cursor is not None:
        page = store.search("things", where, sort="n", order="asc", limit=2, after=page.cursor)
        found += page.documents
    return found
