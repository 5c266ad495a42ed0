"""The sandbox's journal: what was asked and answered, in one SQLite file that survives `kill -9` at any moment.

What belongs here: the tables, and every transaction on them. What does not: the pipeline's own accounting, with which
this count shares no code, so that the two can be held against each other; and file contents (`openai_files.py`).

A batch's rows and its progress are one transaction, and a move from one status to the next names the status it starts
from: after a crash nothing is answered twice, and whoever comes late finds the move refused.

Times are virtual Unix seconds. A row's status is HTTP's, or 0 and -1 for rows that were lost on purpose.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

LIVE = ("validating", "in_progress", "finalizing", "cancelling")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, filename TEXT NOT NULL, purpose TEXT NOT NULL,
    bytes INTEGER NOT NULL, created_at REAL NOT NULL, expires_at REAL, deleted INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS batches (
    no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, status TEXT NOT NULL, endpoint TEXT NOT NULL,
    input_file_id TEXT NOT NULL, metadata TEXT NOT NULL, created_at REAL NOT NULL, expires_at REAL NOT NULL,
    seconds REAL NOT NULL, fault TEXT NOT NULL, output_expires_seconds REAL, model TEXT, errors TEXT,
    output_file_id TEXT, error_file_id TEXT, in_progress_at REAL, finalizing_at REAL, completed_at REAL,
    failed_at REAL, expired_at REAL, cancelling_at REAL, cancelled_at REAL,
    total INTEGER NOT NULL DEFAULT 0, completed INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0,
    next_line INTEGER NOT NULL DEFAULT 0, next_offset INTEGER NOT NULL DEFAULT 0,
    output_bytes INTEGER NOT NULL DEFAULT 0, error_bytes INTEGER NOT NULL DEFAULT 0,
    prompt_tokens INTEGER NOT NULL DEFAULT 0, completion_tokens INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS batches_status ON batches (status);
CREATE TABLE IF NOT EXISTS answers (
    lane TEXT NOT NULL, batch INTEGER NOT NULL, line INTEGER NOT NULL, custom_id TEXT, body_digest TEXT NOT NULL,
    model TEXT NOT NULL, status INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
    nano_usd INTEGER NOT NULL, answered_at REAL NOT NULL, PRIMARY KEY (batch, line)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS clock (
    no INTEGER PRIMARY KEY CHECK (no = 1), real REAL NOT NULL, virtual REAL NOT NULL, speed REAL NOT NULL
);
"""


class JournalError(Exception):
    """The journal cannot be opened; the message names the file."""


@dataclass(frozen=True)
class FileRecord:
    """One file; `expires_at` None means never."""

    id: str
    filename: str
    purpose: str
    bytes: int
    created_at: float
    expires_at: float | None


@dataclass(frozen=True)
class BatchRecord:
    """One batch as it stands: its request, its progress through the input file, its timestamps and sums.

    `next_line` and `next_offset` say how far the input is answered, `output_bytes` and `error_bytes` how much of the
    files being written belongs to those lines. `metadata`, `errors` and `fault` are JSON text.
    """

    id: str
    endpoint: str
    input_file_id: str
    metadata: str
    created_at: float
    expires_at: float
    seconds: float
    fault: str = "null"
    output_expires_seconds: float | None = None
    no: int = 0
    status: str = "validating"
    model: str | None = None
    errors: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    in_progress_at: float | None = None
    finalizing_at: float | None = None
    completed_at: float | None = None
    failed_at: float | None = None
    expired_at: float | None = None
    cancelling_at: float | None = None
    cancelled_at: float | None = None
    total: int = 0
    completed: int = 0
    failed: int = 0
    next_line: int = 0
    next_offset: int = 0
    output_bytes: int = 0
    error_bytes: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True)
class AnswerRow:
    """One request that was answered (or refused, or lost) once, and what it is billed in nano-USD."""

    line: int
    custom_id: str | None
    body_digest: str
    model: str
    status: int
    prompt_tokens: int
    completion_tokens: int
    nano_usd: int


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
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise JournalError(f"{path}: cannot be opened as the sandbox's journal: {error}") from error

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
        sql = "INSERT INTO counters VALUES (?, 1) ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value"
        with self._transaction() as db:
            return int(db.execute(sql, (name,)).fetchone()[0])

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
        names = tuple(name for name in _BATCH_FIELDS if name != "no")
        values = asdict(record)
        marks = ", ".join("?" * len(names))
        with self._transaction() as db:
            db.execute(
                f"INSERT INTO batches ({', '.join(names)}) VALUES ({marks})",  # noqa: S608 - own field names
                [values[name] for name in names],
            )
        added = self.batch(record.id)
        assert added is not None
        return added

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
            db.executemany(_INSERT_ANSWER, [("batch", batch.no, *_row_values(row), now) for row in rows])
            return True

    def record_call(self, number: int, row: AnswerRow, now: float) -> None:
        """Record one synchronous call; `number` (from the counter `calls`) takes the place of a line."""
        with self._transaction() as db:
            db.execute(_INSERT_ANSWER, ("chat", 0, number, *_row_values(row)[1:], now))

    def figures(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one of the summary's queries (`journal_summary.py`)."""
        return self._select(sql)


_FILE_SELECT = f"SELECT {', '.join(_FILE_FIELDS)} FROM files"  # noqa: S608 - own field names
_BATCH_SELECT = f"SELECT {', '.join(_BATCH_FIELDS)} FROM batches"  # noqa: S608 - own field names
_INSERT_ANSWER = f"INSERT INTO answers VALUES ({', '.join('?' * 11)})"  # noqa: S608 - marks only


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
