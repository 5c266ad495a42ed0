"""What every adapter checks before it asks its engine: filters, moves, amounts and documents.

What belongs here: the port's rules on what a caller may hand in, so that both adapters refuse the same things with the
same words, and the reading of dotted paths. What does not: SQL, BSON, or anything that talks to an engine.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from scoring_pipeline.storage.collections import Collection
from scoring_pipeline.storage.port import Document, Move, StoreError, UndeclaredField, Where

Scalar: TypeAlias = str | int | float | bool | None

_RANGES = ("$gt", "$gte", "$lt", "$lte")
_SCALAR_OPERATORS = ("$eq", "$ne", "$in", *_RANGES)
_ARRAY_OPERATORS = ("$all", "$in")
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True)
class Condition:
    """One test of one field: `operator` is `$eq`, `$ne`, `$in`, `$gt`, `$gte`, `$lt`, `$lte` or `$all`.

    `value` is a scalar, or a list of scalars for `$in` and `$all`. `array` says that the field holds a list, of which
    membership is asked.
    """

    field: str
    operator: str
    value: Any
    array: bool = False


def find(collections: Mapping[str, Collection], name: str) -> Collection:
    """Return a collection by name.

    Raises:
        StoreError: if there is none, naming those there are.
    """
    try:
        return collections[name]
    except KeyError:
        known = ", ".join(sorted(collections))
        raise StoreError(f"there is no collection {name!r}; the collections are: {known}") from None


def conditions(collection: Collection, where: Where | None) -> list[Condition]:
    """Take a filter apart, refusing what the port does not define.

    Raises:
        UndeclaredField: if a field is not declared by the collection.
        StoreError: if an operator or operand is not one the port knows for that field.
    """
    found: list[Condition] = []
    for field, test in (where or {}).items():
        array = field in collection.arrays
        if not array:
            scalar_field(collection, field)
        operators = test if isinstance(test, Mapping) else {"$eq": test}
        if not operators:
            raise StoreError(
                f"{collection.name}.{field}: an empty test matches nothing in one engine and all in another"
            )
        found += [_condition(collection, field, array, operator, value) for operator, value in operators.items()]
    return found


def scalar_field(collection: Collection, field: str) -> str:
    """Return `field` if the collection declares it as a scalar (or it is `_id`).

    Raises:
        UndeclaredField: if it does not, naming the fields it declares.
    """
    if field == "_id" or field in collection.scalars:
        return field
    declared = ", ".join((*collection.scalars, *collection.arrays)) or "none"
    raise UndeclaredField(f"{collection.name} does not declare the field {field!r}; it declares: {declared}")


def _condition(collection: Collection, field: str, array: bool, operator: str, value: Any) -> Condition:
    place = f"{collection.name}.{field}"
    allowed = ("$eq", *_ARRAY_OPERATORS) if array else _SCALAR_OPERATORS
    if operator not in allowed:
        raise StoreError(f"{place}: unknown operator {operator!r}; allowed here: {', '.join(allowed)}")
    if operator in ("$in", "$all"):
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
            raise StoreError(f"{place}: {operator} takes a list, not {value!r}")
        value = list(value)
    listed = operator in ("$in", "$all")
    for one in value if listed else [value]:
        if not is_scalar(one):
            raise StoreError(f"{place}: {operator} compares with scalars, not {one!r}")
        if one is None and (array or operator in _RANGES):
            raise StoreError(f"{place}: {operator} cannot compare with None")
    return Condition(field, operator, value, array)


def is_scalar(value: Any) -> bool:
    """Whether a value is a JSON scalar."""
    return value is None or isinstance(value, (str, int, float, bool))


def check_limit(limit: int) -> None:
    """Refuse a page of no documents: an empty answer would read as "no more".

    Raises:
        StoreError: if `limit` is below 1.
    """
    if limit < 1:
        raise StoreError(f"a page holds at least one document; limit was {limit}")


def check_documents(collection: Collection, documents: Iterable[Document]) -> None:
    """Refuse documents without a string `_id`.

    Raises:
        StoreError: naming the collection and the offending `_id`.
    """
    for document in documents:
        doc_id = document.get("_id")
        if type(doc_id) is not str:
            raise StoreError(f"{collection.name}: every document needs a string `_id`, not {doc_id!r}")


def check_move(collection: Collection, move: Move) -> None:
    """Refuse a move that the engines would read differently.

    Raises:
        StoreError: if it assigns nothing, `_id`, a dotted or dollar name, or expects something that is not a scalar.
    """
    place = f"{collection.name} {move.id!r}"
    if not move.assign:
        raise StoreError(f"{place}: a move must assign something")
    for field in move.assign:
        if field == "_id" or not _is_top_level(field):
            raise StoreError(f"{place}: a move assigns top-level fields other than `_id`, not {field!r}")
    for field, value in move.expect.items():
        if not _is_top_level(field):
            raise StoreError(f"{place}: a move expects top-level fields, not {field!r}")
        if not is_scalar(value):
            raise StoreError(f"{place}: a move expects plain values, not {value!r} in {field!r}")


def _is_top_level(field: str) -> bool:
    return bool(field) and "." not in field and not field.startswith("$")


def check_amounts(collection: Collection, amounts: Mapping[str, int]) -> None:
    """Refuse increments that are not 64-bit integers on named fields.

    Raises:
        StoreError: naming the field.
    """
    if not amounts:
        raise StoreError(f"{collection.name}: an increment must name at least one field")
    for field, amount in amounts.items():
        if field == "_id" or not _is_top_level(field):
            raise StoreError(f"{collection.name}: only top-level fields are incremented, not {field!r}")
        if isinstance(amount, bool) or not isinstance(amount, int) or amount not in _INT64:
            raise StoreError(f"{collection.name}.{field}: the amount must be a 64-bit integer, not {amount!r}")


def rounds(moves: Sequence[Move]) -> list[list[Move]]:
    """Split moves into lists that name each id once, so that moves of one document are made in the order given."""
    result: list[list[Move]] = []
    seen: dict[str, int] = {}
    for move in moves:
        number = seen.get(move.id, 0)
        seen[move.id] = number + 1
        if number == len(result):
            result.append([])
        result[number].append(move)
    return result


def read_path(document: Document, field: str) -> Any:
    """Return the value at a dotted path, or None where any part is absent."""
    value: Any = document
    for part in field.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def same(left: Any, right: Any) -> bool:
    """Whether two JSON scalars are equal as MongoDB sees it: 1 equals 1.0, and neither equals true."""
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def holds(document: Document, expect: Mapping[str, Any]) -> bool:
    """Whether every expected top-level field has its expected value; None matches null and absent."""
    return all(same(document.get(field), value) for field, value in expect.items())


def added(collection: Collection, document: Document, amounts: Mapping[str, int]) -> Document:
    """Return the document with the amounts added; an absent field counts from 0.

    Raises:
        StoreError: if a field holds something that is not an integer, or the sum leaves 64 bits.
    """
    changed = dict(document)
    for field, amount in amounts.items():
        current = document.get(field, 0)
        place = f"{collection.name} {document['_id']!r}: {field}"
        if isinstance(current, bool) or not isinstance(current, int):
            raise StoreError(f"{place} holds {current!r}, which is not an integer that could be incremented")
        changed[field] = current + amount
        if changed[field] not in _INT64:
            raise StoreError(f"{place} would leave 64 bits: {current} + {amount}")
    return changed
