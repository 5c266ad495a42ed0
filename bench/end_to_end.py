"""How long a day of requests takes from work set to published scores, against the sandbox, with poll waits apart.

    python bench/end_to_end.py [10000 100000]

Each size runs in a process of its own on a fresh store. The listings are the sample's, multiplied with distinct texts,
normalized beforehand; three profiles, so that every listing makes three requests. Printed: seconds and CPU seconds of
each stage, peak memory of the pipeline's process, and the stand-in's own CPU, as a table and as JSON.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scoring_pipeline.ats.importing import import_folder
from scoring_pipeline.ats.raw import stored_rows
from scoring_pipeline.batches.days import begin_day, decide, open_day
from scoring_pipeline.batches.engine import Engine
from scoring_pipeline.listings.day import normalize_day
from scoring_pipeline.matching.profiles import load_profiles, record_profiles
from scoring_pipeline.matching.work_set import WorkSetRules, build_work_set
from scoring_pipeline.reporting.serving import publish_day
from scoring_pipeline.routing.features import route
from scoring_pipeline.sandbox.boards import iter_boards, write_boards
from scoring_pipeline.sandbox.openai_options import SandboxOptions
from scoring_pipeline.sandbox.process import ensure_running
from scoring_pipeline.settings import PROJECT, PROVIDERS, Llm, LlmProvider, Settings
from scoring_pipeline.storage.opening import open_store

DEFAULT_SIZES = (10_000, 100_000)
LISTINGS_A_COPY = 343
PROFILES = 3
STAGES = ("work_set", "submit", "collect", "publish", "waits")


class Stopwatch:
    """Adds up wall and CPU seconds by stage."""

    def __init__(self) -> None:
        self.wall = dict.fromkeys(STAGES, 0.0)
        self.cpu = dict.fromkeys(STAGES, 0.0)

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Count a block to a stage."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall[stage] += time.perf_counter() - wall
        self.cpu[stage] += time.process_time() - cpu


def fill(settings: Settings, day: str, listings: int) -> None:
    """Store about `listings` normalized listings for the day, the way the graph does."""
    store = open_store(settings.store)
    store.migrate()
    folder = settings.home / "boards"
    write_boards(folder, iter_boards(-(-listings // LISTINGS_A_COPY)))
    import_folder(settings, store, day, folder, now=settings.clock.now)
    rows = {provider: stored_rows(store, day, provider) for provider in PROVIDERS}
    normalize_day(store, settings, day, rows)


def settings_for(home: Path, openai_url: str) -> Settings:
    """Return settings that use the sandbox at `openai_url` and keep everything in `home`."""
    provider = LlmProvider(base_url=openai_url, sandbox=True)
    return Settings(home=home, tiers=PROJECT / "config/tiers.yaml", llm=Llm(providers={"openai": provider}))


def run(requests: int) -> dict[str, object]:
    """Run one day of about `requests` requests; return its figures."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        sandbox = ensure_running(home / "sandbox", SandboxOptions(batch_seconds=0.5))
        settings = settings_for(home, sandbox.openai_url)
        day = settings.clock.today()
        command = [sys.executable, __file__, "--fill", folder, sandbox.openai_url, day, str(requests // PROFILES)]
        subprocess.run(command, check=True)
        try:
            return _day(settings, day)
        finally:
            sandbox.stop()


def _day(settings: Settings, day: str) -> dict[str, object]:
    store, watch = open_store(settings.store), Stopwatch()
    now = settings.clock.now()
    record_profiles(store, load_profiles(PROJECT / "config/profiles.yaml"), now=now)
    engine = Engine.of(settings, store)
    rules = WorkSetRules(
        engine.rubric, engine.generation, engine.sandbox, lambda x: route(x, engine.tiers).model_dump()
    )
    memory_before = _peak_mb()
    with watch.measure("work_set"):
        revision = begin_day(store, day, now=now)
        counts = build_work_set(store, day, rules, now=now)
        open_day(store, day, gate={"revision": revision}, now=now)
    while (action := decide(engine.facts(day))) != "finalize":
        if action == "submit":
            with watch.measure("submit"):
                engine.submit(day)
        elif action == "collect":
            with watch.measure("collect"):
                engine.collect(day)
        else:
            with watch.measure("waits"):
                time.sleep(0.1)
                engine.poll()
    with watch.measure("publish"):
        publish_day(store, day, now=now)
    items = store.group_count("work_items", "status", {"partition": day})
    assert set(items) <= {"scored", "reused"}, items
    own = [stage for stage in STAGES if stage != "waits"]
    return {
        "requests": counts.new_requests,
        "seconds": round(sum(watch.wall[stage] for stage in own), 2),
        "cpu_seconds": round(sum(watch.cpu[stage] for stage in own), 2),
        "peak_mb": round(_peak_mb()),
        "peak_mb_before": round(memory_before),
        "batches": store.count("batches", {"partition": day}),
        "stages": {stage: [round(watch.wall[stage], 2), round(watch.cpu[stage], 2)] for stage in STAGES},
    }


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Run every size in a process of its own and print the figures."""
    if sys.argv[1:2] == ["--fill"]:
        home, openai_url, day, listings = sys.argv[2:]
        fill(settings_for(Path(home), openai_url), day, int(listings))
        return
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(run(int(sys.argv[2]))))
        return
    sizes = [int(size) for size in sys.argv[1:]] or DEFAULT_SIZES
    print(f"{'requests':>9} {'seconds':>8} {'CPU s':>7} {'peak MB':>8} {'of it base':>10}   stages: wall (CPU)")
    results = []
    for size in sizes:
        output = subprocess.run([sys.executable, __file__, "--one", str(size)], check=True, stdout=subprocess.PIPE)
        figures = json.loads(output.stdout)
        results.append(figures)
        stages = "  ".join(f"{name} {wall} ({cpu})" for name, (wall, cpu) in figures["stages"].items())
        print(
            f"{figures['requests']:>9,} {figures['seconds']:>8} {figures['cpu_seconds']:>7} {figures['peak_mb']:>8} "
            f"{figures['peak_mb_before']:>10}   {stages}"
        )
    print(json.dumps(results))


if __name__ == "__main__":
    main()
