"""A folder of board files, `<folder>/<provider>/<board>.json`, each read again when it has changed.

What belongs here: finding and reading the files, and remembering the parsed ones. What does not: HTTP (`ats_server.py`)
or writing them (`boards.py`).
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from scoring_pipeline.sandbox.boards import rows_of
from scoring_pipeline.settings import PROVIDERS, ProviderName

_REMEMBERED = 16


class BoardFileError(Exception):
    """A file that cannot be a response of its provider; the message names it."""


@dataclass(frozen=True)
class BoardFile:
    """One parsed file: the response body and its rows."""

    body: Any
    rows: list[dict[str, Any]]


class BoardFiles:
    """The boards of one folder; safe for several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: OrderedDict[Path, tuple[tuple[int, int], BoardFile]] = OrderedDict()
        self._lock = threading.Lock()

    def names(self, provider: ProviderName) -> list[str]:
        """Return the boards of a provider, sorted."""
        return sorted(path.stem for path in (self._folder / provider).glob("*.json"))

    def names_by_provider(self) -> dict[ProviderName, list[str]]:
        """Return the boards of all five providers; a provider without files has an empty list."""
        return {provider: self.names(provider) for provider in PROVIDERS}

    def read(self, provider: ProviderName, board: str) -> BoardFile | None:
        """Return a board, or None where there is no such file.

        Raises:
            BoardFileError: if the file is not JSON of the provider's shape.
        """
        if not board or "/" in board or "\\" in board or "\0" in board or board.startswith("."):
            return None
        path = self._folder / provider / f"{board}.json"
        try:
            state = path.stat()
        except FileNotFoundError:
            return None
        stamp = (state.st_mtime_ns, state.st_size)
        with self._lock:
            known = self._seen.get(path)
            if known is None or known[0] != stamp:
                known = (stamp, _parsed(provider, path))
                self._seen[path] = known
            self._seen.move_to_end(path)
            while len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
        return known[1]


def _parsed(provider: ProviderName, path: Path) -> BoardFile:
    try:
        body = orjson.loads(path.read_bytes())
        return BoardFile(body, rows_of(provider, body))
    except ValueError as error:
        raise BoardFileError(f"{path}: {error}") from error
