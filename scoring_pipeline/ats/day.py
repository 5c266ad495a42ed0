"""A provider's raw listings of one day: read live while the day is current, and found in the store for any other.

What belongs here: that decision. What does not: reading (`fetch.py`) and keeping (`raw.py`).
"""

from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

from scoring_pipeline.ats.fetch import fetch_day
from scoring_pipeline.ats.raw import NothingStored, Snapshot, has_day, stored_snapshots
from scoring_pipeline.settings import PROVIDERS, ProviderName, Settings
from scoring_pipeline.storage.port import DocumentStore


@dataclass(frozen=True)
class RawDay:
    """One provider's boards on one day, as they are stored.

    `live` is whether they were read just now; `new_payloads` counts postings never seen before (0 for a stored day).
    """

    day: str
    provider: ProviderName
    live: bool
    snapshots: tuple[Snapshot, ...]
    new_payloads: int = 0
    bytes: int = 0
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        """Rows of the complete readings."""
        return sum(snapshot.rows for snapshot in self.snapshots)

    @property
    def failed(self) -> list[Snapshot]:
        """Boards that could not be read."""
        return [snapshot for snapshot in self.snapshots if not snapshot.complete]


def raw_day(
    settings: Settings, store: DocumentStore, day: str, provider: ProviderName, *, log: FilteringBoundLogger
) -> RawDay:
    """Read the provider's boards if `day` is the current one, else find what was stored for it.

    Raises:
        NothingStored: if the day is not current and no provider at all has anything stored for it.
        ConfigError, StoreError: as `fetch_day`.
    """
    if day == settings.clock.today():
        summary = fetch_day(settings, store, day, provider, now=settings.clock.now, log=log)
        return RawDay(
            day=day,
            provider=provider,
            live=True,
            snapshots=tuple(stored_snapshots(store, day, provider)),
            new_payloads=summary.new_payloads,
            bytes=summary.bytes,
            seconds=summary.seconds,
        )
    if not any(has_day(store, day, name) for name in PROVIDERS):
        raise NothingStored(
            f"nothing is stored for {day}, and a board shows only the listings of the day it is read on "
            f"(the current day is {settings.clock.today()}): import stored responses with "
            f"`scoring-pipeline raw import --day {day} FOLDER`, or choose a day that was read"
        )
    return RawDay(day=day, provider=provider, live=False, snapshots=tuple(stored_snapshots(store, day, provider)))
