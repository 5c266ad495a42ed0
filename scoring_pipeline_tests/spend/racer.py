"""One of several processes that reserve from one account until it refuses.

Usage: racer.py STORE_URL NAME LIMIT AMOUNT. Says "ready", waits for a line, then says how many reservations it got.
"""

import sys
from datetime import UTC, datetime

from scoring_pipeline.spend.budget import BudgetAccount, BudgetRefusedError, Limits
from scoring_pipeline.storage.opening import open_store


def main() -> None:
    """Race."""
    url, name, limit, amount = sys.argv[1:]
    account = BudgetAccount(open_store(url), "live", Limits(daily=int(limit), monthly=None))
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    got = 0
    try:
        while True:
            account.reserve(f"{name}/{got}", int(amount), now=now)
            got += 1
    except BudgetRefusedError:
        sys.stdout.write(f"{got}\n")


main()
