"""Result files of batches: the parts while rows are answered, and the shuffled files that are published.

What belongs here: bytes on disk. What does not: the journal (`journal.py`), what a line says (`openai_rows.py`).

Parts are appended to before the journal records the rows, so after a crash a part may be longer than the journal
says; the surplus is cut off. It can be shorter only after a power cut, and is then made again from the input.
"""

import mmap
import random
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from scoring_pipeline.sandbox.journal import BatchRecord
from scoring_pipeline.sandbox.openai_files import FileFolder
from scoring_pipeline.sandbox.openai_rows import AnsweredLine
from scoring_pipeline.values import digest

AnswerLine = Callable[[bytes, int], AnsweredLine]


def read_lines(path: Path, offset: int, limit: int | None = None) -> Iterator[bytes]:
    """Yield up to `limit` lines of a file, from a byte offset."""
    with path.open("rb") as lines:
        lines.seek(offset)
        yield from islice(lines, limit)


class Parts:
    """The output and error parts of one batch, open for appending behind what the journal has recorded."""

    def __init__(self, folder: FileFolder, batch: BatchRecord, answer: AnswerLine) -> None:
        self.paths = (folder.part(f"{batch.id}.output"), folder.part(f"{batch.id}.error"))
        recorded = (batch.output_bytes, batch.error_bytes)
        sizes = [path.stat().st_size if path.exists() else 0 for path in self.paths]
        lost = any(size < wanted for size, wanted in zip(sizes, recorded, strict=True))
        self._files: list[BinaryIO] = [path.open("wb" if lost else "ab") for path in self.paths]
        if lost:
            for number, line in enumerate(read_lines(folder.content(batch.input_file_id), 0, batch.next_line)):
                self.append(answer(line, number))
        else:
            for file, wanted in zip(self._files, recorded, strict=True):
                file.truncate(wanted)
                file.seek(wanted)

    def append(self, line: AnsweredLine) -> None:
        """Append a line to the part it belongs to."""
        output, errors = self._files
        output.write(line.output)
        errors.write(line.error)

    def append_error(self, line: bytes) -> None:
        """Append a line to the error part."""
        self._files[1].write(line)

    def close(self) -> tuple[int, int]:
        """Flush and close both; return their sizes in bytes."""
        output, errors = (file.tell() for file in self._files)
        for file in self._files:
            file.close()
        return output, errors

    def publish(
        self, batch: BatchRecord, folder: FileFolder, *, shuffled: bool = True, empty_errors: bool = False
    ) -> tuple[str | None, str | None]:
        """Write the closed parts as files; return their ids, None for an empty one.

        Ids and order follow from the batch: done again after a crash, it writes the same files again.

        Args:
            batch: the batch, about to end.
            folder: where files lie.
            shuffled: in another order than the input's.
            empty_errors: write an error file even if it is empty.
        """
        output, errors = self.paths
        return (
            _publish(output, f"{batch.id}/output", folder, shuffled=shuffled),
            _publish(errors, f"{batch.id}/errors", folder, shuffled=shuffled, even_empty=empty_errors),
        )

    def remove(self) -> None:
        """Remove the parts of a batch that has ended."""
        for path in self.paths:
            path.unlink(missing_ok=True)


def _publish(part: Path, seed: str, folder: FileFolder, *, shuffled: bool, even_empty: bool = False) -> str | None:
    file_id = f"file-{digest(seed.encode())[:24]}"
    if part.stat().st_size == 0:
        if not even_empty:
            return None
        folder.content(file_id).write_bytes(b"")
        return file_id
    with part.open("rb") as source, mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as lines:
        starts = list(_line_starts(lines))
        if shuffled:
            random.Random(seed).shuffle(starts)  # noqa: S311 - an order, not a secret
        with folder.content(file_id).open("wb") as target:
            for start in starts:
                target.write(lines[start : lines.find(b"\n", start) + 1])
    return file_id


def _line_starts(lines: mmap.mmap) -> Iterator[int]:
    start = 0
    while start < len(lines):
        yield start
        start = lines.find(b"\n", start) + 1
