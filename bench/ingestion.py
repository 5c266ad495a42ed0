"""How many listings a second one core takes in, by stage and end to end, beside what the bare libraries need.

    python bench/ingestion.py [100000]

The postings are the recorded Ashby boards, expected beside the checkout in `shared/recordings/ashby`; without them the
sandbox's sample boards, and the output says so. They are repeated under distinct ids, titles and texts, ten copies to a
board. Each measurement runs in a process of its own on a fresh SQLite store, so that its peak memory is its own:

- `floor`: JSON decode, HTML parse, hash and store of the same bytes by orjson, selectolax, blake2b and sqlite3 alone;
- `stages`: read, keep, parse, normalize, hash and store, timed apart, one board at a time;
- `days`: import_folder, then stored_rows into normalize_day: end to end; then the same day again, unchanged.

Printed: tables of seconds, CPU seconds, microseconds of CPU a listing and listings a second, then everything as JSON.
"""

import copy
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import Any

import orjson
from selectolax.lexbor import LexborHTMLParser

from scoring_pipeline.ats.importing import import_folder
from scoring_pipeline.ats.model import Fetched
from scoring_pipeline.ats.providers import BY_NAME
from scoring_pipeline.ats.raw import RawRow, record_board, stored_rows
from scoring_pipeline.ats.shapes import decode
from scoring_pipeline.listings import language
from scoring_pipeline.listings.adapters import PARSERS
from scoring_pipeline.listings.day import normalize_day
from scoring_pipeline.listings.draft import BoardContext, Draft
from scoring_pipeline.listings.normalize import Normalized, identified, to_listing
from scoring_pipeline.listings.skills import find_skills
from scoring_pipeline.listings.store import record_day
from scoring_pipeline.sandbox.boards import iter_boards, write_boards
from scoring_pipeline.settings import Board, ProviderName, Settings
from scoring_pipeline.storage.opening import open_store
from scoring_pipeline.storage.port import DocumentStore

RECORDED = Path(__file__).resolve().parents[1].parent / "shared" / "recordings" / "ashby"
DEFAULT_SIZE = 100_000
COPIES_A_BOARD = 10
CHUNK = 500
DAY = "2026-11-20"
MEASUREMENTS = ("floor", "stages", "days")
Figures = dict[str, Any]


