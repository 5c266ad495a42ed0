"""Checking that a response body has a provider's shape, and decoding it in the first place.

What belongs here: the checks that every provider shares. What does not: which keys a provider uses.
"""

import json
from typing import Any, NoReturn

import orjson

from scoring_pipeline.ats.errors import PermanentFetchError
from scoring_pipeline.ats.model import JsonObject, Row


def decode(body: bytes) -> Any:
    """Return the JSON value in `body`.

    Half of a surrogate pair (a title cut in the middle of an emoji by the employer's system) becomes a question mark:
    no store could keep it, and it should not cost the whole board.

    Raises:
        PermanentFetchError: if `body` is not JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        try:
            value = json.loads(body, parse_constant=_refuse_constant)
            return orjson.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
        except (ValueError, RecursionError):
            raise PermanentFetchError(f"the body is not JSON: {error}") from error


def object_of(body: Any, what: str) -> JsonObject:
    """Return `body` if it is an object.

    Raises:
        PermanentFetchError: if it is not; `what` names the expected shape.
    """
    if not isinstance(body, dict):
        raise PermanentFetchError(f"expected {what}, got {_kind(body)}")
    return body


def rows_of(values: Any, key: str, id_field: str) -> tuple[Row, ...]:
    """Return the rows in `values`, a list of objects that each have an id.

    Args:
        values: what should be the list.
        key: where it was found, for the message.
        id_field: the field that identifies a posting: an integer or a text that is not empty.

    Raises:
        PermanentFetchError: if it is not a list, or a row is not an object or has no id.
    """
    if not isinstance(values, list):
        raise PermanentFetchError(f"`{key}` should be a list of postings, got {_kind(values)}")
    return tuple(
        Row(posting_id=_id_of(value, f"{key}[{index}]", id_field), payload=value) for index, value in enumerate(values)
    )


def _id_of(row: Any, place: str, id_field: str) -> str:
    if not isinstance(row, dict):
        raise PermanentFetchError(f"`{place}` should be an object, got {_kind(row)}")
    value = row.get(id_field)
    if (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, str) and value):
        return str(value)
    raise PermanentFetchError(f"`{place}.{id_field}` should identify the posting, got {_kind(value)}")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "an object with " + (", ".join(f"`{key[:40]}`" for key in list(value)[:5]) or "no keys")
    return {list: "a list", str: "a text", bool: "a boolean"}.get(type(value), "a number")
