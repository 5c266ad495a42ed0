from dataclasses import replace

import pytest
from dagster_kit import DAY

from scoring_pipeline.batches.days import DayFacts, decide

OPEN = DayFacts(
    partition=DAY,
    status="open",
    terminal_batches=0,
    live_batches=0,
    unsent_batches=0,
    vanished_batches=0,
    pending_requests=False,
    waiting_on=frozenset(),
    held=False,
    paused=False,
)


@pytest.mark.parametrize(
    ("facts", "action"),
    [
        pytest.param({"status": "absent"}, "nothing", id="a day nobody has planned"),
        pytest.param(
            {"status": "gated", "terminal_batches": 1}, "nothing", id="checks have not passed, whatever waits"
        ),
        pytest.param({"status": "finalized", "pending_requests": True}, "nothing", id="a finalized day is done"),
        pytest.param({"held": True, "terminal_batches": 1}, "wait", id="somebody else works on the day"),
        pytest.param({"held": True}, "wait", id="even finalizing waits for the lease"),
        pytest.param({"terminal_batches": 1}, "collect", id="a batch has ended"),
        pytest.param(
            {"terminal_batches": 1, "pending_requests": True, "unsent_batches": 1},
            "collect",
            id="collecting goes before submitting: it may free budget and settle what is pending",
        ),
        pytest.param({"terminal_batches": 1, "paused": True}, "collect", id="a pause is about submitting only"),
        pytest.param({"terminal_batches": 1, "live_batches": 9}, "collect", id="collecting does not wait for the rest"),
        pytest.param({"pending_requests": True}, "submit", id="requests of the day are pending"),
        pytest.param({"unsent_batches": 1}, "submit", id="a crash left a plan unsent"),
        pytest.param(
            {"pending_requests": True, "live_batches": 3}, "submit", id="submitting does not wait for what is out"
        ),
        pytest.param({"pending_requests": True, "paused": True}, "wait", id="submission rests"),
        pytest.param({"unsent_batches": 1, "paused": True}, "wait", id="an unsent plan rests with it"),
        pytest.param({"live_batches": 1}, "wait", id="the provider is at work"),
        pytest.param({"vanished_batches": 1}, "wait", id="a vanished batch needs a person, and the day stays open"),
        pytest.param(
            {"vanished_batches": 1, "waiting_on": frozenset({"answered"})},
            "wait",
            id="nothing is finalized past a vanished batch",
        ),
        pytest.param({}, "finalize", id="no item waits any more"),
        pytest.param({"paused": True}, "finalize", id="a pause does not keep a finished day open"),
        pytest.param({"waiting_on": frozenset({"planned"})}, "wait", id="another day's batch holds the answers"),
        pytest.param({"waiting_on": frozenset({"answered"})}, "collect", id="answers are there that no item noticed"),
        pytest.param({"waiting_on": frozenset({"dead"})}, "collect", id="requests died that no item noticed"),
        pytest.param(
            {"waiting_on": frozenset({"planned", "answered"})}, "collect", id="what can be settled is settled now"
        ),
        pytest.param({"waiting_on": frozenset({"pending"})}, "submit", id="a request fell back and is of another day"),
        pytest.param(
            {"waiting_on": frozenset({"pending", "answered"})},
            "submit",
            id="submitting comes before settling leftovers",
        ),
        pytest.param(
            {"waiting_on": frozenset({"pending"}), "paused": True},
            "wait",
            id="collecting would change nothing while submission rests",
        ),
        pytest.param(
            {"waiting_on": frozenset({"pending", "planned"}), "paused": True}, "wait", id="nor with others under way"
        ),
        pytest.param(
            {"waiting_on": frozenset({"pending", "answered"}), "paused": True},
            "collect",
            id="but answers are noticed while submission rests",
        ),
    ],
)
def test_what_a_day_needs_next(facts: dict[str, object], action: str) -> None:
    assert decide(replace(OPEN, **facts)) == action  # type: ignore[arg-type]
