"""The week before today: each named change is on the boards of its days, and nothing else is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from scoring_pipeline.sandbox.boards import build_boards, rows_of
from scoring_pipeline.sandbox.history import make_history
from scoring_pipeline.settings import PROVIDERS, ProviderName

DAYS = ["2026-11-14", "2026-11-15", "2026-11-16", "2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20"]
VOLATILE = {"updated_at", "position", "published_on", "published"}
Key = tuple[str, str, str]


class Week:
    """A written history, read back as `{(provider, board, id): row without volatile fields}` for each day."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines = make_history(folder, DAYS)
        self.days = [self._day(folder / day) for day in DAYS]
        bodies = {
            (provider, board): body for provider, boards in build_boards().items() for board, body in boards.items()
        }
        self.today = dict(pair for (provider, board), body in bodies.items() for pair in _stable(provider, board, body))

    def _day(self, folder: Path) -> dict[Key, Any]:
        return dict(
            pair
            for provider in PROVIDERS
            for path in (folder / provider).glob("*.json")
            for pair in _stable(provider, path.stem, orjson.loads(path.read_bytes()))
        )

    def presence(self, key: Key) -> str:
        return "".join("x" if key in day else "." for day in [*self.days, self.today])

    def vanishing(self) -> dict[Key, str]:
        keys = {key for day in [*self.days, self.today] for key in day}
        return {key: pattern for key in keys if "." in (pattern := self.presence(key))}


def _stable(provider: ProviderName, board: str, body: Any) -> Iterator[tuple[Key, list[dict[str, Any]]]]:
    found: dict[Key, list[dict[str, Any]]] = {}
    for row in rows_of(provider, body):
        key = (provider, board, str(row.get("id", row.get("shortcode"))))
        found.setdefault(key, []).append({name: value for name, value in row.items() if name not in VOLATILE})
    yield from found.items()


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Week:
    return Week(tmp_path_factory.mktemp("history"))


def test_every_day_has_every_board(week: Week) -> None:
    for day in DAYS:
        assert len(list((week.folder / day).rglob("*.json"))) == 15


def test_listings_come_and_go_only_as_the_script_says(week: Week) -> None:
    assert sorted(week.vanishing().values()) == sorted(
        [
            *["xxxx...."] * 2,  # closed: two on different providers
            *["xx..xxxx"] * 2,  # reopened after two days, with the id it had
            *["...xxxxx"] * 2,  # new
            "xx.xxxxx",  # gap of one day
        ]
    )


def test_a_closed_listing_is_absent_for_at_least_two_days_and_never_returns(week: Week) -> None:
    closed = [key for key, pattern in week.vanishing().items() if pattern == "xxxx...."]
    assert {key[0] for key in closed} == {"lever", "workable"}
    assert not any(key in week.today for key in closed)


def test_a_reopened_listing_reads_as_before(week: Week) -> None:
    for key, pattern in week.vanishing().items():
        if pattern == "xx..xxxx":
            assert week.days[0][key] == week.days[4][key] == week.today[key]


def test_two_texts_are_edited_on_one_day_and_nothing_else_ever_changes(week: Week) -> None:
    changed = {
        (DAYS[i + 1], *key)
        for i, (before, after) in enumerate(zip(week.days, week.days[1:], strict=False))
        for key in before.keys() & after.keys()
        if before[key] != after[key]
    }
    assert {(day, provider, board) for day, provider, board, _ in changed} == {
        ("2026-11-16", "greenhouse", "haldenpay"),
        ("2026-11-16", "recruitee", "waterlandzorg"),
    }
    assert len(changed) == 2


def test_the_edit_replaces_one_requirement(week: Week) -> None:
    text = orjson.dumps([*week.days[1].values()]), orjson.dumps([*week.days[2].values()])
    assert b"Airflow 1.10" in text[0]
    assert b"Airflow 1.10" not in text[1]
    assert b"Dagster in production" in text[1]


def test_the_noise_day_changes_bytes_order_and_dates_but_no_listing(week: Week) -> None:
    before, after = week.days[4], week.days[5]
    assert before == after
    for provider in ("greenhouse", "recruitee", "workable"):
        for path in (week.folder / DAYS[5] / provider).glob("*.json"):
            earlier = orjson.loads((week.folder / DAYS[4] / provider / path.name).read_bytes())
            later = orjson.loads(path.read_bytes())
            ids = [
                [row.get("id", row.get("shortcode")) for row in rows_of(provider, body)] for body in (earlier, later)
            ]
            assert ids[0] != ids[1]
            assert sorted(map(str, ids[0])) == sorted(map(str, ids[1]))
    name = "greenhouse/haldenpay.json"
    bumped = [orjson.loads((week.folder / day / name).read_bytes())["jobs"] for day in (DAYS[4], DAYS[5])]
    stamps = [{job["id"]: job["updated_at"] for job in jobs} for jobs in bumped]
    assert sum(stamps[0][job] < stamps[1][job] for job in stamps[0]) > len(stamps[0]) / 2


def test_recruitee_orders_its_keys_differently_every_day(week: Week) -> None:
    orders = {
        tuple(orjson.loads((week.folder / day / "recruitee" / "rheinwerkbau.json").read_bytes())["offers"][0])
        for day in DAYS
    }
    assert len(orders) == len(DAYS)


def test_the_last_day_is_today_but_for_the_order_of_keys(week: Week) -> None:
    assert week.days[-1] == week.today
    for provider, boards in build_boards().items():
        for board, body in boards.items():
            assert orjson.loads((week.folder / DAYS[-1] / provider / f"{board}.json").read_bytes()) == body


def test_each_change_is_told_with_its_day_board_and_title(week: Week) -> None:
    assert sum("text edited" in line for line in week.lines) == 2
    assert any(
        line.startswith("2026-11-18 lever/kestrelcloud") and "Senior Technical Writer" in line and "absent" in line
        for line in week.lines
    )
    assert [line for line in week.lines if "noise only" in line] == [
        "2026-11-19: noise only (dates bumped, order of listings and of keys changed)"
    ]
    assert [line[:10] for line in week.lines] == sorted(line[:10] for line in week.lines)


def test_two_runs_write_the_same_bytes(week: Week, tmp_path: Path) -> None:
    make_history(tmp_path, DAYS)
    for path in tmp_path.rglob("*.json"):
        assert path.read_bytes() == (week.folder / path.relative_to(tmp_path)).read_bytes()


@pytest.mark.parametrize(
    ("days", "message"),
    [
        pytest.param(DAYS[:4], "at least 5 days", id="too few for the script"),
        pytest.param(DAYS[::-1], "must ascend", id="newest first"),
        pytest.param([*DAYS[:5], DAYS[4]], "must ascend", id="a day twice"),
        pytest.param([*DAYS[:5], "20261121"], "YYYY-MM-DD", id="ISO, but not the form of partitions"),
        pytest.param([*DAYS[:5], "tomorrow"], "YYYY-MM-DD", id="not a date"),
    ],
)
def test_days_that_cannot_be_played_are_refused(tmp_path: Path, days: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_history(tmp_path, days)
    assert list(tmp_path.iterdir()) == []


def test_five_days_are_enough_for_every_change(tmp_path: Path) -> None:
    lines = make_history(tmp_path, DAYS[:5])
    assert sum("reopened" in line for line in lines) == 2
    assert any("noise only" in line for line in lines)
