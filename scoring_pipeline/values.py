"""Plain values that every room shares: canonical JSON, the one hash, UTC time as text.

What belongs here: total functions of a line or two on standard types, without which two rooms would disagree about an
identity. What does not: anything that knows a listing, a batch or a store.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import islice
from typing import Any, TypeVar

import orjson

T = TypeVar("T")


def canonical_json(value: Any) -> bytes:
    """Return JSON with sorted keys and no white space: equal values give equal bytes."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def digest(data: bytes) -> str:
    """Return the BLAKE2b-128 of `data` as 32 hex digits: the one hash used for identities in this project."""
    return blake2b(data, digest_size=16).hexdigest()


def new_digest() -> blake2b:
    """Return the same hash for data that comes in pieces."""
    return blake2b(digest_size=16)


def utc_text(moment: datetime) -> str:
    """Return an aware datetime as `2026-11-21T03:05:55.123456Z`, which sorts as text in order of time.

    Raises:
        ValueError: if `moment` has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone")
    return f"{moment.astimezone(UTC).isoformat(timespec='microseconds')[:-6]}Z"


def from_utc_text(text: str) -> datetime:
    """Return the aware datetime that `utc_text` wrote."""
    return datetime.fromisoformat(text)


def chunked(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield lists of up to `size` items, in order, reading no further ahead."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
