"""The budget account: one document in which limits, reservations and settlements change together.

What belongs here: reserve, settle and the two limits. What does not: what a batch may cost (`estimate.py`) and what it
did cost (`ledger.py`). Limits follow the UTC day of the reservation, not the partition. Amounts are nano-USD.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from scoring_pipeline.llm.prices import NANO, usd_text
from scoring_pipeline.settings import Budget
from scoring_pipeline.storage.port import Document, DocumentStore, Move, StoreError

_RACES = 100
_KEPT_DAYS = 62


class BudgetRefusedError(Exception):
    """A reservation that a limit does not allow; nothing was reserved. The message names the limit and what is left."""


@dataclass(frozen=True)
class Limits:
    """Daily and monthly limits in nano-USD; None where there is none, which only the sandbox may have."""

    daily: int | None
    monthly: int | None

    @classmethod
    def of(cls, budget: Budget) -> "Limits":
        """Return the configured limits."""
        return cls(_nano(budget.daily_usd), _nano(budget.monthly_usd))


@dataclass(frozen=True)
class Balance:
    """One day's and its month's settled and reserved amounts, in nano-USD."""

    day: int
    month: int


class BudgetAccount:
    """The account of one kind of endpoint (`live` or `sandbox`), shared by every process on the store."""

    def __init__(self, store: DocumentStore, name: str, limits: Limits) -> None:
        self._store = store
        self._name = name
        self.limits = limits

    def reserve(self, operation: str, amount: int, *, now: datetime) -> None:
        """Reserve `amount` for one operation (a batch); repeating it changes nothing.

        Raises:
            BudgetRefusedError: if settled plus reserved would exceed the day's or the month's limit.
        """
        day = now.date().isoformat()

        def change(account: Document) -> dict[str, Any] | None:
            if operation in account["reserved"]:
                return None
            balance = _balance(account, day)
            for name, limit, used in (
                ("daily", self.limits.daily, balance.day),
                ("monthly", self.limits.monthly, balance.month),
            ):
                if limit is not None and used + amount > limit:
                    raise BudgetRefusedError(
                        f"the {name} budget of {usd_text(limit)} has {usd_text(max(0, limit - used))} left on {day}, "
                        f"and {usd_text(amount)} would have to be reserved: raise budget.{name}_usd or wait"
                    )
            return {"reserved": {**account["reserved"], operation: {"amount": amount, "day": day}}}

        self._change(change)

    def settle(self, operation: str, amount: int) -> None:
        """Replace the operation's reservation by what it cost; repeating it changes nothing."""

        def change(account: Document) -> dict[str, Any] | None:
            reservation = account["reserved"].get(operation)
            if reservation is None:
                return None
            reserved = {name: value for name, value in account["reserved"].items() if name != operation}
            settled = dict(sorted(account["settled"].items())[-_KEPT_DAYS:])
            settled[reservation["day"]] = settled.get(reservation["day"], 0) + amount
            return {"reserved": reserved, "settled": settled}

        self._change(change)

    def balance(self, *, now: datetime) -> Balance:
        """Return what is settled and reserved for today and this month."""
        return _balance(self._account(), now.date().isoformat())

    def _account(self) -> Document:
        fresh: Document = {"_id": self._name, "revision": 0, "reserved": {}, "settled": {}}
        return self._store.get("budget_accounts", self._name) or fresh

    def _change(self, change: Callable[[Document], dict[str, Any] | None]) -> None:
        for _ in range(_RACES):
            account = self._account()
            assign = change(account)
            if assign is None:
                return
            self._store.insert_absent("budget_accounts", [account])
            assign["revision"] = account["revision"] + 1
            if self._store.compare_and_set(
                "budget_accounts", Move(self._name, {"revision": account["revision"]}, assign)
            ):
                return
        raise StoreError(f"budget account {self._name!r}: lost {_RACES} races in a row; try again")


def _balance(account: Document, day: str) -> Balance:
    def total(prefix: str) -> int:
        reserved: int = sum(item["amount"] for item in account["reserved"].values() if item["day"].startswith(prefix))
        settled: int = sum(amount for key, amount in account["settled"].items() if key.startswith(prefix))
        return reserved + settled

    return Balance(day=total(day), month=total(day[:7]))


def _nano(amount: Decimal | None) -> int | None:
    return None if amount is None else int(amount * NANO)
