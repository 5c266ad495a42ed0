"""The document store on MongoDB, through pymongo: the production store.

What belongs here: the port's operations in MongoDB's terms. What does not: filters' validity (`filters.py`), connecting
and the meaning of errors (`mongodb_connections.py`).

Filters are MongoDB's own and pass through as they are. Writes are acknowledged by a majority and journaled unless the
URL says otherwise, and read back with the same guarantee.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeAlias

from pymongo import InsertOne, ReplaceOne, ReturnDocument
from pymongo.collection import Collection as MongoCollection
from pymongo.errors import BulkWriteError

from scoring_pipeline.storage import filters
from scoring_pipeline.storage.collections import BY_NAME, Collection
from scoring_pipeline.storage.mongodb_connections import Client, failed_operations
from scoring_pipeline.storage.port import Document, Move, SearchPage, StoreError, Where

_CHUNK = 1000
_DUPLICATE_KEY = 11000
_UPSERT_TRIES = 5
# Round trips of single updates that may be under way at once.
_MOVES_AT_ONCE = 8

_Collection: TypeAlias = MongoCollection[Document]
_Operation: TypeAlias = InsertOne[Document] | ReplaceOne[Document]


class MongoStore:
    """A `DocumentStore` in one MongoDB database. Constructing it does no I/O.

    Args:
        url: `mongodb://host/database` or `mongodb+srv://...`; its options override the defaults here.
        collections: the collections by name.

    Raises:
        StoreError: if the URL names no database.
    """

    def __init__(self, url: str, *, collections: Mapping[str, Collection] = BY_NAME) -> None:
        self.url = url
        self._collections = collections
        self._client = Client(url)

    def insert_absent(self, collection: str, documents: Sequence[Document]) -> set[str]:
        """Insert the documents whose `_id` is not there yet; return the ids that were inserted by this call."""
        declared = self._declared(collection)
        filters.check_documents(declared, documents)
        first: dict[str, Document] = {}
        for document in documents:
            first.setdefault(document["_id"], document)
        inserted: set[str] = set()
        for ids in _chunks(list(first), _CHUNK):
            failed = self._bulk(declared, [InsertOne(first[doc_id]) for doc_id in ids], {_DUPLICATE_KEY})
            inserted.update(doc_id for index, doc_id in enumerate(ids) if index not in failed)
        return inserted

    def upsert(self, collection: str, documents: Sequence[Document]) -> None:
        """Insert the documents, each replacing the one with its `_id` whole."""
        declared = self._declared(collection)
        filters.check_documents(declared, documents)
        last = list({document["_id"]: document for document in documents}.values())
        for chunk in _chunks(last, _CHUNK):
            self._upsert(declared, chunk)

    def _upsert(self, collection: Collection, documents: Sequence[Document]) -> None:
        """Replace, and again where two writers inserted one id at once: MongoDB lets one of them fail."""
        for _ in range(_UPSERT_TRIES):
            operations = [ReplaceOne({"_id": document["_id"]}, document, upsert=True) for document in documents]
            failed = self._bulk(collection, operations, {_DUPLICATE_KEY})
            documents = [document for index, document in enumerate(documents) if index in failed]
            if not documents:
                return
        raise StoreError(f"{collection.name} {documents[0]['_id']!r}: other writers kept inserting and deleting it")

    def get(self, collection: str, doc_id: str) -> Document | None:
        """Return one document, or None where there is none."""
        with self._open(collection) as found:
            return found.find_one({"_id": doc_id})

    def get_many(self, collection: str, ids: Sequence[str]) -> dict[str, Document]:
        """Return the documents that exist among `ids`, by id."""
        result: dict[str, Document] = {}
        for chunk in _chunks(list(dict.fromkeys(ids)), _CHUNK):
            with self._open(collection) as found:
                result.update((document["_id"], document) for document in found.find({"_id": {"$in": chunk}}))
        return result

    def page(
        self, collection: str, where: Where | None = None, *, after: str | None = None, limit: int = 500
    ) -> list[Document]:
        """Return up to `limit` documents with `_id` > `after`, in ascending order of `_id` (a keyset page)."""
        filters.check_limit(limit)
        query = self._query(collection, where)
        if after is not None:
            query = {"$and": [query, {"_id": {"$gt": after}}]}
        with self._open(collection) as found:
            return list(found.find(query, sort=[("_id", 1)], limit=limit))

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
        filters.check_limit(limit)
        filters.scalar_field(self._declared(collection), sort)
        terms: list[Where] = [self._query(collection, where), {sort: {"$ne": None}}]
        if after is not None:
            sign, (value, doc_id) = ("$gt" if order == "asc" else "$lt"), after
            # The first term bounds the index; the second settles ties.
            terms += [{sort: {sign + "e": value}}, {"$or": [{sort: {sign: value}}, {"_id": {sign: doc_id}}]}]
        direction = 1 if order == "asc" else -1
        keys = list(dict.fromkeys((sort, "_id")))
        with self._open(collection) as found:
            documents = list(found.find({"$and": terms}, sort=[(key, direction) for key in keys], limit=limit + 1))
        if len(documents) <= limit:
            return SearchPage(documents, None)
        last = documents[limit - 1]
        return SearchPage(documents[:limit], (filters.read_path(last, sort), last["_id"]))

    def compare_and_set(self, collection: str, move: Move) -> bool:
        """Make one move; return whether it was made."""
        filters.check_move(self._declared(collection), move)
        with self._open(collection) as found:
            return found.update_one({"_id": move.id, **move.expect}, {"$set": dict(move.assign)}).matched_count == 1

    def compare_and_set_many(self, collection: str, moves: Sequence[Move]) -> set[str]:
        """Make each move on its own; return the ids of those that this call made.

        A bulk write of updates reports how many matched and not which, so each move is an update of its own, some at a
        time.
        """
        declared = self._declared(collection)
        for move in moves:
            filters.check_move(declared, move)
        made: set[str] = set()
        with ThreadPoolExecutor(max_workers=_MOVES_AT_ONCE) as pool:
            for distinct in filters.rounds(moves):
                results = pool.map(lambda move: self.compare_and_set(collection, move), distinct)
                made |= {move.id for move, done in zip(distinct, results, strict=True) if done}
        return made

    def increment(
        self, collection: str, doc_id: str, amounts: Mapping[str, int], *, where: Where | None = None
    ) -> Document | None:
        """Add to integer fields of one document where it also matches `where`; return it as it is after, else None."""
        filters.check_amounts(self._declared(collection), amounts)
        query = {"$and": [{"_id": doc_id}, self._query(collection, where)]}
        with self._open(collection) as found:
            changed: Document | None = found.find_one_and_update(
                query, {"$inc": dict(amounts)}, return_document=ReturnDocument.AFTER
            )
            return changed

    def count(self, collection: str, where: Where | None = None) -> int:
        """Count matching documents."""
        query = self._query(collection, where)
        with self._open(collection) as found:
            return found.count_documents(query)

    def exists(self, collection: str, where: Where) -> bool:
        """Whether any document matches: an indexed look-up that stops at the first."""
        query = self._query(collection, where)
        with self._open(collection) as found:
            return found.find_one(query, {"_id": 1}) is not None

    def group_count(self, collection: str, field: str, where: Where | None = None) -> dict[Any, int]:
        """Count matching documents by the value of a declared scalar field (None for null and absent)."""
        rows = self._grouped(collection, field, {"number": {"$sum": 1}}, where)
        return {row["_id"]: row["number"] for row in rows}

    def group_sum(
        self, collection: str, field: str, amounts: Sequence[str], where: Where | None = None
    ) -> dict[Any, dict[str, int]]:
        """Sum declared integer fields of the matching documents by the value of a declared scalar field."""
        declared = self._declared(collection)
        sums = {
            f"sum{number}": {"$sum": f"${filters.scalar_field(declared, name)}"} for number, name in enumerate(amounts)
        }
        rows = self._grouped(collection, field, sums, where)
        return {row["_id"]: dict(zip(amounts, (row[name] for name in sums), strict=True)) for row in rows}

    def _grouped(self, collection: str, field: str, figures: Mapping[str, Any], where: Where | None) -> list[Document]:
        key = "$" + filters.scalar_field(self._declared(collection), field)
        query = self._query(collection, where)
        with self._open(collection) as found:
            return list(found.aggregate([{"$match": query}, {"$group": {"_id": key, **figures}}]))

    def delete(self, collection: str, where: Where) -> int:
        """Delete matching documents; return how many. An empty `where` is refused with `StoreError`."""
        if not where:
            raise StoreError(f"{collection}: deleting without a filter is refused")
        query = self._query(collection, where)
        with self._open(collection) as found:
            return found.delete_many(query).deleted_count

    def migrate(self) -> list[str]:
        """Create the indexes that are missing; return one line per index. Idempotent. MongoDB creates collections."""
        made: list[str] = []
        for collection in self._collections.values():
            for fields in (*collection.indexes, *((field,) for field in collection.arrays)):
                made += self._index(collection, (*fields, "_id"))
        return made

    def _index(self, collection: Collection, fields: tuple[str, ...]) -> list[str]:
        with self._open(collection.name) as found:
            there = [tuple(index["key"].items()) for index in found.list_indexes()]
            wanted = tuple((field, 1) for field in fields)
            if wanted in there:
                return []
            found.create_index(list(wanted))
        return [f"index {collection.name} ({', '.join(fields)})"]

    def ping(self) -> None:
        """Raise `StoreUnavailable` unless the server answers."""
        self._client.ping()

    def close(self) -> None:
        """Release connections; the object is not used afterwards."""
        self._client.close()

    def _declared(self, collection: str) -> Collection:
        return filters.find(self._collections, collection)

    def _query(self, collection: str, where: Where | None) -> dict[str, Any]:
        """Return the filter as MongoDB takes it, once it is known to mean what the port says."""
        filters.conditions(self._declared(collection), where)
        return dict(where or {})

    @contextlib.contextmanager
    def _open(self, collection: str) -> Iterator[_Collection]:
        declared = self._declared(collection)
        with self._client.translated(collection):
            yield self._client.database()[declared.name]

    def _bulk(
        self, collection: Collection, operations: Sequence[_Operation], expected: AbstractSet[int]
    ) -> AbstractSet[int]:
        """Write in bulk, in any order; return the indexes of operations that failed with an expected code."""
        with self._open(collection.name) as found:
            try:
                found.bulk_write(operations, ordered=False)
            except BulkWriteError as error:
                return failed_operations(error, expected)
        return set()


def _chunks(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
