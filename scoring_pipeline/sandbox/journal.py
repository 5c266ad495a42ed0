"""The sandbox's journal: what was asked and answered, in one SQLite file that survives `kill -9` at any moment.

What belongs here: every transaction on the tables (`journal_records.py`). What does not: the pipeline's own accounting,
with which this count shares no code, so that the two can be held against each other; and file contents
(`openai_files.py`).

A batch's rows and its progress are one transaction, and a move from one status to the next names the status it starts
from: after a crash nothing is answered twice, and whoever comes late finds the move refused.

Times are virtual Unix seconds.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from scoring_pipeline.sandbox.journal_records import LATER_COLUMNS, LIVE, SCHEMA, AnswerRow, BatchRecord, FileRecord

__all__ = ["LIVE", "AnswerRow", "BatchRecord", "FileRecord", "Journal", "JournalError"]


class JournalError(Exception):
    """The journal cannot be opened; the message names the file."""


_BATCH_FIELDS = tuple(field.name for field in fields(BatchRecord))
_FILE_FIELDS = tuple(field.name for field in fields(FileRecord))


class Journal:
    """The tables of one sandbox folder; safe to share between threads, owned by one process at a time."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(SCHEMA)
            self._add_later_columns()
        except sqlite3.Error as error:
            raise JournalError(f"{path}: cannot be opened as the sandbox's journal: {error}") from error

    def _add_later_columns(self) -> None:
        if not self._absent_columns():
            return
        with self._transaction() as db:
            for table, column, kind in self._absent_columns():
                db.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")

    def _absent_columns(self) -> list[tuple[str, str, str]]:
        return [
            (table, column, kind)
            for table, column, kind in LATER_COLUMNS
            if column not in {row[1] for row in self._db.execute(f"PRAGMA table_info({table})")}
        ]

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _select(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def count(self, name: str) -> int:
        """Add one to a named counter and return it: 1 the first time."""
        with self._transaction() as db:
            return _count(db, name)

    def clock(self) -> tuple[float, float, float] | None:
        """Return the clock's anchor as (real, virtual, speed), or None in a new journal."""
        rows = self._select("SELECT real, virtual, speed FROM clock")
        return rows[0] if rows else None

    def set_clock(self, real: float, virtual: float, speed: float) -> None:
        """Store the clock's anchor."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO clock VALUES (1, ?, ?, ?)", (real, virtual, speed))

    def add_file(self, record: FileRecord) -> None:
        """Add a file whose content is on disk already."""
        with self._transaction() as db:
            _insert_file(db, record)

    def file(self, file_id: str) -> FileRecord | None:
        """Return a file that was not deleted, whether expired or not."""
        rows = self._select(f"{_FILE_SELECT} WHERE id = ? AND NOT deleted", (file_id,))
        return FileRecord(*rows[0]) if rows else None

    def files(self) -> list[FileRecord]:
        """Return every file that was not deleted, oldest first."""
        return [FileRecord(*row) for row in self._select(f"{_FILE_SELECT} WHERE NOT deleted ORDER BY no")]

    def delete_file(self, file_id: str) -> bool:
        """Mark a file deleted; return whether it was there."""
        with self._transaction() as db:
            return db.execute("UPDATE files SET deleted = 1 WHERE id = ? AND NOT deleted", (file_id,)).rowcount == 1

    def add_batch(self, record: BatchRecord) -> BatchRecord:
        """Add a batch and return it with its number."""
        with self._transaction() as db:
            return _insert_batch(db, record)

    def create_batch(
        self, make: Callable[[int], BatchRecord], *, since: float, at_most: int | None
    ) -> BatchRecord | None:
        """Number, make and add a batch in one transaction.

        Args:
            make: takes the number, counted from 1 over all batches ever created; must not use the journal.
            since: virtual Unix seconds.
            at_most: how many batches may have been created since then, this one included; None for any number.

        Returns:
            The batch, or None where there were too many already; nothing has changed then.
        """
        with self._transaction() as db:
            if at_most is not None:
                recent = db.execute("SELECT count(*) FROM batches WHERE created_at > ?", (since,)).fetchone()[0]
                if recent >= at_most:
                    return None
            _count(db, "batches_created")
            return _insert_batch(db, make(db.execute("SELECT coalesce(max(no), 0) + 1 FROM batches").fetchone()[0]))

    def enqueued_tokens(self, model: str) -> int:
        """Return the prompt tokens of a model's batches that are validated and have not ended."""
        sql = "SELECT coalesce(sum(enqueued_tokens), 0) FROM batches WHERE model = ? AND status IN (?, ?, ?)"
        return int(self._select(sql, (model, *LIVE[1:]))[0][0])

    def batch(self, batch_id: str) -> BatchRecord | None:
        """Return a batch by its id."""
        rows = self._select(f"{_BATCH_SELECT} WHERE id = ?", (batch_id,))
        return BatchRecord(*rows[0]) if rows else None

    def batches(self, *, before: int | None, limit: int) -> list[BatchRecord]:
        """Return up to `limit` batches, newest first, older than the batch with number `before`."""
        values = (2**62 if before is None else before, limit)
        return [
            BatchRecord(*row) for row in self._select(f"{_BATCH_SELECT} WHERE no < ? ORDER BY no DESC LIMIT ?", values)
        ]

    def live_batches(self) -> list[BatchRecord]:
        """Return the batches that have not ended, oldest first."""
        marks = ", ".join("?" * len(LIVE))
        return [
            BatchRecord(*row) for row in self._select(f"{_BATCH_SELECT} WHERE status IN ({marks}) ORDER BY no", LIVE)
        ]

    def move(self, batch: BatchRecord, files: Sequence[FileRecord] = (), **assign: Any) -> bool:
        """Assign fields of a batch whose status and progress are still those of `batch`, and add its result files.

        Returns:
            Whether it was done; if not, nothing has changed.
        """
        with self._transaction() as db:
            if not _assign(db, batch, assign):
                return False
            for record in files:
                _insert_file(db, record)
            return True

    def record_rows(self, batch: BatchRecord, rows: Sequence[AnswerRow], now: float, **progress: Any) -> bool:
        """Record answered rows together with the batch's progress, unless the batch has moved since.

        Returns:
            Whether it was done; if not, nothing has changed.
        """
        with self._transaction() as db:
            if not _assign(db, batch, progress):
                return False
            db.executemany(_INSERT_ANSWER, [("batch", batch.no, *_row_values(row), now, row.fault) for row in rows])
            return True

    def record_call(self, number: int, row: AnswerRow, now: float) -> None:
        """Record one synchronous call; `number` (from the counter `calls`) takes the place of a line."""
        with self._transaction() as db:
            db.execute(_INSERT_ANSWER, ("chat", 0, number, *_row_values(row)[1:], now, row.fault))

    def figures(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one of the summary's queries (`journal_summary.py`)."""
        return self._select(sql)


_FILE_SELECT = f"SELECT {', '.join(_FILE_FIELDS)} FROM files"  # noqa: S608 - own field names
_BATCH_SELECT = f"SELECT {', '.join(_BATCH_FIELDS)} FROM batches"  # noqa: S608 - own field names
_INSERT_ANSWER = f"INSERT INTO answers VALUES ({', '.join('?' * 12)})"  # noqa: S608 - marks only


def _row_values(row: AnswerRow) -> tuple[Any, ...]:
    return (
        row.line,
        row.custom_id,
        row.body_digest,
        row.model,
        row.status,
        row.prompt_tokens,
        row.completion_tokens,
        row.nano_usd,
    )


def _count(db: sqlite3.Connection, name: str) -> int:
    sql = "INSERT INTO counters VALUES (?, 1) ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value"
    return int(db.execute(sql, (name,)).fetchone()[0])


def _insert_batch(db: sqlite3.Connection, record: BatchRecord) -> BatchRecord:
    values = {name: getattr(record, name) for name in _BATCH_FIELDS if name != "no"}
    marks = ", ".join("?" * len(values))
    number = db.execute(
        f"INSERT INTO batches ({', '.join(values)}) VALUES ({marks})",  # noqa: S608 - own field names
        list(values.values()),
    ).lastrowid
    assert number is not None
    return replace(record, no=number)


def _insert_file(db: sqlite3.Connection, record: FileRecord) -> None:
    marks = ", ".join("?" * len(_FILE_FIELDS))
    db.execute(
        f"INSERT INTO files ({', '.join(_FILE_FIELDS)}) VALUES ({marks})",  # noqa: S608 - own field names
        [getattr(record, name) for name in _FILE_FIELDS],
    )


def _assign(db: sqlite3.Connection, batch: BatchRecord, assign: dict[str, Any]) -> bool:
    unknown = set(assign) - set(_BATCH_FIELDS)
    if unknown:
        raise ValueError(f"a batch has no field {sorted(unknown)}")
    sets = ", ".join(f"{name} = ?" for name in assign)
    return (
        db.execute(
            f"UPDATE batches SET {sets} WHERE no = ? AND status = ? AND next_line = ?",  # noqa: S608 - own field names
            [*assign.values(), batch.no, batch.status, batch.next_line],
        ).rowcount
        == 1
    )
