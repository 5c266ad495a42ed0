"""A day in the store and at the sandbox: set up, driven to its end, held against the sandbox's own journal."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from openai_kit import Running, serving
from scoring_kit import listing, profile

from scoring_pipeline.batches.days import begin_day, decide, finalize_day
from scoring_pipeline.batches.engine import Engine
from scoring_pipeline.batches.gate import GateReport, check_gate
from scoring_pipeline.batches.lease import Owner
from scoring_pipeline.listings.model import Listing
from scoring_pipeline.matching.profiles import record_profiles
from scoring_pipeline.matching.work_set import WorkSetCounts, WorkSetRules, build_work_set
from scoring_pipeline.routing.features import route
from scoring_pipeline.scoring.answers import SANDBOX_FINGERPRINT
from scoring_pipeline.scoring.profile import Profile
from scoring_pipeline.settings import PROJECT, Settings
from scoring_pipeline.spend.budget import BudgetAccount, Limits
from scoring_pipeline.storage.opening import open_store
from scoring_pipeline.storage.port import Document, DocumentStore, Move
from scoring_pipeline.values import digest

DAY, NEXT_DAY = "2026-11-21", "2026-11-22"
BATCH_SECONDS = 100
NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


@contextmanager
def opened(folder: Path, name: str = "store") -> Iterator[DocumentStore]:
    """A new embedded store."""
    store = open_store(f"sqlite:///{folder / name}.db")
    store.migrate()
    try:
        yield store
    finally:
        store.close()


def settings_at(folder: Path, url: str, **changes: Any) -> Settings:
    """Settings whose one provider is at `url`; `batch`, `budget` and `provider` take fields of those sections."""
    provider = {"base_url": f"{url}/v1", "sandbox": True, "list_lag_seconds": 0, **changes.pop("provider", {})}
    fields = {
        "home": folder,
        "deployment": "test",
        "llm": {"providers": {"openai": provider}},
        "tiers": PROJECT / "config" / "tiers.yaml",
        **changes,
    }
    return Settings.model_validate(fields)


@dataclass(frozen=True)
class Days:
    """An engine on a store of its own and a sandbox."""

    engine: Engine
    sandbox: Running

    @property
    def store(self) -> DocumentStore:
        """The store."""
        return self.engine.store

    def but(self, **changes: Any) -> "Days":
        """The same with other parts of the engine."""
        return Days(replace(self.engine, **changes), self.sandbox)

    def later(self, **delta: float) -> "Days":
        """The same at a later time, of the pipeline and of the sandbox."""
        passed = timedelta(**delta)
        self.sandbox.advance(passed.total_seconds())
        offset = self.engine.settings.clock_offset + passed
        settings = self.engine.settings.model_copy(update={"clock_offset": offset})
        return self.but(settings=settings)

    def show(self, listings: Sequence[Listing], day: str = DAY) -> None:
        """Let a day's boards show exactly these listings."""
        show(self.store, listings, day)

    def prepare(self, day: str = DAY, profiles: Sequence[Profile] | None = None) -> WorkSetCounts:
        """Make the day's work set and open the gate."""
        counts, report = prepare(self.engine, day, profiles)
        assert report.passed, report.problems
        return counts

    def drive(self, day: str = DAY) -> list[str]:
        """Do what the day needs until it is done; return the steps."""
        return drive(self.engine, day, self.sandbox)

    def run(self, day: str = DAY) -> list[str]:
        """Prepare the day and drive it to its end."""
        self.prepare(day)
        return self.drive(day)

    def items(self, day: str = DAY) -> dict[str, int]:
        """The day's items by status."""
        return self.store.group_count("work_items", "status", {"partition": day})

    def batches(self, day: str = DAY) -> list[Document]:
        """The day's batches that were not voided."""
        return [batch for batch in self.store.scan("batches", {"partition": day}) if batch["status"] != "voided"]

    def attempts(self, day: str = DAY) -> list[Document]:
        """The day's attempts."""
        return list(self.store.scan("attempts", {"partition": day}))

    def requests(self) -> list[Document]:
        """All requests."""
        return list(self.store.scan("requests"))


