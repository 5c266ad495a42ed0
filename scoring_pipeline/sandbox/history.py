"""A week of the sample's boards: what was on them on each day before today.

What belongs here: the named changes, on which day each happens, and the listings as they were then. What does not:
which listings take part (`sample/specials.yaml`, key `history`) and their wire formats (`wire/`).

The days follow a script of six steps; a longer history begins with quiet days, a history of five ends at step 4.

====  ==================================================================================================
step  what is on the boards
====  ==================================================================================================
0     the beginning: listings that will be edited read as before, those that will be new are absent
1     `edited`: their text changes; `reopened`: they vanish; `gap`: they vanish for this day only
2     `new`: they appear with a new id; `gap`: back
3     `reopened`: back with the same id after two days of absence; `closed`: they vanish and never return
4     noise and nothing else: `updated_at` and Workable's dates are bumped, order and key order change
5     quiet, and equal to today but for the order of keys; `closed` have been absent for three days
====  ==================================================================================================
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from scoring_pipeline.sandbox.boards import render_board, write_boards
from scoring_pipeline.sandbox.catalogue import Catalogue, Change, Employer, load_catalogue
from scoring_pipeline.sandbox.postings import Posting, before_edit, postings_of
from scoring_pipeline.sandbox.wire.recruitee import reordered
from scoring_pipeline.settings import ProviderName
from scoring_pipeline.values import digest

LEAST_DAYS = 5
_LAST_STEP = 5
_EDITED, _NEW, _BACK, _NOISE = 1, 2, 3, 4

_TELLS: dict[Change, tuple[tuple[int, str], ...]] = {
    "edited": ((_EDITED, "text edited (one requirement changed)"),),
    "gap": ((_EDITED, "missing for one day, which is not a closure"), (_NEW, "back after one day")),
    "new": ((_NEW, "new"),),
    "reopened": ((_EDITED, "absent, first of two days"), (_BACK, "reopened with the same id")),
    "closed": ((_BACK, "absent, first day"), (_NOISE, "absent, second day: closed, and stays closed")),
}


def make_history(folder: Path, days: Sequence[str]) -> list[str]:
    """Write `<folder>/<day>/<provider>/<board>.json` for each day; today's boards are `build_boards()`.

    Args:
        folder: made where it is missing.
        days: ISO dates in ascending order, at least five; the last is the day before today.

    Returns:
        One line for each change, `day provider/board "title": what happened`, in order of days.

    Raises:
        ValueError: if `days` are too few, not ISO dates or not ascending.
    """
    steps = dict(zip(_checked(days), _steps(len(days)), strict=True))
    catalogue = load_catalogue()
    for day, step in steps.items():
        write_boards(folder / day, _boards(catalogue, day, step))
    return [line for day, step in steps.items() for line in _lines(catalogue, day, step, first=day == days[0])]


def _checked(days: Sequence[str]) -> Sequence[str]:
    if len(days) < LEAST_DAYS:
        raise ValueError(f"a history needs at least {LEAST_DAYS} days, not {len(days)}")
    for day in days:
        try:
            known = date.fromisoformat(day).isoformat() == day
        except ValueError:
            known = False
        if not known:
            raise ValueError(f"{day!r} is not a day of the form YYYY-MM-DD")
    if any(later <= earlier for earlier, later in pairwise(days)):
        raise ValueError(f"days must ascend without repetition: {', '.join(days)}")
    return days


def _steps(count: int) -> list[int]:
    quiet = max(0, count - _LAST_STEP - 1)
    return [0] * quiet + [*range(_LAST_STEP + 1)][: count - quiet]


def _boards(catalogue: Catalogue, day: str, step: int) -> Iterator[tuple[ProviderName, str, Any]]:
    for employer in catalogue.employers:
        postings = [
            _as_of(catalogue, posting, day, step)
            for posting in postings_of(catalogue, employer, closed=True)
            if not _absent(posting.history, step)
        ]
        body = render_board(employer, _ordered(postings, employer, step))
        yield employer.provider, employer.board, reordered(body, day) if employer.provider == "recruitee" else body


def _absent(change: Change | None, step: int) -> bool:
    return (
        (change == "closed" and step >= _BACK)
        or (change == "reopened" and _EDITED <= step < _BACK)
        or (change == "new" and step < _NEW)
        or (change == "gap" and step == _EDITED)
    )


def _as_of(catalogue: Catalogue, posting: Posting, day: str, step: int) -> Posting:
    if step >= _NOISE:
        return posting
    updated = min(posting.published + timedelta(minutes=20), posting.updated)
    published = posting.created  # publishing again moves Workable's date and nothing else
    if posting.history == "edited":
        if step < _EDITED:
            return replace(before_edit(posting, catalogue), updated=updated, published=published)
        updated = datetime.fromisoformat(day).replace(hour=9, tzinfo=UTC)
    return replace(posting, updated=updated, published=published)


def _ordered(postings: list[Posting], employer: Employer, step: int) -> list[Posting]:
    if step >= _NOISE:
        return postings
    return sorted(postings, key=lambda posting: digest(f"{employer.board}/order/{posting.key}".encode()))


def _lines(catalogue: Catalogue, day: str, step: int, *, first: bool) -> Iterator[str]:
    if first:
        yield f"{day}: the boards as they were at the beginning"
    elif step in {0, _LAST_STEP}:
        yield f"{day}: nothing happened"
    elif step == _NOISE:
        yield f"{day}: noise only (dates bumped, order of listings and of keys changed)"
    for employer in catalogue.employers:
        for posting in postings_of(catalogue, employer, closed=True):
            tells = _TELLS[posting.history] if posting.history else ()
            for when, what in tells:
                if when == step:
                    yield f'{day} {employer.provider}/{employer.board} "{posting.title}": {what}'
