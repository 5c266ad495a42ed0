"""How a board has been doing: a pure judgement over its last days, and finding those days in the store.

What belongs here: when a board counts as gone or failing, and when its last reading was a drop. What does not: closing
listings (`listings/history.py`), reading boards, showing anything.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypeAlias

from scoring_pipeline.ats.raw import SNAPSHOTS, Snapshot
from scoring_pipeline.settings import Ats, Board, ProviderName
from scoring_pipeline.storage.port import Document, DocumentStore

State: TypeAlias = Literal["ok", "failing", "gone", "unread"]
_GONE = "BoardGone"
# A reading and the one before it.
_COMPARED = 2
_CUT_SHORT = "a second reading of the day was cut short while it replaced the first"


@dataclass(frozen=True)
class BoardDay:
    """One board on one ingestion day.

    `rows` is 0 unless `complete`; `listings` is what they came to, None until they were normalized. `error` is a
    failure of the day, also one after a complete reading, which it does not undo; `not_found` is whether it was a 404
    and nothing else was read.
    """

    day: str
    status: str
    complete: bool
    rows: int = 0
    listings: int | None = None
    error: str | None = None
    not_found: bool = False


@dataclass(frozen=True)
class Drop:
    """A reading that shrank so much that it closes nothing until the next confirms it: sizes before and after."""

    before: int
    after: int


@dataclass(frozen=True)
class BoardHealth:
    """How a board is doing.

    `rows` are those of `last_success_day`; `days_since_success` counts calendar days; `not_found_days` counts the
    ingestion days in a row, up to the last one, that answered 404, and stops at `ats.gone_after_days`. Days are
    `YYYY-MM-DD`; what never happened is None.
    """

    provider: ProviderName
    board: str
    company: str | None
    state: State
    last_success_day: str | None = None
    rows: int | None = None
    days_since_success: int | None = None
    last_day: str | None = None
    last_status: str | None = None
    last_error: str | None = None
    not_found_days: int = 0
    drop: Drop | None = None


def judge(
    provider: ProviderName, board: Board, recent: Sequence[BoardDay], complete: Sequence[BoardDay], ats: Ats, today: str
) -> BoardHealth:
    """Return a board's health.

    A board is `gone` when each of its last `ats.gone_after_days` ingestion days answered 404: days on which it was not
    asked do not count, and a day that failed otherwise is no evidence and breaks the row. It is `failing` when its last
    ingestion day brought no complete reading, `unread` when there was none.

    Args:
        provider: whose board it is.
        board: the board as configured.
        recent: its ingestion days, the latest first; `ats.gone_after_days` of them where there are so many.
        complete: its complete days, the latest first; the two latest matter.
        ats: `gone_after_days` and `drop_flag_ratio`.
        today: the day up to which days since are counted.
    """
    if not recent:
        return BoardHealth(provider, board.name, board.company, "unread")
    last, streak = recent[0], not_found_streak(recent[: ats.gone_after_days])
    state: State = "ok" if last.complete else "gone" if streak >= ats.gone_after_days else "failing"
    success = complete[0] if complete else None
    return BoardHealth(
        provider=provider,
        board=board.name,
        company=board.company,
        state=state,
        last_success_day=success.day if success else None,
        rows=success.rows if success else None,
        days_since_success=_days(success.day, today) if success else None,
        last_day=last.day,
        last_status=last.status,
        last_error=last.error,
        not_found_days=streak,
        drop=_drop(complete, ats.drop_flag_ratio),
    )


def not_found_streak(recent: Iterable[BoardDay]) -> int:
    """Return how many of a board's days, the latest first, answered 404 before one did not."""
    count = 0
    for day in recent:
        if not day.not_found:
            break
        count += 1
    return count


def board_health(store: DocumentStore, ats: Ats, provider: ProviderName, board: Board, *, today: str) -> BoardHealth:
    """Return the health of one board by what is stored up to `today`: one or two indexed look-ups of a few documents.

    Raises:
        StoreError: if the store refuses.
    """
    window = max(ats.gone_after_days, _COMPARED)
    recent = _latest(store, provider, board.name, today, window)
    complete = [day for day in recent if day.complete][:_COMPARED]
    if len(complete) < _COMPARED and len(recent) == window:
        complete = _latest(store, provider, board.name, today, _COMPARED, complete=True)
    return judge(provider, board, recent, complete, ats, today)


def gone_boards(store: DocumentStore, ats: Ats, snapshots: Iterable[Snapshot]) -> list[str]:
    """Return the boards among a day's snapshots that were gone on that day, by name.

    Only those that answered 404 on the day are looked up, each by one indexed query.

    Raises:
        StoreError: if the store refuses.
    """
    return [
        snapshot.board
        for snapshot in snapshots
        if snapshot.gone
        and not_found_streak(_latest(store, snapshot.provider, snapshot.board, snapshot.day, ats.gone_after_days))
        >= ats.gone_after_days
    ]


def _latest(
    store: DocumentStore, provider: ProviderName, board: str, until: str, most: int, *, complete: bool | None = None
) -> list[BoardDay]:
    where: dict[str, Any] = {"provider": provider, "board": board, "day": {"$lte": until}}
    if complete is not None:
        where["complete"] = complete
    found = store.search(SNAPSHOTS, where, sort="day", order="desc", limit=most).documents
    return [_board_day(document) for document in found]


def _board_day(document: Document) -> BoardDay:
    error = document.get("error") or document.get("later_error")
    complete = bool(document["complete"])
    return BoardDay(
        day=document["day"],
        status=document["status"],
        complete=complete,
        rows=document["rows"] if complete else 0,
        listings=document.get("listings"),
        error=_CUT_SHORT if document["status"] == "replacing" else error,
        not_found=document.get("error_class") == _GONE,
    )


def _drop(complete: Sequence[BoardDay], ratio: float) -> Drop | None:
    """Return the drop that the latest reading was, as the histories of listings see it."""
    if len(complete) < _COMPARED:
        return None
    after, before = complete[0], complete[1]
    if after.listings is not None and before.listings is not None:
        sizes = Drop(before.listings, after.listings)
    else:
        sizes = Drop(before.rows, after.rows)
    shrank = sizes.after < sizes.before and sizes.after <= (1 - ratio) * sizes.before
    return sizes if shrank else None


def _days(first: str, last: str) -> int:
    return (date.fromisoformat(last) - date.fromisoformat(first)).days