def show(store: DocumentStore, listings: Sequence[Listing], day: str = DAY) -> None:
    """Write a day's listings as normalizing leaves them, replacing those of an earlier reading."""
    versions = {one.listing_id: digest(one.canonical()) for one in listings}
    documents = [
        {
            "_id": versions[one.listing_id],
            "listing_id": one.listing_id,
            "content_hash": one.content_hash(),
            "word_count": len(one.description.split()),
            "listing": one.model_dump(mode="json"),
        }
        for one in listings
    ]
    store.delete("daily_listings", {"day": day})
    store.upsert("listing_versions", documents)
    store.upsert("daily_listings", [_daily(one, versions[one.listing_id], day) for one in listings])
    store.upsert("listings", [_history(one, versions[one.listing_id], day) for one in listings])


def _daily(one: Listing, version: str, day: str) -> Document:
    where = {"day": day, "listing_id": one.listing_id, "provider": one.provider, "board": one.board}
    return {"_id": f"{day}/{one.listing_id}", **where, "version": version, "content_hash": one.content_hash()}


def _history(one: Listing, version: str, day: str) -> Document:
    seen = {"first_seen": day, "last_seen": day, "closed_on": None, "reopened_on": None}
    about = {"provider": one.provider, "board": one.board, "status": "open", "version": version}
    return {"_id": one.listing_id, **about, **seen}


def economy(first: int, count: int) -> list[Listing]:
    """Listings that start in the cheapest tier."""
    return [listing(number) for number in range(first, first + count)]


def ambiguous(first: int, count: int) -> list[Listing]:
    """Listings that start one tier up."""
    return [listing(number, skills_required=("Python",)) for number in range(first, first + count)]


def rules_of(engine: Engine) -> WorkSetRules:
    """The rules by which the engine's work sets are made."""
    return WorkSetRules(
        engine.rubric,
        engine.generation,
        engine.sandbox,
        lambda one: route(one, engine.tiers).model_dump(mode="json"),
    )


def prepare(engine: Engine, day: str, profiles: Sequence[Profile] | None = None) -> tuple[WorkSetCounts, GateReport]:
    """Record the profiles, make the day's work set and look at its gate."""
    now = engine.settings.clock.now()
    record_profiles(engine.store, [profile()] if profiles is None else profiles, now=now)
    revision = begin_day(engine.store, day, now=now)
    counts = build_work_set(engine.store, day, rules_of(engine), now=now)
    return counts, check_gate(engine, day, revision)


def unpause(store: DocumentStore, day: str) -> None:
    """Let a rest of the day be over."""
    store.compare_and_set("partitions", Move(day, {}, {"retry_at": None, "files_at": None}))


def drive(engine: Engine, day: str, sandbox: Running, *, most: int = 100) -> list[str]:
    """Do what `decide` says until the day is final; while it waits, time passes at the provider."""
    steps: list[str] = []
    while len(steps) < most:
        engine.poll()
        action = decide(engine.facts(day))
        steps.append(action)
        if action == "submit":
            engine.submit(day)
        elif action == "collect":
            engine.collect(day)
        elif action == "wait":
            sandbox.advance(BATCH_SECONDS)
            unpause(engine.store, day)
        elif action == "finalize":
            state = engine.store.get("partitions", day)
            assert state is not None
            assert finalize_day(engine.store, day, state["revision"], now=engine.settings.clock.now())
            return steps
        else:
            raise AssertionError(f"{day} may not go on after {steps}: {engine.facts(day)}")
    raise AssertionError(f"{day} is not done after {steps}: {engine.facts(day)}")


