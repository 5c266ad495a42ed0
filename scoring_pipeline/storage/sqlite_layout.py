"""How a collection is laid out in SQLite, how a filter becomes SQL, and the migration that creates it all.

What belongs here: names, DDL, SQL text. What does not: connections, transactions, documents.

A collection is a table of `_id` and `doc` (JSON text). Each declared scalar is a VIRTUAL generated column, read out of
the JSON: it takes no room but in an index. Each declared array is a side table of (value, _id), kept by triggers, so
that no writer can forget it. JSON's true and false would both be read as integers; they are columns of one-byte blobs
instead, which keeps them apart from 0 and 1 and sorts them after text, as MongoDB does.
"""
# ruff: noqa: S608 - identifiers are declared names, quoted; every value is a parameter

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from scoring_pipeline.storage.collections import Collection
from scoring_pipeline.storage.filters import Condition

_BOOLS: dict[bytes, bool] = {b"\x00": False, b"\x01": True}
_TYPED = "CASE {type} WHEN 'true' THEN x'01' WHEN 'false' THEN x'00' ELSE {value} END"
_COMPARE = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_INLINE_LIST = 200
_MERGE_AT_MOST = 16


def quoted(name: str) -> str:
    """Return an SQL identifier.

    In backticks: SQLite takes a double-quoted name that it does not know for a string, and finds nothing with it.
    """
    return "`" + name.replace("`", "``") + "`"


def side_table(collection: Collection, field: str) -> str:
    """Return the name of the table that holds one array field's values."""
    return f"{collection.name}__{field}"


def encoded(value: Any) -> Any:
    """Return a JSON scalar as a generated column would hold it."""
    if isinstance(value, bool):
        return b"\x01" if value else b"\x00"
    return value


def decoded(value: Any) -> Any:
    """Return the JSON scalar that a generated column holds."""
    return _BOOLS[value] if isinstance(value, bytes) else value


def where_clause(collection: Collection, tests: Sequence[Condition]) -> tuple[str, list[Any]]:
    """Return ` WHERE ...` (or nothing) with its parameters."""
    terms: list[str] = []
    values: list[Any] = []
    for test in tests:
        term, parameters = _array_test(collection, test) if test.array else scalar_test(test)
        terms.append(term)
        values += parameters
    return (" WHERE " + " AND ".join(terms) if terms else ""), values


def scalar_test(test: Condition) -> tuple[str, list[Any]]:
    """Return one test of a generated column, or of `_id`, with its parameters."""
    column = quoted(test.field)
    if test.operator == "$in":
        return _in_list(column, test.value)
    value = encoded(test.value)
    if test.operator == "$eq":
        return (f"{column} IS NULL", []) if value is None else (f"{column} = ?", [value])
    if test.operator == "$ne":
        return f"{column} IS NOT ?", [value]
    return _range(column, _COMPARE[test.operator], value)


def _range(column: str, sign: str, value: Any) -> tuple[str, list[Any]]:
    """Compare within one type, as MongoDB does; in SQLite's order numbers come before text and text before blobs."""
    upward = sign.startswith(">")
    if isinstance(value, bytes):
        bracket = "" if upward else f" AND {column} >= x''"
    elif isinstance(value, str):
        bracket = f" AND {column} < x''" if upward else f" AND {column} >= ''"
    else:
        bracket = f" AND {column} < ''" if upward else ""
    if column == quoted("_id"):
        bracket = ""
    return f"{column} {sign} ?{bracket}", [value]


