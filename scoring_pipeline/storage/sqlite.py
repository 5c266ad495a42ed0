"""The document store on SQLite: the embedded default, safe for several threads and processes on one file.

What belongs here: the port's operations. What does not: the layout and SQL of filters (`sqlite_layout.py`),
connections and the meaning of errors (`sqlite_connections.py`).

Every write is one `BEGIN IMMEDIATE` transaction per chunk, durable when it returns (`synchronous = FULL`); reads take
no lock and leave no cursor open.
"""
# ruff: noqa: S608 - identifiers are declared names, quoted; every value is a parameter

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import orjson

from scoring_pipeline.storage import filters
from scoring_pipeline.storage.collections import BY_NAME, Collection
from scoring_pipeline.storage.filters import Condition
from scoring_pipeline.storage.port import Document, Move, SearchPage, StoreError, StoreUnavailable, Where
from scoring_pipeline.storage.sqlite_connections import Connections, path_of
from scoring_pipeline.storage.sqlite_layout import (
    create_missing,
    decoded,
    encoded,
    page_statement,
    quoted,
    where_clause,
)

_WRITE_CHUNK = 2000
_MOVE_CHUNK = 500
_ID_CHUNK = 500
_DELETE_CHUNK = 5000


class SqliteStore:
    """A `DocumentStore` in one SQLite file. Constructing it does no I/O.

    Args:
        url: `sqlite:////absolute/path` or `sqlite:///relative/path`.
        collections: the collections by name.
        busy_seconds: how long a write waits for another process's.

    Raises:
        StoreError: if the URL is not one of a SQLite file.
    """

    def __init__(
        self, url: str, *, collections: Mapping[str, Collection] = BY_NAME, busy_seconds: float = 30.0
    ) -> None:
        self.url = url
        self._collections = collections
        self._connections = Connections(path_of(url), busy_seconds)

    def insert_absent(self, collection: str, documents: Sequence[Document]) -> set[str]:
        """Insert the documents whose `_id` is not there yet; return the ids that were inserted by this call."""
        declared = self._declared(collection)
        filters.check_documents(declared, documents)
        statement = f"INSERT INTO {quoted(collection)} (_id, doc) VALUES (?, ?) ON CONFLICT (_id) DO NOTHING"
        inserted: set[str] = set()
        for chunk in _chunks(documents, _WRITE_CHUNK):
            rows = _rows(declared, chunk)
            fresh = set()
            with self._connections.writing() as connection:
                for row in rows:
                    if connection.execute(statement, row).rowcount == 1:
                        fresh.add(row[0])
            inserted |= fresh
        return inserted

    def upsert(self, collection: str, documents: Sequence[Document]) -> None:
        """Insert the documents, each replacing the one with its `_id` whole."""
        declared = self._declared(collection)
        filters.check_documents(declared, documents)
        statement = (
            f"INSERT INTO {quoted(collection)} (_id, doc) VALUES (?, ?)"
            " ON CONFLICT (_id) DO UPDATE SET doc = excluded.doc WHERE doc <> excluded.doc"
        )
        for chunk in _chunks(documents, _WRITE_CHUNK):
            rows = _rows(declared, chunk)
            with self._connections.writing() as connection:
                connection.executemany(statement, rows)

    def get(self, collection: str, doc_id: str) -> Document | None:
        """Return one document, or None where there is none."""
        return self.get_many(collection, [doc_id]).get(doc_id)

    def get_many(self, collection: str, ids: Sequence[str]) -> dict[str, Document]:
        """Return the documents that exist among `ids`, by id."""
        self._declared(collection)
        with self._connections.reading() as connection:
            return _get_many(connection, collection, ids)

    def page(
        self, collection: str, where: Where | None = None, *, after: str | None = None, limit: int = 500
    ) -> list[Document]:
        """Return up to `limit` documents with `_id` > `after`, in ascending order of `_id` (a keyset page)."""
        declared = self._declared(collection)
        filters.check_limit(limit)
        tests = filters.conditions(declared, where)
        if after is not None:
            tests.append(Condition("_id", "$gt", after))
        return [orjson.loads(doc) for _, doc in self._rows(*page_statement(declared, tests, limit))]

    def scan(self, collection: str, where: Where | None = None, *, batch: int = 500) -> Iterator[Document]:
        """Yield every matching document in order of `_id`, page by page, in bounded memory."""
        after = None
        while True:
            documents = self.page(collection, where, after=after, limit=batch)
            yield from documents
            if len(documents) < batch:
                return
            after = documents[-1]["_id"]

    def search(
        self,
        collection: str,
        where: Where,
        *,
        sort: str,
        order: Literal["asc", "desc"],
        limit: int,
        after: tuple[Any, str] | None = None,
    ) -> SearchPage:
        """Return a page sorted by (`sort`, `_id`), both in `order`; documents without the sort field are left out."""
        declared = self._declared(collection)
        filters.check_limit(limit)
        column = quoted(filters.scalar_field(declared, sort))
        tests = [*filters.conditions(declared, where), Condition(sort, "$ne", None)]
        clause, values = where_clause(declared, tests)
        if after is not None:
            clause += f" AND ({column}, _id) {'>' if order == 'asc' else '<'} (?, ?)"
            values += [encoded(after[0]), after[1]]
        direction = "ASC" if order == "asc" else "DESC"
        statement = (
            f"SELECT {column}, CAST(doc AS BLOB) FROM {quoted(collection)}{clause}"
            f" ORDER BY {column} {direction}, _id {direction} LIMIT ?"
        )
        rows = self._rows(statement, [*values, limit + 1])
        documents = [orjson.loads(doc) for _, doc in rows[:limit]]
        more = len(rows) > limit
        return SearchPage(documents, (decoded(rows[limit - 1][0]), documents[-1]["_id"]) if more else None)

    def compare_and_set(self, collection: str, move: Move) -> bool:
        """Make one move; return whether it was made."""
        return bool(self.compare_and_set_many(collection, [move]))

    def compare_and_set_many(self, collection: str, moves: Sequence[Move]) -> set[str]:
        """Make each move on its own; return the ids of those that this call made."""
        declared = self._declared(collection)
        for move in moves:
            filters.check_move(declared, move)
        made: set[str] = set()
        for chunk in _chunks(moves, _MOVE_CHUNK):
            made |= self._move(declared, chunk)
        return made

    def _move(self, collection: Collection, moves: Sequence[Move]) -> set[str]:
        with self._connections.writing() as connection:
            current = _get_many(connection, collection.name, [move.id for move in moves])
            made: dict[str, Document] = {}
            for move in moves:
                document = current.get(move.id)
                if document is not None and filters.holds(document, move.expect):
                    current[move.id] = made[move.id] = {**document, **move.assign}
            _replace(connection, collection, list(made.values()))
        return set(made)

    def increment(
        self, collection: str, doc_id: str, amounts: Mapping[str, int], *, where: Where | None = None
    ) -> Document | None:
        """Add to integer fields of one document where it also matches `where`; return it as it is after, else None."""
        declared = self._declared(collection)
        filters.check_amounts(declared, amounts)
        tests = [Condition("_id", "$eq", doc_id), *filters.conditions(declared, where)]
        clause, values = where_clause(declared, tests)
        with self._connections.writing() as connection:
            statement = f"SELECT CAST(doc AS BLOB) FROM {quoted(collection)}{clause}"
            row = connection.execute(statement, values).fetchone()
            if row is None:
                return None
            changed = filters.added(declared, orjson.loads(row[0]), amounts)
            _replace(connection, declared, [changed])
        return changed

    def count(self, collection: str, where: Where | None = None) -> int:
        """Count matching documents."""
        clause, values = self._clause(collection, where)
        return int(self._rows(f"SELECT count(*) FROM {quoted(collection)}{clause}", values)[0][0])

    def exists(self, collection: str, where: Where) -> bool:
        """Whether any document matches: an indexed look-up that stops at the first."""
        clause, values = self._clause(collection, where)
        return bool(self._rows(f"SELECT 1 FROM {quoted(collection)}{clause} LIMIT 1", values))

    def group_count(self, collection: str, field: str, where: Where | None = None) -> dict[Any, int]:
        """Count matching documents by the value of a declared scalar field (None for null and absent)."""
        column = quoted(filters.scalar_field(self._declared(collection), field))
        clause, values = self._clause(collection, where)
        rows = self._rows(f"SELECT {column}, count(*) FROM {quoted(collection)}{clause} GROUP BY 1", values)
        return {decoded(value): number for value, number in rows}

    def group_sum(
        self, collection: str, field: str, amounts: Sequence[str], where: Where | None = None
    ) -> dict[Any, dict[str, int]]:
        """Sum declared integer fields of the matching documents by the value of a declared scalar field."""
        declared = self._declared(collection)
        column = quoted(filters.scalar_field(declared, field))
        sums = "".join(f", coalesce(sum({quoted(filters.scalar_field(declared, name))}), 0)" for name in amounts)
        clause, values = self._clause(collection, where)
        rows = self._rows(f"SELECT {column}{sums} FROM {quoted(collection)}{clause} GROUP BY 1", values)
        return {decoded(row[0]): dict(zip(amounts, row[1:], strict=True)) for row in rows}

    def delete(self, collection: str, where: Where) -> int:
        """Delete matching documents; return how many. An empty `where` is refused with `StoreError`."""
        if not where:
            raise StoreError(f"{collection}: deleting without a filter is refused")
        clause, values = self._clause(collection, where)
        table = quoted(collection)
        statement = f"DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table}{clause} LIMIT {_DELETE_CHUNK})"
        deleted = 0
        while True:
            with self._connections.writing() as connection:
                number = connection.execute(statement, values).rowcount
            deleted += number
            if number < _DELETE_CHUNK:
                return deleted

    def migrate(self) -> list[str]:
        """Create the file and what is missing in it; return one line per thing created. Idempotent."""
        with self._connections.writing(create=True) as connection:
            return create_missing(connection, self._collections)

    def ping(self) -> None:
        """Raise `StoreUnavailable` unless the file can be read."""
        try:
            self._rows("SELECT count(*) FROM sqlite_schema", [])
        except StoreUnavailable:
            raise
        except StoreError as error:
            raise StoreUnavailable(str(error)) from error

    def close(self) -> None:
        """Release connections; the object is not used afterwards."""
        self._connections.close()

    def _declared(self, collection: str) -> Collection:
        return filters.find(self._collections, collection)

    def _clause(self, collection: str, where: Where | None) -> tuple[str, list[Any]]:
        declared = self._declared(collection)
        return where_clause(declared, filters.conditions(declared, where))

    def _rows(self, statement: str, values: Sequence[Any]) -> list[Any]:
        with self._connections.reading() as connection:
            return connection.execute(statement, values).fetchall()


def _rows(collection: Collection, documents: Sequence[Document]) -> list[tuple[str, str]]:
    rows = []
    for document in documents:
        try:
            rows.append((document["_id"], orjson.dumps(document).decode()))
        except TypeError as error:
            raise StoreError(f"{collection.name} {document['_id']!r} is not JSON: {error}") from error
    return rows


def _replace(connection: sqlite3.Connection, collection: Collection, documents: Sequence[Document]) -> None:
    rows = [(text, doc_id) for doc_id, text in _rows(collection, documents)]
    connection.executemany(f"UPDATE {quoted(collection.name)} SET doc = ? WHERE _id = ?", rows)


def _get_many(connection: sqlite3.Connection, collection: str, ids: Sequence[str]) -> dict[str, Document]:
    found: dict[str, Document] = {}
    for chunk in _chunks(ids, _ID_CHUNK):
        marks = ", ".join("?" * len(chunk))
        statement = f"SELECT _id, CAST(doc AS BLOB) FROM {quoted(collection)} WHERE _id IN ({marks})"
        found.update((key, orjson.loads(doc)) for key, doc in connection.execute(statement, chunk).fetchall())
    return found


def _chunks(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
