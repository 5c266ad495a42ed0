"""Changing the configuration file: one process at a time, whole or not at all.

What belongs here: replacing the file. What does not: what is changed in its text (`config_edit.py`), and what is worth
adding (`cli/boards.py`).
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scoring_pipeline.config_edit import Placed, with_boards
from scoring_pipeline.settings import ConfigError


def add_boards(path: Path, boards: Sequence[Placed]) -> None:
    """Add boards to the lists in the configuration file, all or none, and replace the file atomically.

    Raises:
        ConfigError: if the file cannot be read, written or edited safely, or has a board of one of the names by now;
            it is unchanged then.
    """
    real = path.resolve()
    try:
        with _locked(real.parent):
            text = real.read_bytes().decode("utf-8")
            edited = with_boards(text, boards, path)
            if edited != text:
                _replace(real, edited)
    except OSError as e:
        raise ConfigError([f"{path}: cannot be changed: {e.strerror}"]) from e
    except UnicodeDecodeError as e:
        raise ConfigError([f"{path}: is not UTF-8: {e.reason} at byte {e.start}"]) from e


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time change a file in `folder`; the folder itself is locked, so nothing is left behind."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _replace(path: Path, text: str) -> None:
    mode = path.stat().st_mode & 0o7777
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(mode)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
