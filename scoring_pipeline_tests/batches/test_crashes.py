"""Wherever a process dies or a connection is lost: run again, the day ends complete and is bought once.

Each case takes a day of twelve requests in two batches of two models and lets it go wrong at one moment, for every
moment there is; then another process goes on. All cases share a sandbox, each has its own store and its own texts.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from crashing import Died, Fate, Hiccup, MortalStore, OddProviders
from day_kit import (
    DAY,
    Days,
    ambiguous,
    assert_bought_once,
    assert_complete,
    billed,
    bury_owner,
    drive,
    economy,
    ledger,
    opened,
    prepare,
    settings_at,
    unpause,
)
from openai_kit import Running, serving, write_scenario

from scoring_pipeline.batches.engine import Engine
from scoring_pipeline.llm.errors import ProviderError

pytestmark = pytest.mark.soak

_MOMENTS = 400


@dataclass
class Cases:
    """Days that differ in their texts, at one sandbox."""

    folder: Path
    sandbox: Running
    made: int = 0
    seen: list[str] = field(default_factory=list)

    def engine(self, store: object) -> Engine:
        """An engine on one store."""
        return Engine.of(settings_at(self.folder, self.sandbox.url), store)  # type: ignore[arg-type]


@pytest.fixture
def cases(tmp_path: Path) -> Iterator[Cases]:
    with serving(tmp_path / "sandbox", batch_seconds=100) as running:
        yield Cases(tmp_path, running)


@pytest.fixture
def odd_cases(tmp_path: Path) -> Iterator[Cases]:
    """Cases at a provider whose rows go wrong in several ways, so that there are second and third rounds."""
    rows = [
        {"kind": "invalid_arguments", "share": 0.2, "models": ["gpt-6-luna"]},
        {"kind": "error_500", "share": 0.1},
        {"kind": "missing", "share": 0.1},
        {"kind": "error_400", "share": 0.05},
    ]
    batches = [{"kind": "expire", "every": 7, "answered_share": 0.5, "after_seconds": 90}]
    scenario = write_scenario(tmp_path, rows=rows, batches=batches)
    with serving(tmp_path / "sandbox", batch_seconds=100, scenario=scenario) as running:
        yield Cases(tmp_path, running)


def _case(cases: Cases, number: int, act: object) -> bool:
    """Run one case; return whether its moment came."""
    cases.made += 1
    before = billed(cases.sandbox)
    with opened(cases.folder, f"case-{cases.made}") as store:
        Days(cases.engine(store), cases.sandbox).show(
            [*economy(100 * cases.made, 7), *ambiguous(100 * cases.made + 50, 5)]
        )
        met = act(store, number)  # type: ignore[operator]
        healthy = cases.engine(store)
        bury_owner(store, DAY)
        prepare(healthy, DAY)
        unpause(store, DAY)
        drive(healthy, DAY, cases.sandbox)
        assert_complete(store, DAY, items=12)
        assert len(list(store.scan("attempts"))) >= 12
        assert ledger(store) == billed(cases.sandbox) - before
        assert ledger(store) > 0
    if met:
        cases.seen.append(met)
    return bool(met)


def _every_moment(cases: Cases, act: object) -> list[str]:
    for number in range(1, _MOMENTS):
        if not _case(cases, number, act):
            assert_bought_once(cases.sandbox)
            return cases.seen
    raise AssertionError(f"more than {_MOMENTS} moments")


def _day(engine: Engine, sandbox: Running) -> None:
    prepare(engine, DAY)
    drive(engine, DAY, sandbox)


@pytest.mark.parametrize("after", [pytest.param(False, id="before it"), pytest.param(True, id="right after it")])
def test_a_process_that_dies_at_any_write(odd_cases: Cases, after: bool) -> None:
    def act(store: object, number: int) -> str:
        fate = Fate(number, after=after)
        with suppress(Died):
            _day(odd_cases.engine(MortalStore(store, fate)), odd_cases.sandbox)
        return fate.met

    seen = _every_moment(odd_cases, act)
    collections = {what.split()[1] for what in seen}
    assert {"requests", "work_items", "batches", "attempts", "transcripts", "budget_accounts", "leases"} <= collections
    assert len(seen) > 40


@pytest.mark.parametrize("after", [pytest.param(False, id="before it"), pytest.param(True, id="right after it")])
def test_a_process_that_dies_at_any_call(cases: Cases, after: bool) -> None:
    def act(store: object, number: int) -> str:
        fate = Fate(number, after=after)
        engine = cases.engine(MortalStore(store, Fate(10**9, after=False)))
        with suppress(Died):
            prepare(engine, DAY)
            odd = Engine(
                engine.store,
                engine.settings,
                engine.tiers,
                engine.rubric,
                OddProviders(engine.providers, fate.survive),  # type: ignore[arg-type]
            )
            drive(odd, DAY, cases.sandbox)
        return fate.met

    seen = _every_moment(cases, act)
    assert {"upload", "create", "recent", "lines", "delete_file"} <= set(seen)


@pytest.mark.parametrize("after", [pytest.param(False, id="unheard"), pytest.param(True, id="heard, reply lost")])
def test_a_connection_that_is_lost_at_any_call(cases: Cases, after: bool) -> None:
    def act(store: object, number: int) -> str:
        hiccup = Hiccup(number, after=after)
        engine = cases.engine(store)
        odd = Engine(
            engine.store,
            engine.settings,
            engine.tiers,
            engine.rubric,
            OddProviders(engine.providers, hiccup),  # type: ignore[arg-type]
        )
        prepare(odd, DAY)
        with suppress(ProviderError):
            drive(odd, DAY, cases.sandbox)
        return hiccup.met

    seen = _every_moment(cases, act)
    assert {"upload", "create", "recent", "lines", "delete_file"} <= set(seen)
