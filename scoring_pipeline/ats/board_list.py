"""Reading a list of boards from a CSV file, every mistake at once.

What belongs here: the columns, what may stand in them, and the messages. What does not: writing boards anywhere, and
asking whether they exist.

The header is `provider,board` with optional `company` and `base_url`, in any order, or `url` alone.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from scoring_pipeline.ats.boards import UnrecognisedBoard, recognise
from scoring_pipeline.ats.errors import PermanentFetchError
from scoring_pipeline.ats.probing import list_url
from scoring_pipeline.ats.urls import base_for, segment
from scoring_pipeline.settings import PROVIDERS, Ats, Board, ProviderName

REQUIRED, OPTIONAL, URL = ("provider", "board"), ("company", "base_url"), "url"
_HEADER_HELP = "write `provider,board` with optional `company` and `base_url`, or `url` alone"
_SHOWN = 80


class BoardListRefused(ValueError):  # noqa: N818 - named for what happened
    """A list of boards has mistakes; `problems` holds one line for each, naming file, line and column."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


@dataclass(frozen=True)
class ListedBoard:
    """One board of the file and the line it stands on, counted from 1 with the header."""

    line: int
    provider: ProviderName
    board: Board


class _WrongCell(ValueError):  # noqa: N818 - carried to where file and line are known
    def __init__(self, column: str, message: str) -> None:
        self.column = column
        super().__init__(message)


def read_board_list(path: Path, ats: Ats) -> list[ListedBoard]:
    """Return the boards of a CSV file in UTF-8, in its order; a board that is listed twice is returned twice.

    Args:
        path: the file.
        ats: the providers' base URLs, against which names and base URLs are checked. Nothing is fetched.

    Raises:
        BoardListRefused: naming everything that is wrong, by line and column.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as e:
        raise BoardListRefused([f"{path}: cannot be read: {e.strerror}"]) from e
    except UnicodeDecodeError as e:
        raise BoardListRefused([f"{path}: is not UTF-8: {e.reason} at byte {e.start}"]) from e
    rows = _rows(path, text)
    line, header = next(rows, (1, []))
    columns = _columns(path, line, header)
    read = _url_row if URL in columns else _named_row
    boards, problems = list[ListedBoard](), list[str]()
    for line, cells in rows:
        try:
            provider, board = read(_by_column(columns, cells), ats)
        except _WrongCell as e:
            problems.append(f"{path}: line {line}: {e.column}: {e}")
        else:
            boards.append(ListedBoard(line, provider, board))
    if not boards and not problems:
        problems.append(f"{path}: holds no boards below its header")
    if problems:
        raise BoardListRefused(problems)
    return boards


def _rows(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not blank with the line it begins on."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                yield line, stripped
            line = reader.line_num + 1
    except csv.Error as e:
        raise BoardListRefused([f"{path}: line {line}: is not CSV: {e}"]) from e


def _columns(path: Path, line: int, header: list[str]) -> list[str]:
    columns = [name.lower() for name in header]
    place = f"{path}: line {line}"
    if not columns:
        raise BoardListRefused([f"{path}: is empty; {_HEADER_HELP}"])
    if columns == [URL]:
        return columns
    problems = [
        f"{place}: {name[:_SHOWN]!r} is no column; {_HEADER_HELP}"
        for name in dict.fromkeys(columns)
        if name not in {*REQUIRED, *OPTIONAL}
    ]
    problems += [f"{place}: column `{name}` is missing; {_HEADER_HELP}" for name in REQUIRED if name not in columns]
    problems += [f"{place}: column `{n}` stands there twice" for n in dict.fromkeys(columns) if columns.count(n) > 1]
    if problems:
        raise BoardListRefused(problems)
    return columns


def _by_column(columns: list[str], cells: list[str]) -> dict[str, str]:
    if any(cells[len(columns) :]):
        raise _WrongCell(
            f"cell {len(columns) + 1}",
            f"{cells[len(columns)][:_SHOWN]!r} is beyond the last column; a value with a comma stands in double quotes",
        )
    return dict(zip(columns, cells, strict=False))


def _url_row(row: Mapping[str, str], ats: Ats) -> tuple[ProviderName, Board]:
    try:
        found = recognise(row[URL])
    except UnrecognisedBoard as e:
        raise _WrongCell(URL, str(e)) from e
    board = Board(name=found.board, base_url=found.base_url)
    _checked(URL, lambda: list_url(ats, found.provider, board))
    return found.provider, board


def _named_row(row: Mapping[str, str], ats: Ats) -> tuple[ProviderName, Board]:
    text = row["provider"]
    provider = next((name for name in PROVIDERS if name == text.lower()), None)
    if provider is None:
        raise _WrongCell("provider", f"{text[:_SHOWN]!r} is none of {', '.join(PROVIDERS)}")
    name, base_url = row.get("board", ""), row.get("base_url") or None
    if not name:
        raise _WrongCell("board", "is empty; write the token, slug or account in the careers page's address")
    board = Board(name=name, company=row.get("company") or None, base_url=base_url)
    if board.company and not board.company.isprintable():
        raise _WrongCell("company", f"{board.company[:_SHOWN]!r} holds control characters")
    _checked("board", lambda: segment(name))
    if base_url:
        _checked("base_url", lambda: base_for(ats.provider(provider), board))
    _checked("board", lambda: list_url(ats, provider, board))
    return provider, board


def _checked(column: str, check: Callable[[], str]) -> None:
    try:
        check()
    except PermanentFetchError as e:
        raise _WrongCell(column, str(e)) from e
