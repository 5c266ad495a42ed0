"""The sandbox's job boards: response bodies of five providers, composed from the sample, always the same bytes.

What belongs here: which boards there are, how many copies, writing them to a folder. What does not: what listings say
(`postings.py`), how a provider writes them (`wire/`), serving them (`ats_server.py`).
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import orjson

from scoring_pipeline.sandbox.catalogue import Catalogue, Employer, load_catalogue
from scoring_pipeline.sandbox.postings import Posting, copies_of, postings_of
from scoring_pipeline.sandbox.wire import ashby, greenhouse, lever, recruitee, workable
from scoring_pipeline.settings import ProviderName

Boards = dict[ProviderName, dict[str, Any]]

COPIES_PER_BOARD = 25  # more copies go to sibling boards (`name-2`, `name-3`), so that one body stays a few megabytes


class _Wire(Protocol):
    def __call__(self, employer: Employer, postings: Sequence[Posting]) -> Any: ...


_WIRES: dict[ProviderName, _Wire] = {
    "greenhouse": greenhouse.board,
    "lever": lever.board,
    "ashby": ashby.board,
    "workable": workable.board,
    "recruitee": recruitee.board,
}
_ROWS: dict[ProviderName, str | None] = {
    "greenhouse": "jobs",
    "lever": None,
    "ashby": "jobs",
    "workable": "jobs",
    "recruitee": "offers",
}


def iter_boards(copies: int = 1) -> Iterator[tuple[ProviderName, str, Any]]:
    """Yield `(provider, board, response body)`, one board in memory at a time.

    Args:
        copies: how many times every listing appears; copies beyond the first differ in id, place and wording.

    Raises:
        ValueError: if `copies` is less than one.
    """
    if copies < 1:
        raise ValueError(f"copies must be at least 1, not {copies}")
    catalogue = load_catalogue()
    for employer in catalogue.employers:
        base = postings_of(catalogue, employer)
        for start in range(0, copies, COPIES_PER_BOARD):
            numbers = range(start, min(start + COPIES_PER_BOARD, copies))
            sibling = sibling_of(employer, start // COPIES_PER_BOARD)
            yield sibling.provider, sibling.board, render_board(sibling, [*copies_of(catalogue, base, numbers)])


def build_boards(*, copies: int = 1) -> Boards:
    """Return all boards as `{provider: {board: response body}}`.

    Raises:
        ValueError: if `copies` is less than one.
    """
    boards: Boards = {}
    for provider, board, body in iter_boards(copies):
        boards.setdefault(provider, {})[board] = body
    return boards


def write_boards(folder: Path, boards: Boards | Iterable[tuple[ProviderName, str, Any]]) -> list[Path]:
    """Write `<folder>/<provider>/<board>.json` for each board, each replaced in one step; other files stay.

    Args:
        folder: made where it is missing.
        boards: what `build_boards` returns or `iter_boards` yields.

    Returns:
        The paths written.
    """
    rows = _flat(boards) if isinstance(boards, dict) else boards
    written = []
    for provider, board, body in rows:
        path = folder / provider / f"{board}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(path.name + ".part")
        draft.write_bytes(orjson.dumps(body))
        draft.replace(path)
        written.append(path)
    return written


def render_board(employer: Employer, postings: Sequence[Posting]) -> Any:
    """Return the response body that the employer's provider would send for these listings."""
    return _WIRES[employer.provider](employer, postings)


def rows_of(provider: ProviderName, body: Any) -> list[dict[str, Any]]:
    """Return the rows (postings, offers) of a response body; Workable has one for each place of a posting.

    Raises:
        ValueError: if the body has not the provider's envelope.
    """
    key = _ROWS[provider]
    rows = body if key is None else body.get(key) if isinstance(body, dict) else None
    if isinstance(rows, list):
        return rows
    expected = "a list" if key is None else f"an object with a list {key!r}"
    raise ValueError(f"not a {provider} response: {expected} was expected")


def employer_of(catalogue: Catalogue, board: str) -> Employer | None:
    """Return the employer of a board or of one of its siblings; None where the sample has none of that name."""
    stem, _, number = board.rpartition("-")
    for employer in catalogue.employers:
        if employer.board == board or (number.isdigit() and employer.board == stem):
            return employer
    return None


def sibling_of(employer: Employer, index: int) -> Employer:
    """Return the employer with the name of its `index`-th board; number 0 is its own."""
    return employer if index == 0 else employer.model_copy(update={"board": f"{employer.board}-{index + 1}"})


def _flat(boards: Boards) -> Iterator[tuple[ProviderName, str, Any]]:
    for provider, bodies in boards.items():
        for board, body in bodies.items():
            yield provider, board, body
