"""Filing stored responses as a day's raw documents: a day that was recorded elsewhere, or a sample to try.

What belongs here: the layout of such a folder and refusing what does not fit it. What does not: the shape of a
response (the providers' modules) and how it is kept (`raw.py`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from scoring_pipeline.ats.errors import PermanentFetchError
from scoring_pipeline.ats.model import Fetched, Reading
from scoring_pipeline.ats.providers import BY_NAME
from scoring_pipeline.ats.raw import record_board
from scoring_pipeline.ats.shapes import decode
from scoring_pipeline.settings import PROVIDERS, Board, ProviderName, Settings
from scoring_pipeline.storage.port import DocumentStore


class ImportRefused(Exception):  # noqa: N818 - named for what happened
    """A folder cannot be imported; the message names the file and what was expected there."""


@dataclass(frozen=True)
class ImportedBoard:
    """One file that was filed: its rows, and how many payloads were never seen before."""

    provider: ProviderName
    board: str
    rows: int
    new_payloads: int


@dataclass(frozen=True)
class _File:
    path: Path
    provider: ProviderName
    board: str


def import_folder(
    settings: Settings, store: DocumentStore, day: str, folder: Path, *, now: Callable[[], datetime]
) -> list[ImportedBoard]:
    """File `<folder>/<provider>/<board>.json`, each a response body as the provider sent it, under `day`.

    Every file is checked before the first is kept, so a refused import changes nothing. A board's configured company
    is taken from settings where the board is configured. Other files beside the provider folders are passed over.

    Raises:
        ImportRefused: for a folder or file that does not fit; nothing was kept.
        StoreError: if the store fails.
    """
    date.fromisoformat(day)
    files = sorted(_files(folder), key=lambda file: (file.provider, file.board))
    if not files:
        raise ImportRefused(f"{folder}: nothing to import, expected <provider>/<board>.json")
    for file in files:
        _reading(settings, file)
    return [_file(settings, store, day, file, now()) for file in files]


def _files(folder: Path) -> Iterator[_File]:
    if not folder.is_dir():
        raise ImportRefused(f"{folder}: there is no such folder")
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not entry.name.startswith("."):
            yield from _provider_files(entry)
        elif entry.suffix == ".json":
            raise ImportRefused(f"{entry}: belongs in a folder named for its provider: {', '.join(PROVIDERS)}")


def _provider_files(folder: Path) -> Iterator[_File]:
    provider = next((name for name in PROVIDERS if name == folder.name), None)
    if provider is None:
        raise ImportRefused(f"{folder}: no such provider; the folder's name is one of {', '.join(PROVIDERS)}")
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if not path.is_file() or path.suffix != ".json":
            raise ImportRefused(f"{path}: only files named <board>.json belong here")
        yield _File(path, provider, path.stem)


def _reading(settings: Settings, file: _File) -> Reading:
    limit = settings.ats.max_response_bytes
    if file.path.stat().st_size > limit:
        raise ImportRefused(f"{file.path}: larger than ats.max_response_bytes ({limit})")
    try:
        return BY_NAME[file.provider].parse(decode(file.path.read_bytes()))
    except PermanentFetchError as error:
        raise ImportRefused(f"{file.path}: not a response of {file.provider}: {error}") from error


def _file(settings: Settings, store: DocumentStore, day: str, file: _File, moment: datetime) -> ImportedBoard:
    configured = {board.name: board for board in settings.ats.provider(file.provider).boards}
    board = configured.get(file.board, Board(name=file.board))
    outcome = Fetched(_reading(settings, file), moment, url=None, source="import")
    recorded = record_board(store, day, file.provider, board, outcome)
    return ImportedBoard(file.provider, file.board, recorded.rows, recorded.new_payloads)