class Stopwatch:
    """Adds up wall and CPU seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Count a block to a stage."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        total = self.seconds.setdefault(stage, [0.0, 0.0])
        total[0] += time.perf_counter() - wall
        total[1] += time.process_time() - cpu


def write_recorded(folder: Path, listings: int) -> None:
    """Write the recorded boards' bodies, repeated to about `listings` postings that differ in id, title and text."""
    bodies = {path.stem: orjson.loads(path.read_bytes()) for path in sorted(RECORDED.glob("*.json"))}
    copies = -(-listings // sum(len(body["jobs"]) for body in bodies.values()))
    target = folder / "ashby"
    target.mkdir(parents=True)
    for board, body in bodies.items():
        for first in range(0, copies, COPIES_A_BOARD):
            numbers = range(first, min(first + COPIES_A_BOARD, copies))
            jobs = [varied(job, number) for number in numbers for job in body["jobs"]]
            (target / f"{board}-{first}.json").write_bytes(orjson.dumps({**body, "jobs": jobs}))


def varied(job: dict[str, Any], number: int) -> dict[str, Any]:
    """Return a copy of a posting that is another posting."""
    changed = copy.deepcopy(job)
    changed["id"] = f"{job['id']}-{number}"
    changed["title"] = f"{job['title']} {number}"
    changed["descriptionHtml"] = f"<p>Opening {number}.</p>{job.get('descriptionHtml') or ''}"
    return changed


def boards(folder: Path) -> Iterator[tuple[ProviderName, str, bytes]]:
    """Yield (provider, board, response body) of every file."""
    for provider in BY_NAME:
        for path in sorted((folder / provider).glob("*.json")):
            yield provider, path.stem, path.read_bytes()


def longest_text(payload: dict[str, Any]) -> str:
    """Return a posting's markup: the longest of its texts with tags (Ashby sends the plain text as well)."""
    return max((text for text in payload.values() if isinstance(text, str) and "<" in text), key=len, default="")


def floor(folder: Path, home: Path) -> Figures:
    """Measure what the libraries alone need for the same bytes: two rows a listing, as large as the pipeline's."""
    watch, count = Stopwatch(), 0
    connection = sqlite3.connect(home / "floor.db", isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -16000"):
        connection.execute(f"PRAGMA {pragma}")
    for table in ("raw", "listing"):
        connection.execute(f"CREATE TABLE {table} (_id TEXT PRIMARY KEY NOT NULL, doc TEXT NOT NULL)")
    for provider, _, body in boards(folder):
        with watch.measure("JSON decode"):
            value = orjson.loads(body)
        payloads = [row.payload for row in BY_NAME[provider].parse(value).rows]
        count += len(payloads)
        texts = [longest_text(payload) for payload in payloads]
        with watch.measure("HTML parse"):
            for text in texts:
                LexborHTMLParser(text)
        with watch.measure("JSON encode, hash"):
            encoded = [orjson.dumps(payload, option=orjson.OPT_SORT_KEYS) for payload in payloads]
            ids = [blake2b(payload, digest_size=16).hexdigest() for payload in encoded]
        with watch.measure("store"):
            for start in range(0, len(ids), CHUNK):
                chunk = slice(start, start + CHUNK)
                connection.execute("BEGIN IMMEDIATE")
                raw = zip(ids[chunk], map(bytes.decode, encoded[chunk]), strict=True)
                connection.executemany("INSERT OR IGNORE INTO raw VALUES (?, ?)", raw)
                connection.executemany(
                    "INSERT OR IGNORE INTO listing VALUES (?, ?)", zip(ids[chunk], texts[chunk], strict=True)
                )
                connection.execute("COMMIT")
    connection.close()
    return {"listings": count, **summary(watch)}


def stages(folder: Path, home: Path) -> Figures:
    """Measure the pipeline's own steps apart, one board in memory at a time."""
    settings, store = fresh(home)
    watch, counted = Stopwatch(), [0]
    groups = groupby(boards(folder), key=lambda file: file[0])
    for provider, files in groups:
        outcomes = (one for _, board, body in files for one in _outcomes(store, settings, provider, board, body, watch))
        inside = 0.0, 0.0
        begun = time.perf_counter(), time.process_time()
        before = _total(watch)
        counted[0] += record_day(store, DAY, provider, outcomes).normalized
        after = _total(watch)
        inside = after[0] - before[0], after[1] - before[1]
        spent = watch.seconds.setdefault("store", [0.0, 0.0])
        spent[0] += time.perf_counter() - begun[0] - inside[0]
        spent[1] += time.process_time() - begun[1] - inside[1]
    return {"listings": counted[0], **summary(watch)}


def _total(watch: Stopwatch) -> tuple[float, float]:
    others = [seconds for stage, seconds in watch.seconds.items() if stage != "store"]
    return sum(wall for wall, _ in others), sum(cpu for _, cpu in others)


def _outcomes(
    store: DocumentStore, settings: Settings, provider: ProviderName, board: str, body: bytes, watch: Stopwatch
) -> Iterator[Normalized]:
    """Yield the outcomes of one board, each step timed for the whole board at once."""
    with watch.measure("read"):
        reading = BY_NAME[provider].parse(decode(body))
    with watch.measure("keep"):
        fetched = Fetched(reading, settings.clock.now(), url=None, source="import")
        record_board(store, DAY, provider, Board(name=board), fetched)
    with watch.measure("parse"):
        context = BoardContext(provider, board, None, reading.facts)
        read = [PARSERS[provider](row.payload, context) for row in reading.rows]
        drafts = [draft for draft in read if isinstance(draft, Draft)]
    with watch.measure("normalize"):
        listings = [to_listing(provider, board, draft) for draft in drafts]
    with watch.measure("hash"):
        found = [identified(row, listing) for row, listing in enumerate(listings)]
    yield from found


def days(folder: Path, home: Path) -> Figures:
    """Measure two days end to end: everything new, then nothing changed."""
    settings, store = fresh(home)
    found: Figures = {}
    for name, day in (("first day", DAY), ("unchanged day", str(date.fromisoformat(DAY) + timedelta(1)))):
        watch = Stopwatch()
        with watch.measure("import_folder"):
            imported = import_folder(settings, store, day, folder, now=settings.clock.now)
        providers: list[ProviderName] = sorted({board.provider for board in imported})
        with watch.measure("stored_rows, normalize_day"):
            rows: dict[ProviderName, Iterator[RawRow]] = {one: stored_rows(store, day, one) for one in providers}
            counts = normalize_day(store, settings, day, rows).counts()
        found[name] = {"listings": counts["normalized"], "counts": counts, "boards": len(imported), **summary(watch)}
    size = sum(path.stat().st_size for path in home.iterdir() if path.is_file())
    return {**found, "store_mb": round(size / 1e6)}


def fresh(home: Path) -> tuple[Settings, DocumentStore]:
    """Return settings and a new store in `home`, the tables of skills and languages loaded."""
    settings = Settings(home=home)
    store = open_store(settings.store)
    store.migrate()
    find_skills("", "")
    language.detect("A text that is long enough for its language to be detected. " * 5)
    return settings, store


def summary(watch: Stopwatch) -> Figures:
    """Return the stages' seconds (wall, CPU) and the peak memory so far."""
    return {
        "stages": {name: [round(wall, 3), round(cpu, 3)] for name, (wall, cpu) in watch.seconds.items()},
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def show(title: str, figures: Figures) -> None:
    """Print one table."""
    listings = figures["listings"]
    print(f"\n{title}: {listings:,} listings, peak {figures['peak_mb']} MB")
    print(f"  {'stage':<28}{'seconds':>9}{'CPU s':>9}{'CPU us each':>13}{'a second':>11}")
    total = [sum(column) for column in zip(*figures["stages"].values(), strict=True)]
    for name, (wall, cpu) in {**figures["stages"], "together": total}.items():
        each, rate = cpu / listings * 1e6, listings / wall if wall else 0
        print(f"  {name:<28}{wall:>9.2f}{cpu:>9.2f}{each:>13.1f}{rate:>11,.0f}")


def prepare(folder: Path, listings: int) -> str:
    """Write the boards to read; return what they are made from."""
    if RECORDED.is_dir():
        write_recorded(folder, listings)
        return "the recorded Ashby postings"
    sample = sum(len(BY_NAME[provider].parse(body).rows) for provider, _, body in iter_boards(1))
    write_boards(folder, iter_boards(-(-listings // sample)))
    return f"the sandbox's sample, because there are no recordings at {RECORDED.relative_to(RECORDED.parents[2])}"


def main() -> None:
    """Write the boards, measure each in a process of its own, print the figures."""
    measurements: dict[str, Callable[[Path, Path], Figures]] = {"floor": floor, "stages": stages, "days": days}
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measurements[sys.argv[2]](Path(sys.argv[3]), Path(sys.argv[4]))))
        return
    if sys.argv[1:2] == ["--prepare"]:
        print(prepare(Path(sys.argv[2]), int(sys.argv[3])))
        return
    size = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_SIZE
    results: Figures = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "boards"
        print(f"about {size:,} listings made from {_child('--prepare', str(folder), str(size)).strip()}")
        for name in MEASUREMENTS:
            with tempfile.TemporaryDirectory(dir=temporary) as home:
                results[name] = json.loads(_child("--one", name, str(folder), home))
            tables = results[name] if name == "days" else {name: results[name]}
            for title, figures in tables.items():
                if isinstance(figures, dict):
                    show(title, figures)
    print(f"\n{json.dumps(results)}")


def _child(*arguments: str) -> str:
    command = [sys.executable, __file__, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main()
