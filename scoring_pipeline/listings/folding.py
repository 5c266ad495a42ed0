"""What became of each listing over time: a pure fold over its board's complete daily readings.

What belongs here: when a listing is new, closed or reopened, and when a board's reading is too short to believe. What
does not: where readings come from and histories go (`history.py`).

The fold depends on the set of readings alone, not on the order in which days were written: a backfilled day changes
exactly what it is evidence for. A posting that is absent is closed after so many consecutive complete readings without
it; a posting that returns is reopened, never new. A board that shrinks by `drop_flag_ratio` or more between two
readings is flagged, and that reading closes nothing: the next one confirms, or the postings are back.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Status: TypeAlias = Literal["open", "closed"]
Reading: TypeAlias = tuple[str, frozenset[str]]


@dataclass(frozen=True)
class History:
    """One listing's history; days are `YYYY-MM-DD`.

    `closed_on` is the day of the reading that closed it, None while it is open; `reopened_on` the last day on which it
    returned after having been closed.
    """

    first_seen: str
    last_seen: str
    status: Status
    closed_on: str | None
    reopened_on: str | None


@dataclass(frozen=True)
class Moves:
    """What one reading changed."""

    new: tuple[str, ...]
    closed: tuple[str, ...]
    reopened: tuple[str, ...]
    flagged: bool


@dataclass
class _State:
    first_seen: str
    last_seen: str
    absences: int = 0
    closed_on: str | None = None
    reopened_on: str | None = None


class Fold:
    """The fold, one reading at a time in order of day."""

    def __init__(self, closed_after: int, drop_flag_ratio: float) -> None:
        self._closed_after = closed_after
        self._ratio = drop_flag_ratio
        self._states: dict[str, _State] = {}
        self._open: set[str] = set()
        self._size = 0

    def resume(self, histories: Mapping[str, History], absences: Mapping[str, int], size: int) -> None:
        """Stand where another fold stood, before the first reading.

        Args:
            histories: of every open listing, and of every other one that a reading to come shows.
            absences: as `absences` returned them.
            size: as `size` was.
        """
        for listing, known in histories.items():
            state = _State(known.first_seen, known.last_seen, absences.get(listing, 0))
            state.closed_on, state.reopened_on = known.closed_on, known.reopened_on
            self._states[listing] = state
        self._open = {listing for listing, known in histories.items() if known.status == "open"}
        self._size = size

    @property
    def size(self) -> int:
        """How many listings the last reading showed."""
        return self._size

    def absences(self) -> dict[str, int]:
        """Return for each listing that is open and absent the consecutive readings without it, in order of id."""
        return {listing: count for listing in sorted(self._open) if (count := self._states[listing].absences)}

    def read(self, day: str, ids: Collection[str]) -> Moves:
        """Take in the complete reading of `day`, later than all before; return what it changed."""
        present = set(ids)
        flagged = len(present) < self._size and len(present) <= (1 - self._ratio) * self._size
        new, reopened = [], []
        for listing in sorted(present - self._open):
            state = self._states.get(listing)
            if state is None:
                self._states[listing] = _State(day, day)
                new.append(listing)
            else:
                state.closed_on, state.reopened_on = None, day
                reopened.append(listing)
        closed = [listing for listing in sorted(self._open - present) if self._absent(listing, day, flagged)]
        for listing in present:
            state = self._states[listing]
            state.last_seen, state.absences = day, 0
        self._open = (self._open | present) - set(closed)
        self._size = len(present)
        return Moves(tuple(new), tuple(closed), tuple(reopened), flagged)

    def _absent(self, listing: str, day: str, flagged: bool) -> bool:
        """Count an absence; return whether it closes the listing."""
        state = self._states[listing]
        state.absences += 1
        if flagged or state.absences < self._closed_after:
            return False
        state.closed_on = day
        return True

    def histories(self) -> Iterator[tuple[str, History]]:
        """Yield every listing seen so far, in order of id."""
        for listing, state in sorted(self._states.items()):
            status: Status = "closed" if state.closed_on else "open"
            yield listing, History(state.first_seen, state.last_seen, status, state.closed_on, state.reopened_on)


def fold(days: Sequence[Reading], closed_after: int, drop_flag_ratio: float) -> dict[str, History]:
    """Return every listing's history from a board's complete readings, in whatever order they are given.

    Args:
        days: for each complete reading its day and the ids it showed.
        closed_after: consecutive complete readings without a listing that close it, from 1.
        drop_flag_ratio: a reading smaller than the one before by this share, or more, closes nothing.

    Raises:
        ValueError: if a day is given twice.
    """
    ordered = sorted(days, key=lambda reading: reading[0])
    if len({day for day, _ in ordered}) != len(ordered):
        raise ValueError("a board has one complete reading a day; a day was given twice")
    folding = Fold(closed_after, drop_flag_ratio)
    for day, ids in ordered:
        folding.read(day, ids)
    return dict(folding.histories())