def bury_owner(store: DocumentStore, day: str) -> None:
    """Let whoever holds the lease be a process of this machine that is gone."""
    gone = str(replace(Owner.this_process(), started="1"))
    store.compare_and_set("leases", Move(day, {}, {"owner": gone}))


def account_of(store: DocumentStore, name: str = "sandbox") -> Document:
    """The budget account's document."""
    return store.get("budget_accounts", name) or {"reserved": {}, "settled": {}}


def ledger(store: DocumentStore) -> int:
    """What all attempts cost, nano-USD."""
    return sum(attempt.get("cost_nano_usd", 0) for attempt in store.scan("attempts"))


def billed(sandbox: Running) -> int:
    """What the sandbox has charged, nano-USD, by its own count."""
    return int(Decimal(sandbox.journal()["billed"]["usd"]).scaleb(9))


def assert_bought_once(sandbox: Running) -> None:
    """No request was answered twice, by content or by id."""
    journal = sandbox.journal()
    assert journal["bodies"]["answered_more_than_once"] == 0, journal
    assert journal["custom_ids"]["answered_more_than_once"] == 0, journal


def assert_complete(store: DocumentStore, day: str, *, items: int) -> None:
    """Every item ended once, every attempt and batch has its end, and nothing is reserved any more."""
    ended = list(store.scan("work_items", {"partition": day}))
    assert len(ended) == items
    assert all(item["status"] in {"scored", "reused", "dead"} and item["ended_at"] for item in ended), ended
    assert all(attempt["outcome"] for attempt in store.scan("attempts"))
    requests = list(store.scan("requests"))
    assert {request["status"] for request in requests} <= {"answered", "dead"}
    answered = {item["request_key"] for item in ended if item["status"] != "dead"}
    assert sum(item["status"] == "scored" for item in ended) == len(answered)
    assert set(store.group_count("batches", "status", {"partition": day})) <= {"collected", "voided"}
    account = account_of(store)
    assert account["reserved"] == {}
    assert sum(account["settled"].values()) == ledger(store)


@contextmanager
def sandbox_days(folder: Path, *, scenario: Path | None = None, **changes: Any) -> Iterator[Days]:
    """Serve a sandbox and open an engine on it; `changes` are of the settings."""
    with (
        serving(folder / "sandbox", batch_seconds=BATCH_SECONDS, scenario=scenario) as running,
        opened(folder) as store,
    ):
        yield Days(Engine.of(settings_at(folder, running.url, **changes), store), running)


class RealProviders:
    """Providers whose sandbox is taken for a real endpoint; `disguised`, its answers do not say who made them."""

    def __init__(self, providers: Any, *, disguised: bool) -> None:
        self._providers = providers
        self._disguised = disguised

    def batch(self, name: str) -> Any:
        """Return the client of one provider, under a mask."""
        return _Masked(self._providers.batch(name), disguised=self._disguised)


class _Masked:
    def __init__(self, client: Any, *, disguised: bool) -> None:
        self._client = client
        self._disguised = disguised

    def is_sandbox(self) -> bool:
        return False

    def lines(self, file_id: str) -> Iterator[bytes]:
        for line in self._client.lines(file_id):
            yield line.replace(SANDBOX_FINGERPRINT.encode(), b"fp_1") if self._disguised else line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def taken_for_real(days: Days, *, disguised: bool = False, **budget: Any) -> Days:
    """The same engine, believing that its endpoint is a real one, with limits in USD."""
    limits = {"daily_usd": 10, "monthly_usd": 100, **budget}
    section = days.engine.settings.budget.model_validate(limits)
    settings = days.engine.settings.model_copy(update={"budget": section})
    return days.but(settings=settings, providers=RealProviders(days.engine.providers, disguised=disguised))


def unlimited(store: DocumentStore, name: str = "sandbox") -> BudgetAccount:
    """An account without limits."""
    return BudgetAccount(store, name, Limits(None, None))
