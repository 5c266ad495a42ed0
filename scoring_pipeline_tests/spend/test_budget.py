"""The budget account: limits that hold whatever happens at once, and money that is booked once."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from day_kit import account_of, opened

from scoring_pipeline.settings import Budget
from scoring_pipeline.spend.budget import Balance, BudgetAccount, BudgetRefusedError, Limits
from scoring_pipeline.storage.port import DocumentStore, Move, StoreError

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CENT = 10_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DocumentStore]:
    with opened(tmp_path) as made:
        yield made


def _account(store: DocumentStore, daily: int | None = 100 * CENT, monthly: int | None = 1000 * CENT) -> BudgetAccount:
    return BudgetAccount(store, "live", Limits(daily, monthly))


def test_limits_are_read_from_dollars_exactly() -> None:
    assert Limits.of(Budget(daily_usd=Decimal("0.10"), monthly_usd=Decimal(3))) == Limits(100_000_000, 3_000_000_000)
    assert Limits.of(Budget()) == Limits(None, None)


def test_a_reservation_up_to_the_limit_is_made_and_one_beyond_it_refused(store: DocumentStore) -> None:
    account = _account(store)
    account.reserve("a", 60 * CENT, now=NOW)
    account.reserve("b", 40 * CENT, now=NOW)
    said = r"the daily budget of \$1\.00 has \$0 left on 2026-11-21, and \$0\.000000 would have to be reserved"
    with pytest.raises(BudgetRefusedError, match=said):
        account.reserve("c", 1, now=NOW)
    assert account.balance(now=NOW) == Balance(day=100 * CENT, month=100 * CENT)


def test_the_monthly_limit_holds_over_days_and_ends_with_the_month(store: DocumentStore) -> None:
    account = _account(store, daily=None, monthly=100 * CENT)
    account.reserve("a", 60 * CENT, now=NOW - timedelta(days=20))
    with pytest.raises(BudgetRefusedError, match=r"budget\.monthly_usd"):
        account.reserve("b", 41 * CENT, now=NOW)
    account.reserve("c", 100 * CENT, now=NOW + timedelta(days=10))


def test_a_new_day_has_its_own_limit(store: DocumentStore) -> None:
    account = _account(store)
    account.reserve("a", 100 * CENT, now=NOW)
    account.reserve("b", 100 * CENT, now=NOW + timedelta(days=1))
    assert account.balance(now=NOW + timedelta(days=1)) == Balance(day=100 * CENT, month=200 * CENT)


def test_reserving_twice_is_reserving_once(store: DocumentStore) -> None:
    account = _account(store)
    for _ in range(3):
        account.reserve("a", 60 * CENT, now=NOW)
    assert account.balance(now=NOW).day == 60 * CENT


def test_settling_gives_back_what_was_not_used_and_counts_on_the_day_of_the_reservation(store: DocumentStore) -> None:
    account = _account(store)
    account.reserve("a", 100 * CENT, now=NOW)
    for _ in range(3):
        account.settle("a", 30 * CENT)
    account.settle("nobody", 5 * CENT)
    assert account.balance(now=NOW + timedelta(days=1)) == Balance(day=0, month=30 * CENT)
    assert account_of(store, "live")["settled"] == {"2026-11-21": 30 * CENT}
    account.reserve("b", 70 * CENT, now=NOW)


def test_settling_beyond_the_reservation_is_booked_and_refuses_what_comes_next(store: DocumentStore) -> None:
    account = _account(store)
    account.reserve("a", 10 * CENT, now=NOW)
    account.settle("a", 120 * CENT)
    with pytest.raises(BudgetRefusedError, match=r"has \$0 left"):
        account.reserve("b", 1, now=NOW)


def test_without_limits_anything_is_reserved(store: DocumentStore) -> None:
    account = _account(store, daily=None, monthly=None)
    account.reserve("a", 10**15, now=NOW)
    assert account.balance(now=NOW).day == 10**15


def test_accounts_do_not_share_their_money(store: DocumentStore) -> None:
    _account(store).reserve("a", 100 * CENT, now=NOW)
    BudgetAccount(store, "sandbox", Limits(None, None)).reserve("a", CENT, now=NOW)
    assert _account(store).balance(now=NOW).day == 100 * CENT
    assert account_of(store)["reserved"]["a"]["amount"] == CENT


def test_days_are_forgotten_only_long_after_their_month(store: DocumentStore) -> None:
    account = _account(store, daily=None, monthly=None)
    for number in range(100):
        account.reserve(f"{number}", CENT, now=NOW + timedelta(days=number))
        account.settle(f"{number}", CENT)
    assert 62 <= len(account_of(store, "live")["settled"]) <= 63
    assert account.balance(now=datetime(2027, 1, 31, tzinfo=UTC)).month == 31 * CENT


class _AlwaysLate:
    """A store on which somebody else is always faster."""

    def __init__(self, store: DocumentStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def compare_and_set(self, collection: str, move: Move) -> bool:
        assert (collection, move.id) == ("budget_accounts", "live")
        return False


def test_an_account_that_is_never_won_is_an_error_and_no_reservation(store: DocumentStore) -> None:
    late: Any = _AlwaysLate(store)
    with pytest.raises(StoreError, match="budget account 'live': lost"):
        _account(late).reserve("a", CENT, now=NOW)
    assert account_of(store, "live")["reserved"] == {}


@pytest.mark.slow
def test_processes_that_race_for_the_last_dollar_never_exceed_the_limit(store: DocumentStore, tmp_path: Path) -> None:
    script = Path(__file__).with_name("racer.py")
    racers = [
        subprocess.Popen(
            [sys.executable, str(script), store.url, f"racer-{number}", str(50 * CENT), str(CENT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    got = [int(racer.communicate(timeout=120)[0]) for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * 4
    assert sum(got) == 50
    reserved = account_of(store, "live")["reserved"]
    assert len(reserved) == 50
    assert sum(entry["amount"] for entry in reserved.values()) == 50 * CENT
