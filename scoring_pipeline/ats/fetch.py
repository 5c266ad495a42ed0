"""Reading every configured board of one provider on the current day.

What belongs here: running many boards at once within the limits, and the account of how it went. What does not: how
one request is made (`client.py`), how a provider is read (its module), how a reading is kept (`raw.py`).
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from structlog.typing import FilteringBoundLogger

from scoring_pipeline.ats.client import AtsClient
from scoring_pipeline.ats.errors import BoardGone, FetchError
from scoring_pipeline.ats.model import Failed, Fetched, Outcome, Provider, Target, Unchanged
from scoring_pipeline.ats.providers import BY_NAME
from scoring_pipeline.ats.raw import Recorded, confirmable, record_board
from scoring_pipeline.ats.urls import without_secrets
from scoring_pipeline.settings import Ats, AtsProvider, Board, ConfigError, ProviderName, Settings
from scoring_pipeline.storage.port import DocumentStore

# Boards in hand for each request a host may serve: enough that one board's pause leaves no slot idle.
BOARDS_PER_SLOT = 2
LOGGED_ERROR = 500


@dataclass(frozen=True)
class BoardFailure:
    """One board that was not read; `kind` is the name of the failure's class in `errors.py`."""

    board: str
    kind: str
    message: str


@dataclass(frozen=True)
class FetchSummary:
    """How reading one provider's boards went.

    `boards` = `boards_ok` + `boards_not_modified` + `boards_failed`; `boards_gone` (404) are among the failed. `rows`
    counts those of complete readings, `bytes` what crossed the wire, `seconds` the wall clock.
    """

    day: str
    provider: ProviderName
    boards: int
    boards_ok: int
    boards_not_modified: int
    boards_failed: int
    boards_gone: int
    failures: tuple[BoardFailure, ...]
    rows: int
    new_payloads: int
    bytes: int
    seconds: float


@dataclass(frozen=True)
class _Run:
    ats: Ats
    section: AtsProvider
    provider: Provider
    store: DocumentStore
    day: str
    now: Callable[[], datetime]
    log: FilteringBoundLogger
    client: AtsClient


@dataclass
class _Tally:
    ok: int = 0
    not_modified: int = 0
    rows: int = 0
    new_payloads: int = 0
    bytes: int = 0


def fetch_day(
    settings: Settings,
    store: DocumentStore,
    day: str,
    provider: ProviderName,
    *,
    now: Callable[[], datetime],
    log: FilteringBoundLogger,
) -> FetchSummary:
    """Read all configured boards of `provider` and keep each as it completes; a board that fails stops no other.

    Args:
        settings: `settings.ats` holds the boards and the limits.
        store: where the raw documents go.
        day: the partition, `YYYY-MM-DD`; the caller sees to it that it is the current one.
        provider: which provider.
        now: the clock, usually `settings.clock.now`.
        log: gets one line for each board.

    Raises:
        ConfigError: if one board is configured twice, differently.
        StoreError: if the store fails: that is not the fault of a board, and the rest is not read.
    """
    date.fromisoformat(day)
    return asyncio.run(_fetch_day(settings.ats, store, day, provider, now, log))


async def _fetch_day(
    ats: Ats,
    store: DocumentStore,
    day: str,
    provider: ProviderName,
    now: Callable[[], datetime],
    log: FilteringBoundLogger,
) -> FetchSummary:
    started = time.monotonic()
    section = ats.provider(provider)
    boards = _distinct(provider, section.boards)
    tally, failures = _Tally(), list[BoardFailure]()
    async with AtsClient(ats, section, now=now) as client:
        run = _Run(ats, section, BY_NAME[provider], store, day, now, log, client)
        await _work_through(run, boards, tally, failures)
    return FetchSummary(
        day=day,
        provider=provider,
        boards=len(boards),
        boards_ok=tally.ok,
        boards_not_modified=tally.not_modified,
        boards_failed=len(failures),
        boards_gone=sum(failure.kind == BoardGone.__name__ for failure in failures),
        failures=tuple(sorted(failures, key=lambda failure: failure.board)),
        rows=tally.rows,
        new_payloads=tally.new_payloads,
        bytes=tally.bytes,
        seconds=time.monotonic() - started,
    )


def _distinct(provider: ProviderName, boards: tuple[Board, ...]) -> list[Board]:
    by_name: dict[str, Board] = {}
    for board in boards:
        if by_name.setdefault(board.name, board) != board:
            raise ConfigError([f"ats.{provider}.boards: {board.name!r} is configured twice, differently"])
    return list(by_name.values())


async def _work_through(run: _Run, boards: list[Board], tally: _Tally, failures: list[BoardFailure]) -> None:
    queue = iter(boards)
    try:
        async with asyncio.TaskGroup() as workers:
            for _ in range(min(len(boards), run.section.concurrency * BOARDS_PER_SLOT)):
                workers.create_task(_work(run, queue, tally, failures))
    except ExceptionGroup as several:
        raise several.exceptions[0] from several


async def _work(run: _Run, queue: Iterator[Board], tally: _Tally, failures: list[BoardFailure]) -> None:
    for board in queue:
        outcome = await _read(run, board)
        recorded = await asyncio.to_thread(record_board, run.store, run.day, run.provider.name, board, outcome)
        _count(board, outcome, recorded, tally, failures)
        _report(run, board, outcome, recorded)


async def _read(run: _Run, board: Board) -> Outcome:
    """Return what became of one board; never raises for what the board or its host did."""
    talk, url = run.client.talk(), None
    try:
        target = Target(board, run.provider.base(run.section, board), run.section.page_size)
        list_url = run.provider.list_url(target)
        url = without_secrets(list_url)
        previous = await asyncio.to_thread(confirmable, run.store, run.day, run.provider.name, board.name, url)
        reading = await run.provider.read(talk, target, previous["etag"] if previous else None)
    except FetchError as error:
        return Failed(error, run.now(), url)
    if reading is not None:
        return Fetched(reading, run.now(), url, received_bytes=talk.received_bytes)
    if previous is None:
        raise AssertionError(f"{url}: a 304 was accepted that nothing was asked for")
    return Unchanged(previous, run.now(), talk.received_bytes)


def _count(board: Board, outcome: Outcome, recorded: Recorded, tally: _Tally, failures: list[BoardFailure]) -> None:
    if isinstance(outcome, Failed):
        failures.append(BoardFailure(board.name, type(outcome.error).__name__, str(outcome.error)))
        return
    tally.ok += isinstance(outcome, Fetched)
    tally.not_modified += isinstance(outcome, Unchanged)
    tally.rows += recorded.rows
    tally.new_payloads += recorded.new_payloads
    tally.bytes += outcome.received_bytes


def _report(run: _Run, board: Board, outcome: Outcome, recorded: Recorded) -> None:
    log = run.log.bind(day=run.day, provider=run.provider.name, board=board.name)
    if isinstance(outcome, Failed):
        log.warning("board failed", kind=type(outcome.error).__name__, error=str(outcome.error)[:LOGGED_ERROR])
    else:
        status = "ok" if isinstance(outcome, Fetched) else "not_modified"
        log.info("board read", status=status, rows=recorded.rows, new_payloads=recorded.new_payloads)