def _in_list(column: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
    present = [encoded(value) for value in values if value is not None]
    if len(present) <= _INLINE_LIST:
        term, parameters = f"{column} IN ({', '.join('?' * len(present))})", present
    else:
        typed = _TYPED.format(type="type", value="value")
        listed = orjson.dumps([value for value in values if value is not None]).decode()
        term, parameters = f"{column} IN (SELECT {typed} FROM json_each(?))", [listed]
    return (f"({term} OR {column} IS NULL)" if None in values else term), parameters


def _array_test(collection: Collection, test: Condition) -> tuple[str, list[Any]]:
    member = f"_id IN (SELECT _id FROM {quoted(side_table(collection, test.field))} WHERE "
    if test.operator == "$in":
        term, values = _in_list("value", test.value)
        return member + term + ")", values
    wanted = test.value if test.operator == "$all" else [test.value]
    if not wanted:
        return "0", []
    return " AND ".join([member + "value = ?)"] * len(wanted)), [encoded(value) for value in wanted]


def page_statement(collection: Collection, tests: list[Condition], limit: int) -> tuple[str, list[Any]]:
    """Return the SQL of a keyset page.

    A page over a few values of one field is merged from a page of each: SQLite would otherwise read and sort every
    matching document for every page.
    """
    listed = next((test for test in tests if _is_mergeable(test)), None)
    branches = [tests]
    if listed is not None:
        rest = [test for test in tests if test is not listed]
        branches = [[Condition(listed.field, "$eq", value), *rest] for value in dict.fromkeys(listed.value)]
    statements: list[str] = []
    values: list[Any] = []
    for branch in branches:
        clause, parameters = where_clause(collection, branch)
        statements.append(
            f"SELECT _id, CAST(doc AS BLOB) AS doc FROM {quoted(collection.name)}{clause} ORDER BY _id LIMIT ?"
        )
        values += [*parameters, limit]
    if len(statements) == 1:
        return statements[0], values
    merged = " UNION ALL ".join(f"SELECT * FROM ({statement})" for statement in statements)
    return f"SELECT _id, doc FROM ({merged}) ORDER BY _id LIMIT ?", [*values, limit]


def _is_mergeable(test: Condition) -> bool:
    few = test.operator == "$in" and 1 <= len(test.value) <= _MERGE_AT_MOST
    return few and not test.array and test.field != "_id"


def create_missing(connection: sqlite3.Connection, collections: Mapping[str, Collection]) -> list[str]:
    """Create what is not there yet, inside the caller's transaction; return one line per thing created."""
    made: list[str] = []
    for collection in collections.values():
        made += _tables(connection, collection)
        made += _columns(connection, collection)
        made += _indexes(connection, collection)
        made += _side_tables(connection, collection)
    return made


def _names(connection: sqlite3.Connection, kind: str) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = ?", (kind,))}


def _tables(connection: sqlite3.Connection, collection: Collection) -> list[str]:
    if collection.name in _names(connection, "table"):
        return []
    columns = "".join(f", {_column(field)}" for field in collection.scalars)
    connection.execute(
        f"CREATE TABLE {quoted(collection.name)} (_id TEXT PRIMARY KEY NOT NULL, doc TEXT NOT NULL{columns})"
    )
    return [f"table {collection.name}"]


def _path(field: str) -> str:
    steps = "".join('."' + part.replace('"', '\\"') + '"' for part in field.split("."))
    return "'$" + steps.replace("'", "''") + "'"


def _column(field: str) -> str:
    typed = _TYPED.format(type=f"json_type(doc, {_path(field)})", value=f"json_extract(doc, {_path(field)})")
    return f"{quoted(field)} GENERATED ALWAYS AS ({typed}) VIRTUAL"


def _columns(connection: sqlite3.Connection, collection: Collection) -> list[str]:
    there = {row[1] for row in connection.execute(f"PRAGMA table_xinfo({quoted(collection.name)})")}
    made = []
    for field in collection.scalars:
        if field not in there:
            connection.execute(f"ALTER TABLE {quoted(collection.name)} ADD COLUMN {_column(field)}")
            made.append(f"column {collection.name}.{field}")
    return made


def _indexes(connection: sqlite3.Connection, collection: Collection) -> list[str]:
    there = _names(connection, "index")
    made = []
    for fields in collection.indexes:
        name = "__".join((collection.name, "by", *fields))
        if name not in there:
            listed = ", ".join(quoted(field) for field in (*fields, "_id"))
            connection.execute(f"CREATE INDEX {quoted(name)} ON {quoted(collection.name)} ({listed})")
            made.append(f"index {collection.name} ({', '.join((*fields, '_id'))})")
    return made


def _side_tables(connection: sqlite3.Connection, collection: Collection) -> list[str]:
    made = []
    for field in collection.arrays:
        name = side_table(collection, field)
        table, side = quoted(collection.name), quoted(name)
        if name not in _names(connection, "table"):
            connection.execute(
                f"CREATE TABLE {side} (value, _id TEXT NOT NULL, PRIMARY KEY (value, _id)) WITHOUT ROWID"
            )
            connection.execute(f"CREATE INDEX {quoted(name + '__by_id')} ON {side} (_id)")
            connection.execute(_fill(side, field, "holder.doc", "holder._id", f"{table} AS holder, "))
            made.append(f"table {name}")
        made += _current_triggers(connection, collection, field)
    return made


def _current_triggers(connection: sqlite3.Connection, collection: Collection, field: str) -> list[str]:
    """Create the triggers of one array field, replacing those that an earlier version of this module made."""
    there = dict(connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"))
    made = []
    for name, statement in _triggers(collection, field).items():
        if there.get(name) != statement:
            connection.execute(f"DROP TRIGGER IF EXISTS {quoted(name)}")
            connection.execute(statement)
            made.append(f"trigger {name}")
    return made


def _fill(side: str, field: str, doc: str, doc_id: str, source: str = "") -> str:
    typed = _TYPED.format(type="part.type", value="part.value")
    parts = f"{source}json_each({doc}, {_path(field)}) AS part"
    kept = "part.type NOT IN ('null', 'array', 'object')"
    # Not INSERT OR IGNORE: inside a trigger the conflict clause of the statement that fired it would replace it.
    return f"INSERT INTO {side} (value, _id) SELECT DISTINCT {typed}, {doc_id} FROM {parts} WHERE {kept}"


def _triggers(collection: Collection, field: str) -> dict[str, str]:
    table, name, path = quoted(collection.name), side_table(collection, field), _path(field)
    side = quoted(name)
    insert, forget = _fill(side, field, "new.doc", "new._id"), f"DELETE FROM {side} WHERE _id = old._id"
    changed = f"json_extract(old.doc, {path}) IS NOT json_extract(new.doc, {path})"
    bodies = {
        f"{name}__insert": f"AFTER INSERT ON {table} BEGIN {insert}; END",
        f"{name}__update": f"AFTER UPDATE OF doc ON {table} WHEN {changed} BEGIN {forget}; {insert}; END",
        f"{name}__delete": f"AFTER DELETE ON {table} BEGIN {forget}; END",
    }
    return {trigger: f"CREATE TRIGGER {quoted(trigger)} {body}" for trigger, body in bodies.items()}
