"""What the journal holds: its tables, and the records that are read from and written to them.

What belongs here: columns and plain data. What does not: transactions (`journal.py`).

Times are virtual Unix seconds. A row's status is HTTP's, or 0 and -1 for rows that were lost on purpose.
"""

from dataclasses import dataclass

LIVE = ("validating", "in_progress", "finalizing", "cancelling")

SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, filename TEXT NOT NULL, purpose TEXT NOT NULL,
    bytes INTEGER NOT NULL, created_at REAL NOT NULL, expires_at REAL, deleted INTEGER NOT NULL DEFAULT 0,
    visible_at REAL
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
    prompt_tokens INTEGER NOT NULL DEFAULT 0, completion_tokens INTEGER NOT NULL DEFAULT 0,
    enqueued_tokens INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS batches_status ON batches (status);
CREATE TABLE IF NOT EXISTS answers (
    lane TEXT NOT NULL, batch INTEGER NOT NULL, line INTEGER NOT NULL, custom_id TEXT, body_digest TEXT NOT NULL,
    model TEXT NOT NULL, status INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
    nano_usd INTEGER NOT NULL, answered_at REAL NOT NULL, fault TEXT, PRIMARY KEY (batch, line)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS clock (
    no INTEGER PRIMARY KEY CHECK (no = 1), real REAL NOT NULL, virtual REAL NOT NULL, speed REAL NOT NULL
);
"""
# Columns that journals of older sandboxes lack: they are added when such a journal is opened.
LATER_COLUMNS = (
    ("files", "visible_at", "REAL"),
    ("batches", "enqueued_tokens", "INTEGER NOT NULL DEFAULT 0"),
    ("answers", "fault", "TEXT"),
)


@dataclass(frozen=True)
class FileRecord:
    """One file; `expires_at` None means never, `visible_at` None from the beginning."""

    id: str
    filename: str
    purpose: str
    bytes: int
    created_at: float
    expires_at: float | None
    visible_at: float | None = None

    def is_visible(self, now: float) -> bool:
        """Return whether `now` is not before the file can be seen."""
        return self.visible_at is None or now >= self.visible_at


@dataclass(frozen=True)
class BatchRecord:
    """One batch as it stands: its request, its progress through the input file, its timestamps and sums.

    `next_line` and `next_offset` say how far the input is answered, `output_bytes` and `error_bytes` how much of the
    files being written belongs to those lines. `metadata`, `errors` and `fault` are JSON text. `enqueued_tokens` is
    what the batch takes of its model's queue while it has not ended, counted only where there is a limit.
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
    enqueued_tokens: int = 0


@dataclass(frozen=True)
class AnswerRow:
    """One request that was answered (or refused, or lost) once, what it is billed in nano-USD, which fault it met."""

    line: int
    custom_id: str | None
    body_digest: str
    model: str
    status: int
    prompt_tokens: int
    completion_tokens: int
    nano_usd: int
    fault: str | None = None
