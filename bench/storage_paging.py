"""What a page costs at the start, in the middle and at the end of a large collection.

    python bench/storage_paging.py [1000000]

Fills the embedded store with scored listings, then times pages of 100 by `_id`, and of one profile's open listings by
score, at three depths; beside each the same page asked of the file by sqlite3 and json alone, without the adapter.
Prints medians as a table and as JSON. A page at the end should cost what one at the start does.
"""

import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scoring_pipeline.storage.opening import open_store
from scoring_pipeline.storage.port import DocumentStore

PAGE = 100
REPEATS = 200
CHUNK = 5000
BY_ID = f"SELECT doc FROM scored_listings WHERE _id > ? ORDER BY _id LIMIT {PAGE}"
BY_SCORE = (
    "SELECT doc FROM scored_listings WHERE profile_id = ? AND status = ? AND (overall_score, _id) < (?, ?) "
    f"ORDER BY overall_score DESC, _id DESC LIMIT {PAGE + 1}"
)
PROFILES = ("backend-berlin", "nurse-manchester", "supply-chain-chicago")


def document(number: int) -> dict[str, Any]:
    """Return a scored listing as it is served, without arrays."""
    profile = PROFILES[number % len(PROFILES)]
    return {
        "_id": f"greenhouse/board{number // 10_000:04d}/{number:09d}/{profile}",
        "listing_id": f"greenhouse/board{number // 10_000:04d}/{number:09d}",
        "profile_id": profile,
        "status": "open" if number % 10 else "closed",
        "overall_score": number * 7919 % 101,
        "title": f"Engineer {number}",
        "company": f"Company {number % 997}",
        "posted_at": f"2026-11-{number % 28 + 1:02d}T00:00:00Z",
        "skills": [],
        "places": [],
    }


def fill(store: DocumentStore, count: int) -> float:
    """Insert the documents; return documents a second."""
    started = time.perf_counter()
    for first in range(0, count, CHUNK):
        store.upsert("scored_listings", [document(number) for number in range(first, min(first + CHUNK, count))])
    return count / (time.perf_counter() - started)


def median_us(ask: Callable[[], Any]) -> float:
    """Return the median of repeated calls in microseconds."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        ask()
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1e6


def decoded(connection: sqlite3.Connection, statement: str, values: tuple[Any, ...]) -> list[Any]:
    """Return the documents of a plain SQL page."""
    return [json.loads(doc) for (doc,) in connection.execute(statement, values).fetchall()]


def main() -> None:
    """Fill, measure, print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        store = open_store(f"sqlite:///{path}")
        store.migrate()
        rate = fill(store, count)
        print(f"{count:,} documents inserted, {rate:,.0f} a second")
        raw = sqlite3.connect(path)
        rows = []
        for depth, number in (("start", 0), ("middle", count // 2), ("end", count - 20 * PAGE)):
            after = document(number)["_id"]
            ours = median_us(lambda a=after: store.page("scored_listings", after=a, limit=PAGE))
            floor = median_us(lambda a=after: decoded(raw, BY_ID, (a,)))
            rows.append({"page": "by _id", "depth": depth, "us": round(ours), "floor_us": round(floor)})
        where = {"profile_id": PROFILES[0], "status": "open"}
        for depth, score in (("start", 100), ("middle", 50), ("end", 1)):
            cursor = (score, "~")
            ours = median_us(
                lambda c=cursor: store.search(
                    "scored_listings", where, sort="overall_score", order="desc", limit=PAGE, after=c
                )
            )
            floor = median_us(lambda c=cursor: decoded(raw, BY_SCORE, (*where.values(), *c)))
            rows.append({"page": "by score", "depth": depth, "us": round(ours), "floor_us": round(floor)})
    print(f"{'page of ' + str(PAGE):<18} {'depth':<8} {'store us':>9} {'sqlite3 us':>11} {'ratio':>6} {'to start':>9}")
    for row in rows:
        start = next(other["us"] for other in rows if other["page"] == row["page"] and other["depth"] == "start")
        print(
            f"{row['page']:<18} {row['depth']:<8} {row['us']:>9} {row['floor_us']:>11} "
            f"{row['us'] / row['floor_us']:>6.2f} {row['us'] / start:>9.2f}"
        )
    print(json.dumps({"documents": count, "inserts_per_second": round(rate), "pages": rows}))


if __name__ == "__main__":
    main()
