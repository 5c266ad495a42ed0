"""Reading boards once, without keeping anything: is it there, how many postings, whose is it?

What belongs here: such a look at one board or at many. What does not: the day's reading (`fetch.py`), and what a person
is told.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from scoring_pipeline.ats.client import AtsClient
from scoring_pipeline.ats.errors import BoardGone, FetchError
from scoring_pipeline.ats.model import Reading, Target
from scoring_pipeline.ats.providers import BY_NAME
from scoring_pipeline.ats.urls import without_secrets
from scoring_pipeline.settings import Ats, Board, ProviderName

_SLOTS = 2
_COMPANY_FIELDS: dict[ProviderName, str] = {"greenhouse": "company_name", "recruitee": "company_name"}


@dataclass(frozen=True)
class Probe:
    """One board, read just now.

    `rows` is None where it was not read, and `error` says why then; `company` is the name that the provider sent most
    often, None where it sends none.
    """

    provider: ProviderName
    board: Board
    rows: int | None
    company: str | None
    error: FetchError | None = None

    @property
    def gone(self) -> bool:
        """Whether the provider answered that there is no such board."""
        return isinstance(self.error, BoardGone)


def probe_boards(
    ats: Ats, boards: Mapping[ProviderName, Sequence[Board]], *, now: Callable[[], datetime]
) -> list[Probe]:
    """Read boards of any providers once each, within the limits of `ats`; return them in the order given."""
    return asyncio.run(_probe_all(ats, boards, now))


async def _probe_all(
    ats: Ats, boards: Mapping[ProviderName, Sequence[Board]], now: Callable[[], datetime]
) -> list[Probe]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_probe_provider(ats, name, listed, now)) for name, listed in boards.items()]
    return [probe for task in tasks for probe in task.result()]


async def _probe_provider(
    ats: Ats, provider: ProviderName, boards: Sequence[Board], now: Callable[[], datetime]
) -> list[Probe]:
    found: dict[int, Probe] = {}
    section = ats.provider(provider)
    queue = iter(enumerate(boards))
    async with AtsClient(ats, section, now=now) as client, asyncio.TaskGroup() as workers:
        for _ in range(min(len(boards), section.concurrency * _SLOTS)):
            workers.create_task(_work(ats, client, provider, queue, found))
    return [found[index] for index in range(len(boards))]


async def _work(
    ats: Ats,
    client: AtsClient,
    provider: ProviderName,
    queue: Iterator[tuple[int, Board]],
    found: dict[int, Probe],
) -> None:
    for index, board in queue:
        try:
            reading = await BY_NAME[provider].read(client.talk(), _target(ats, provider, board), None)
        except FetchError as error:
            found[index] = Probe(provider, board, None, None, error)
            continue
        if reading is None:
            raise AssertionError(f"{provider}/{board.name}: a 304 was accepted that nothing was asked for")
        found[index] = Probe(provider, board, len(reading.rows), _company(provider, reading))


def list_url(ats: Ats, provider: ProviderName, board: Board) -> str:
    """Return the first URL that is asked for a board, without secrets.

    Raises:
        PermanentFetchError: if its name or its base URL cannot be used.
    """
    return without_secrets(BY_NAME[provider].list_url(_target(ats, provider, board)))


def _target(ats: Ats, provider: ProviderName, board: Board) -> Target:
    section = ats.provider(provider)
    return Target(board, BY_NAME[provider].base(section, board), section.page_size)


def _company(provider: ProviderName, reading: Reading) -> str | None:
    field = _COMPANY_FIELDS.get(provider)
    sent = [row.payload.get(field) for row in reading.rows] if field else [reading.facts.get("name")]
    names = Counter(name.strip() for name in sent if isinstance(name, str) and name.strip())
    return names.most_common(1)[0][0] if names else None
