"""SQLite connections: one per thread and process, opened when first needed, and what their errors mean.

What belongs here: opening, pragmas, transactions, the fork guard, the translation of errors. What does not: SQL about
documents.
"""

import contextlib
import os
import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from scoring_pipeline.storage.port import StoreError, StoreUnavailable

MIGRATE = "run `scoring-pipeline store migrate`"
_PREFIX = "sqlite:///"
_UNAVAILABLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_NOMEM,
    }
)
# Connections that a fork copied: SQLite forbids using or closing them in the child, so the collector may not either.
_INHERITED: list[sqlite3.Connection] = []


@dataclass(frozen=True)
class _Entry:
    thread: threading.Thread
    connection: sqlite3.Connection


def path_of(url: str) -> Path:
    """Return the absolute path that a `sqlite:///` URL names.

    Raises:
        StoreError: if the URL has another form or names no file.
    """
    path = url.removeprefix(_PREFIX)
    if not url.startswith(_PREFIX) or path in ("", "/") or path.startswith(":memory:"):
        raise StoreError(f"{url!r} is not sqlite:////absolute/path or sqlite:///relative/path of a file")
    return Path(path).absolute()


class Connections:
    """The connections of one store to one file.

    Args:
        path: the database file.
        busy_seconds: how long to wait for another writer.
    """

    def __init__(self, path: Path, busy_seconds: float) -> None:
        self.path = path
        self._busy_seconds = busy_seconds
        self._local = threading.local()
        self._entries: list[_Entry] = []
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._closed = False

    def get(self, *, create: bool = False) -> sqlite3.Connection:
        """Return this thread's connection; the file must exist unless `create`.

        Raises:
            StoreUnavailable: if the file is missing or cannot be opened.
            StoreError: if the store was closed.
        """
        if self._closed:
            raise StoreError(f"the store {self.path} was closed")
        if self._pid != os.getpid():
            self._start_over_after_fork()
        entry: _Entry | None = getattr(self._local, "entry", None)
        if entry is not None:
            return entry.connection
        connection = self._open(create=create)
        self._remember(_Entry(threading.current_thread(), connection))
        return connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the thread's connection, errors translated."""
        with self._translated():
            yield self.get()

    @contextlib.contextmanager
    def writing(self, *, create: bool = False) -> Iterator[sqlite3.Connection]:
        """Give the thread's connection inside a write transaction: committed at the end, rolled back on any error."""
        with self._translated():
            connection = self.get(create=create)
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close this process's connections; the store is not used afterwards."""
        if self._pid != os.getpid():
            self._start_over_after_fork()
        self._closed = True
        with self._lock:
            entries, self._entries = self._entries, []
        for entry in entries:
            entry.connection.close()

    def _remember(self, entry: _Entry) -> None:
        """Keep the connection findable for `close`, and let go of those whose thread has ended."""
        self._local.entry = entry
        with self._lock:
            gone = [old for old in self._entries if not old.thread.is_alive()]
            self._entries = [old for old in self._entries if old not in gone] + [entry]
        for old in gone:
            old.connection.close()

    def _start_over_after_fork(self) -> None:
        _INHERITED.extend(entry.connection for entry in self._entries)
        self._entries = []
        self._local = threading.local()
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def _open(self, *, create: bool) -> sqlite3.Connection:
        if create:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreUnavailable(f"cannot create the folder of the store {self.path}: {error}") from error
        elif not self.path.exists():
            raise StoreUnavailable(f"the store {self.path} does not exist yet: {MIGRATE}")
        connection = sqlite3.connect(
            f"file:{quote(str(self.path))}?mode={'rwc' if create else 'rw'}",
            uri=True,
            timeout=self._busy_seconds,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA cache_size = -16000")
            connection.execute("PRAGMA journal_size_limit = 67108864")
            # 32 MB of log between checkpoints: a bulk write would else copy the same index pages back again and again.
            connection.execute("PRAGMA wal_autocheckpoint = 8000")
            self._use_wal(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _use_wal(self, connection: sqlite3.Connection) -> None:
        """Turn the write-ahead log on; SQLite does not wait by itself while another process does the same."""
        deadline = time.monotonic() + self._busy_seconds
        while True:
            try:
                if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] == "wal":
                    return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            else:
                raise StoreError(f"the file system of {self.path} does not support SQLite's write-ahead log")
            time.sleep(random.uniform(0.001, 0.02))  # noqa: S311 - spreads contenders, guards nothing

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._meaning(error) from error

    def _meaning(self, error: sqlite3.Error) -> StoreError:
        code = getattr(error, "sqlite_errorcode", None)
        primary = code & 0xFF if code is not None else None
        text = str(error)
        if "no such table" in text or "no such column" in text:
            return StoreError(f"the store {self.path} lacks a part of its layout ({text}): {MIGRATE}")
        if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return StoreUnavailable(
                f"the store {self.path} stayed locked by another writer for {self._busy_seconds:g} s ({text})"
            )
        if primary == sqlite3.SQLITE_FULL:
            return StoreUnavailable(
                f"the disk of the store {self.path} is full; nothing of this write was kept ({text})"
            )
        if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return StoreError(f"the store {self.path} is damaged or no SQLite file ({text}): restore it from a backup")
        if primary in _UNAVAILABLE:
            return StoreUnavailable(f"the store {self.path} cannot be used: {text}")
        return StoreError(f"the store {self.path} refused: {text}")
