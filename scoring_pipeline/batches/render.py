"""Rendering a batch: its file, line by line from the store, and what is kept of it.

What belongs here: the deterministic way from claimed requests to a `.jsonl` file and its digest, so that the same plan
can be rendered again after a crash and compared; and transcripts. What does not: choosing requests (`plan.py`).
"""

import base64
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from scoring_pipeline.routing.tiers import Model
from scoring_pipeline.scoring.request import render_body, render_line
from scoring_pipeline.scoring.rubric import Rubric
from scoring_pipeline.storage.port import Document, DocumentStore
from scoring_pipeline.values import chunked, digest, new_digest, utc_text

PAGE = 500
LINES_PER_TRANSCRIPT = 100


class RubricChangedError(Exception):
    """A request was keyed with another rubric than this version of the code has: it cannot be rendered any more."""


@dataclass(frozen=True)
class Rendered:
    """One attempt's line: newline included, and the digest of the request body in it."""

    attempt: Document
    line: bytes
    prompt_hash: str


def rendered(
    store: DocumentStore, batch: Document, rubric: Rubric, attempts: Iterable[Document]
) -> Iterator[list[Rendered]]:
    """Yield a batch's lines in the order of its attempts, a page at a time.

    Raises:
        RubricChangedError: if the batch was planned with another rubric.
    """
    if batch["rubric"] != rubric.digest:
        raise RubricChangedError(f"batch {batch['_id']} was planned with another rubric than this version's")
    for page in chunked(attempts, PAGE):
        views = store.get_many("views", sorted({a[name] for a in page for name in ("listing_view", "profile_view")}))
        lines = []
        for attempt in page:
            body = render_body(
                rubric,
                views[attempt["profile_view"]]["text"],
                views[attempt["listing_view"]]["text"],
                model=batch["model"],
                parameters=batch["parameters"],
            )
            lines.append(Rendered(attempt, *render_line(attempt["_id"], body)))
        yield lines


def attempts_of(store: DocumentStore, batch_id: str) -> Iterator[Document]:
    """Yield a batch's attempts in the order of its file."""
    yield from store.scan("attempts", {"batch_id": batch_id}, batch=PAGE)


class BatchFile:
    """A batch's input file while it is written: its digest and size grow with it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb")
        self._digest = new_digest()
        self.size = 0

    def write(self, lines: Iterable[Rendered]) -> None:
        """Append lines."""
        for item in lines:
            self._file.write(item.line)
            self._digest.update(item.line)
            self.size += len(item.line)

    def close(self) -> str:
        """Close the file and return its digest."""
        self._file.close()
        return self._digest.hexdigest()


class TranscriptWriter:
    """Keeps lines exactly as they were sent or received, compressed, some hundred to a document.

    Writing the same lines again under the same batch and direction replaces them by themselves.
    """

    def __init__(self, store: DocumentStore, batch_id: str, direction: str, now: datetime) -> None:
        self._store = store
        self._prefix = f"{batch_id}/{direction}"
        self._batch_id = batch_id
        self._created_at = utc_text(now)
        self._chunk = 0
        self._lines: list[bytes] = []

    def add(self, lines: Sequence[bytes]) -> None:
        """Keep lines; whole documents are written as they fill, several at once."""
        self._lines += lines
        if len(self._lines) >= PAGE:
            self.close()

    def close(self) -> None:
        """Write what is left."""
        self._store.upsert("transcripts", [self._document(part) for part in chunked(self._lines, LINES_PER_TRANSCRIPT)])
        self._lines = []

    def _document(self, lines: Sequence[bytes]) -> Document:
        packed = zlib.compress(b"\n".join(line.rstrip(b"\n") for line in lines), 1)
        document: Document = {
            "_id": f"{self._prefix}/{self._chunk:06d}",
            "batch_id": self._batch_id,
            "created_at": self._created_at,
            "lines": base64.b64encode(packed).decode(),
        }
        self._chunk += 1
        return document


def transcript_lines(document: Document) -> list[bytes]:
    """Return the lines of a transcript document."""
    return zlib.decompress(base64.b64decode(document["lines"])).split(b"\n")


def transcript_of(store: DocumentStore, attempt: Document) -> dict[str, bytes | None]:
    """Return one attempt's line as sent (`in`) and as answered (`out`); None where there is none (any more)."""
    found: dict[str, bytes | None] = {"in": None, "out": None}
    mark = attempt["_id"].encode()
    for document in store.scan("transcripts", {"batch_id": attempt["batch_id"]}):
        direction = document["_id"].rsplit("/", 2)[1]
        found[direction] = next((line for line in transcript_lines(document) if mark in line), found[direction])
    return found


def parameters_of(model: Model, max_completion_tokens: int) -> dict[str, object]:
    """Return the body fields of a batch, sorted so that its file is the same whenever it is rendered."""
    return dict(sorted(model.parameters(max_completion_tokens).items()))


def static_bytes(rubric: Rubric, model: Model, max_completion_tokens: int) -> int:
    """Return the bytes of a line of a batch file without the text of its views."""
    parameters = parameters_of(model, max_completion_tokens)
    body = render_body(rubric, "", "", model=model.model, parameters=parameters)
    return len(render_line(digest(b""), body)[0])
