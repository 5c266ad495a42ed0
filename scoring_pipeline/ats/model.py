"""The plain shapes that the modules of this room hand to each other.

What belongs here: what a provider module declares, what a reading of a board is, and what became of a board. What does
not: anything that talks to a host or to the store.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias

from scoring_pipeline.ats.errors import FetchError
from scoring_pipeline.settings import AtsProvider, Board, ProviderName

JsonObject: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One row of a board's answer: the posting's id as text, and the row as the provider sent it."""

    posting_id: str
    payload: JsonObject


@dataclass(frozen=True)
class Reading:
    """One whole board: its rows in the order received, and what the envelope around them said.

    `etag` is None where the provider sent none, or where one tag cannot speak for the board (several requests).
    """

    rows: tuple[Row, ...]
    facts: JsonObject = field(default_factory=dict)
    etag: str | None = None


@dataclass(frozen=True)
class Answer:
    """One successful HTTP exchange: the decoded JSON, or `not_modified` and no body."""

    body: Any
    etag: str | None = None
    not_modified: bool = False


class Conversation(Protocol):
    """What a provider module may ask of the HTTP client while it reads one board.

    Both methods raise `TransientFetchError` after the last try and `PermanentFetchError` at once.
    """

    async def get(self, url: str, *, etag: str | None = None, bearer: str | None = None) -> Answer:
        """Return the JSON at `url`; with `etag`, an answer that is `not_modified` where the server says 304."""

    async def post(self, url: str, body: JsonObject, *, bearer: str | None = None) -> Answer:
        """Return the JSON that `url` answers to `body`, sent as JSON."""


@dataclass(frozen=True)
class Target:
    """One board as it is about to be read; `base_url` is resolved for it and has no slash at the end."""

    board: Board
    base_url: str
    page_size: int


@dataclass(frozen=True)
class Personal:
    """Data about a person in a row, never stored: a top-level key, or the items of that list whose field has a value.

    Args:
        key: the top-level key of the row.
        item: `(field, value)`: drop only the items of the list at `key` that have it; None drops the key.
    """

    key: str
    item: tuple[str, str] | None = None


@dataclass(frozen=True)
class Provider:
    """One provider: how its boards are addressed and read, and what of a row is volatile or personal.

    Args:
        name: the provider's name in settings.
        base: resolves the base URL of one board from the settings.
        list_url: the first URL that is asked for a board.
        read: reads a whole board, given the tag of the last complete reading; None means 304, nothing changed.
        parse: rows and facts of one response body; raises `PermanentFetchError` for any other shape.
        volatile: top-level fields that move without an edit that a reader of the posting would see.
        personal: what is dropped before anything is stored.
    """

    name: ProviderName
    base: Callable[[AtsProvider, Board], str]
    list_url: Callable[[Target], str]
    read: Callable[[Conversation, Target, str | None], Awaitable[Reading | None]]
    parse: Callable[[Any], Reading]
    volatile: frozenset[str] = frozenset()
    personal: tuple[Personal, ...] = ()


@dataclass(frozen=True)
class Fetched:
    """A board that was read whole; `url` holds no secrets and is None for an imported file."""

    reading: Reading
    fetched_at: datetime
    url: str | None
    source: Literal["live", "import"] = "live"
    received_bytes: int = 0


@dataclass(frozen=True)
class Unchanged:
    """A board that answered 304: `previous` is the snapshot document of the last complete reading."""

    previous: JsonObject
    fetched_at: datetime
    received_bytes: int = 0


@dataclass(frozen=True)
class Failed:
    """A board that was not read."""

    error: FetchError
    fetched_at: datetime
    url: str | None


Outcome: TypeAlias = Fetched | Unchanged | Failed
