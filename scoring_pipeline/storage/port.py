"""The document store port: what the domain may ask of a store, in terms both engines do natively.

What belongs here: the operations, the shape of a filter, the errors. What does not: anything that knows a particular
collection (`collections.py`) or a particular engine (`sqlite.py`, `mongodb.py`).

A document is a `dict` of JSON values with a string `_id`. Times are ISO 8601 text in UTC with microseconds and a `Z`
(`values.utc_text`), so that they sort as text in both engines; money is integer nano-USD; binary data is base64 text.

A filter (`Where`) is the subset of MongoDB's query language that both adapters understand: a mapping from a declared
field to a scalar (equality; `None` matches null and absent), or to one mapping of operators:
`{"$in": [...]}`, `{"$ne": value}`, `{"$gt" | "$gte" | "$lt" | "$lte": value}` (combinable), and for declared array
fields `{"$all": [...]}`, `{"$in": [...]}` or a scalar (membership). Conditions are joined by "and".
Filtering or sorting by a field that its collection does not declare raises `UndeclaredField`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

Document: TypeAlias = dict[str, Any]
Where: TypeAlias = Mapping[str, Any]


class StoreError(Exception):
    """The store could not do what was asked; the message says what and where."""


class StoreUnavailable(StoreError):  # noqa: N818 - named for the state, as the drivers do
    """The store cannot be reached, or did not answer within its configured timeout. Nothing is known to be written."""


class UndeclaredField(StoreError):  # noqa: N818
    """A filter or sort names a field that the collection does not declare, so no index could serve it."""


@dataclass(frozen=True)
class Move:
    """One compare-and-set: in document `id`, where every field of `expect` still holds, assign `assign`.

    `expect` maps field names to plain values (equality only). `assign` replaces top-level fields whole.
    """

    id: str
    expect: Mapping[str, Any]
    assign: Mapping[str, Any]


@dataclass(frozen=True)
class SearchPage:
    """One page of a sorted search; `cursor` is None on the last page."""

    documents: list[Document]
    cursor: tuple[Any, str] | None


class DocumentStore(Protocol):
    """Operations on named collections; safe to share between threads, and between processes on one store.

    Every method raises `StoreUnavailable` when the engine cannot be reached and `StoreError` for anything else it
    refuses. Bulk methods take any number of documents and chunk them as the engine wants.
    """

    url: str

    def insert_absent(self, collection: str, documents: Sequence[Document]) -> set[str]:
        """Insert the documents whose `_id` is not there yet; return the ids that were inserted by this call."""

    def upsert(self, collection: str, documents: Sequence[Document]) -> None:
        """Insert the documents, each replacing the one with its `_id` whole."""

    def get(self, collection: str, doc_id: str) -> Document | None:
        """Return one document, or None where there is none."""

    def get_many(self, collection: str, ids: Sequence[str]) -> dict[str, Document]:
        """Return the documents that exist among `ids`, by id."""

    def page(
        self, collection: str, where: Where | None = None, *, after: str | None = None, limit: int = 500
    ) -> list[Document]:
        """Return up to `limit` documents with `_id` > `after`, in ascending order of `_id` (a keyset page)."""

    def scan(self, collection: str, where: Where | None = None, *, batch: int = 500) -> Iterator[Document]:
        """Yield every matching document in order of `_id`, page by page, in bounded memory.

        Holds no transaction or cursor open between pages: documents may be written while they are scanned.
        """

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

    def compare_and_set(self, collection: str, move: Move) -> bool:
        """Make one move; return whether it was made."""

    def compare_and_set_many(self, collection: str, moves: Sequence[Move]) -> set[str]:
        """Make each move on its own; return the ids of those that this call made."""

    def increment(
        self, collection: str, doc_id: str, amounts: Mapping[str, int], *, where: Where | None = None
    ) -> Document | None:
        """Add to integer fields of one document where it also matches `where`; return it as it is after, else None."""

    def count(self, collection: str, where: Where | None = None) -> int:
        """Count matching documents."""

    def exists(self, collection: str, where: Where) -> bool:
        """Whether any document matches: an indexed look-up that stops at the first."""

    def group_count(self, collection: str, field: str, where: Where | None = None) -> dict[Any, int]:
        """Count matching documents by the value of a declared scalar field (None for null and absent)."""

    def group_sum(
        self, collection: str, field: str, amounts: Sequence[str], where: Where | None = None
    ) -> dict[Any, dict[str, int]]:
        """Sum declared integer fields of the matching documents by the value of a declared scalar field."""

    def delete(self, collection: str, where: Where) -> int:
        """Delete matching documents; return how many. An empty `where` is refused with `StoreError`."""

    def migrate(self) -> list[str]:
        """Create what is missing (tables, indexes); return one line per thing created. Idempotent."""

    def ping(self) -> None:
        """Raise `StoreUnavailable` unless the engine answers."""

    def close(self) -> None:
        """Release connections; the object is not used afterwards."""
