"""Connecting to MongoDB: the client of this process, its defaults, and what the driver's errors mean.

What belongs here: options, the fork guard, the translation of errors. What does not: operations on documents.
"""

import contextlib
import os
import threading
from collections.abc import Collection as Container
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from bson.codec_options import CodecOptions, TypeDecoder, TypeRegistry
from bson.errors import BSONError
from bson.int64 import Int64
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    ExecutionTimeout,
    PyMongoError,
    WriteConcernError,
)

from scoring_pipeline.storage.port import Document, StoreError, StoreUnavailable
from scoring_pipeline.storage.redaction import redacted

_DEFAULTS: dict[str, Any] = {
    "serverSelectionTimeoutMS": 5_000,
    "connectTimeoutMS": 5_000,
    "socketTimeoutMS": 60_000,
    "w": "majority",
    "journal": True,
    "readConcernLevel": "majority",
    "appname": "scoring-pipeline",
}


class _PlainInteger(TypeDecoder):
    """Reads 64-bit integers as `int`, as every other number is read."""

    bson_type = Int64

    def transform_bson(self, value: Int64) -> int:
        """Return the plain integer."""
        return int(value)


_CODEC: CodecOptions[Document] = CodecOptions(type_registry=TypeRegistry([_PlainInteger()]))


def database_of(url: str) -> str:
    """Return the database that a MongoDB URL names.

    Raises:
        StoreError: if it names none, or is no URL.
    """
    try:
        name = unquote(urlsplit(url).path.strip("/"))
    except ValueError as error:
        raise StoreError(f"{redacted(url)!r} is not a URL: {error}; a password must be percent-encoded") from None
    if not name or "/" in name:
        raise StoreError(f"{redacted(url)!r} names no database: use mongodb://host/database")
    return name


class Client:
    """One `MongoClient` per process, made when first needed.

    Args:
        url: the MongoDB URL; an option in it wins over the default.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._name = database_of(url)
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._made: MongoClient[Document] | None = None
        self._closed = False

    def database(self) -> Database[Document]:
        """Return the database, through this process's client.

        Raises:
            StoreError: if the store was closed, or the URL has an option the driver does not take.
        """
        if self._closed:
            raise StoreError(f"the store {redacted(self._url)} was closed")
        if self._pid != os.getpid():
            self._lock, self._made, self._pid = threading.Lock(), None, os.getpid()
        with self._lock:
            if self._made is None:
                given = {key.lower() for key, _ in parse_qsl(urlsplit(self._url).query, keep_blank_values=True)}
                options = {key: value for key, value in _DEFAULTS.items() if key.lower() not in given}
                self._made = MongoClient(self._url, **options)
        return self._made.get_database(self._name, codec_options=_CODEC)

    def ping(self) -> None:
        """Raise `StoreUnavailable` unless the server answers."""
        try:
            with self.translated("ping"):
                self.database().command("ping")
        except StoreUnavailable:
            raise
        except StoreError as error:
            raise StoreUnavailable(str(error)) from error

    def close(self) -> None:
        """Close this process's client."""
        self._closed = True
        if self._made is not None and self._pid == os.getpid():
            self._made.close()

    @contextlib.contextmanager
    def translated(self, place: str) -> Iterator[None]:
        """Turn the driver's errors into the port's, naming `place` and the URL without its password."""
        try:
            yield
        except (ConnectionFailure, ExecutionTimeout, WriteConcernError) as error:
            raise StoreUnavailable(
                f"the store {redacted(self._url)} did not answer ({place}): {_told(error)}"
            ) from error
        except (PyMongoError, BSONError, OverflowError, UnicodeError) as error:
            raise StoreError(f"the store {redacted(self._url)} refused {place}: {_told(error)}") from error


def failed_operations(error: BulkWriteError, expected: Container[int]) -> set[int]:
    """Return the indexes of a bulk write's operations that failed with an expected code.

    Raises:
        BulkWriteError: the error itself, if any other code or a write concern's failure is among them.
    """
    details = error.details or {}
    failures = details.get("writeErrors", [])
    if details.get("writeConcernErrors") or any(failure["code"] not in expected for failure in failures):
        raise error
    return {failure["index"] for failure in failures}


def _told(error: Exception) -> str:
    if isinstance(error, BulkWriteError):
        details = error.details or {}
        problems = [*details.get("writeErrors", []), *details.get("writeConcernErrors", [])]
        return redacted(str(problems[0].get("errmsg", problems[0]))) if problems else redacted(str(error))
    return redacted(str(error).partition(", Timeout:")[0])
