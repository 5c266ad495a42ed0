"""The work set: what a day asks for, what is reused, what has left the day; and that nobody buys what nobody wants."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from day_kit import (
    DAY,
    NEXT_DAY,
    NOW,
    Days,
    ambiguous,
    assert_bought_once,
    assert_complete,
    billed,
    economy,
    ledger,
    opened,
    rules_of,
    sandbox_days,
    show,
)
from scoring_kit import GOOD, listing, profile

from scoring_pipeline.matching.profiles import record_profiles
from scoring_pipeline.matching.rescore import RescoreTarget, open_generation
from scoring_pipeline.matching.settle import defer_waiting, settle_partition, settle_subscribers
from scoring_pipeline.matching.work_set import WorkSetCounts, WorkSetRules, build_work_set
from scoring_pipeline.scoring.rubric import current_rubric
from scoring_pipeline.storage.port import Document, DocumentStore, Move


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DocumentStore]:
    with opened(tmp_path) as made:
        yield made


@pytest.fixture
def days(tmp_path: Path) -> Iterator[Days]:
    with sandbox_days(tmp_path) as made:
        yield made


def _rules(**changes: Any) -> WorkSetRules:
    fields = {
        "rubric": current_rubric(),
        "generation": "sandbox",
        "sandbox": True,
        "route": lambda _: {"tier": "economy", "reason": "because", "features": {"words": 7}},
    }
    return WorkSetRules(**{**fields, **changes})


def _build(store: DocumentStore, day: str = DAY, rules: WorkSetRules | None = None) -> WorkSetCounts:
    return build_work_set(store, day, rules or _rules(), now=NOW)


def _profiles(store: DocumentStore, *slugs: str) -> None:
    record_profiles(store, [profile(slug) for slug in slugs], now=NOW)


def _answer_all(store: DocumentStore) -> None:
    """Let every request be answered, as a collected batch leaves them."""
    answer = {**GOOD, "sandbox": True, "model": "m", "tier": "economy"}
    moves = [Move(doc["_id"], {}, {"status": "answered", "answer": answer}) for doc in store.scan("requests")]
    store.compare_and_set_many("requests", moves)
    settle_subscribers(store, [doc["_id"] for doc in store.scan("requests")], now=NOW)


def _everything(store: DocumentStore) -> list[Document]:
    return [doc for name in ("requests", "work_items", "views", "profiles") for doc in store.scan(name)]


def _items(store: DocumentStore, day: str = DAY) -> dict[str, str]:
    return {
        item["_id"].removeprefix(f"{day}/"): item["status"] for item in store.scan("work_items", {"partition": day})
    }


def test_every_listing_meets_every_profile_and_asks_for_one_request_each(store: DocumentStore) -> None:
    show(store, economy(1, 3))
    _profiles(store, "backend", "nurse")
    counts = _build(store)
    assert (counts.total, counts.new_requests, counts.superseded) == (6, 6, 0)
    assert counts.by_status == {"waiting": 6}
    requests = list(store.scan("requests"))
    assert {request["status"] for request in requests} == {"pending"}
    assert all(request["prompt_tokens"] > 500 for request in requests)
    views = {view["_id"] for view in store.scan("views")}
    assert {request[name] for request in requests for name in ("listing_view", "profile_view")} <= views


def test_a_second_pass_changes_nothing(store: DocumentStore) -> None:
    show(store, economy(1, 5))
    _profiles(store, "backend", "nurse")
    _build(store)
    before = _everything(store)
    counts = _build(store)
    assert (counts.total, counts.new_requests, counts.superseded) == (10, 0, 0)
    assert _everything(store) == before


def test_a_second_pass_changes_nothing_after_the_answers_have_come_either(store: DocumentStore) -> None:
    show(store, economy(1, 3))
    _profiles(store, "backend")
    _build(store)
    _answer_all(store)
    before = _everything(store)
    assert _build(store).new_requests == 0
    assert _everything(store) == before
    assert set(_items(store).values()) == {"scored"}


def test_an_unchanged_listing_is_reused_the_next_day_without_a_new_request(store: DocumentStore) -> None:
    _profiles(store, "backend")
    show(store, economy(1, 3))
    _build(store)
    _answer_all(store)
    show(store, economy(1, 3), NEXT_DAY)
    counts = _build(store, NEXT_DAY)
    assert counts.new_requests == 0
    assert counts.by_status == {"reused": 3}


def test_the_next_day_waits_with_the_first_while_the_answer_is_under_way(store: DocumentStore) -> None:
    _profiles(store, "backend")
    for day in (DAY, NEXT_DAY):
        show(store, economy(1, 2), day)
        _build(store, day)
    assert set(_items(store, NEXT_DAY).values()) == {"waiting"}
    _answer_all(store)
    assert set(_items(store).values()) == {"scored"}
    assert set(_items(store, NEXT_DAY).values()) == {"reused"}


def test_clones_share_one_request_and_only_the_first_is_scored(store: DocumentStore) -> None:
    same = {"title": "Nurse", "description": "One text.", "skills_required": ("Care",)}
    clones = [listing(number, **same) for number in range(1, 6)]
    show(store, clones)
    _profiles(store, "backend")
    assert _build(store).new_requests == 1
    _answer_all(store)
    assert sorted(_items(store).values()) == ["reused"] * 4 + ["scored"]
    assert _items(store)["greenhouse/acme/1/backend"] == "scored"


def test_clones_share_one_request_across_pages(store: DocumentStore) -> None:
    same = {"title": "Nurse", "description": "One text.", "skills_required": ("Care",)}
    show(store, [listing(number, **same) for number in range(1, 1103)])
    _profiles(store, "backend")
    assert _build(store).new_requests == 1
    _answer_all(store)
    statuses = list(_items(store).values())
    assert (statuses.count("scored"), statuses.count("reused")) == (1, 1101)


def test_an_edited_listing_asks_again_and_its_old_request_is_nobodys(store: DocumentStore) -> None:
    _profiles(store, "backend")
    show(store, economy(1, 2))
    _build(store)
    show(store, [listing(1), listing(2, description="Edited.")])
    counts = _build(store)
    assert (counts.new_requests, counts.by_status) == (1, {"waiting": 2})
    wanted = {item["request_key"] for item in store.scan("work_items")}
    owners = {request["_id"] in wanted: request["partition"] for request in store.scan("requests")}
    assert owners == {True: DAY, False: ""}


def test_a_changed_profile_asks_again(store: DocumentStore) -> None:
    show(store, economy(1, 2))
    _profiles(store, "backend")
    _build(store)
    _answer_all(store)
    record_profiles(store, [profile("backend", name="Only the name")], now=NOW)
    assert _build(store).new_requests == 0
    record_profiles(store, [profile("backend", years_experience=10)], now=NOW)
    counts = _build(store)
    assert (counts.new_requests, counts.by_status) == (2, {"waiting": 2})


def test_items_of_a_removed_profile_are_superseded_and_wait_again_when_it_comes_back(store: DocumentStore) -> None:
    show(store, economy(1, 2))
    _profiles(store, "backend", "nurse")
    _build(store)
    _profiles(store, "backend")
    counts = _build(store)
    assert (counts.total, counts.superseded) == (2, 2)
    assert counts.by_status == {"waiting": 2, "superseded": 2}
    assert store.count("requests", {"status": "pending", "partition": DAY}) == 2
    _profiles(store, "backend", "nurse")
    counts = _build(store)
    assert (counts.total, counts.new_requests, counts.by_status) == (4, 0, {"waiting": 4})
    assert store.count("requests", {"status": "pending", "partition": DAY}) == 4


def test_a_listing_that_vanished_from_the_day_is_superseded(store: DocumentStore) -> None:
    _profiles(store, "backend")
    show(store, economy(1, 3))
    _build(store)
    show(store, economy(1, 2))
    counts = _build(store)
    assert counts.superseded == 1
    assert _items(store)["greenhouse/acme/3/backend"] == "superseded"


def test_a_day_that_was_planned_anew_still_comes_to_its_end_and_buys_only_what_is_wanted(days: Days) -> None:
    days.show([*economy(1, 3), *ambiguous(10, 1)])
    days.prepare(profiles=[profile("backend"), profile("nurse")])
    days.show([listing(1), listing(2, description="Edited.")])
    days.prepare(profiles=[profile("backend", years_experience=3)])
    steps = days.drive()
    assert steps == ["submit", "wait", "collect", "finalize"]
    assert len(days.attempts()) == 2
    assert days.items() == {"scored": 2, "superseded": 6}


class _AnsweredMeanwhile:
    """A store on which another process ends the requests between the reading of items and their writing."""

    def __init__(self, store: DocumentStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def upsert(self, collection: str, documents: list[Document]) -> None:
        if collection == "work_items":
            _answer_all(self._store)
        self._store.upsert(collection, documents)


def test_an_item_that_is_inserted_after_its_request_was_answered_is_ended(store: DocumentStore) -> None:
    _profiles(store, "backend")
    show(store, economy(1, 2))
    _build(store)
    show(store, economy(1, 2), NEXT_DAY)
    racing: Any = _AnsweredMeanwhile(store)
    counts = build_work_set(racing, NEXT_DAY, _rules(), now=NOW)
    assert counts.by_status == {"reused": 2}


def test_an_item_that_a_dead_process_left_waiting_is_ended_by_the_next_pass(store: DocumentStore) -> None:
    _profiles(store, "backend")
    show(store, economy(1, 2))
    _build(store)
    moves = [Move(doc["_id"], {}, {"status": "dead"}) for doc in store.scan("requests")]
    store.compare_and_set_many("requests", moves)
    assert settle_partition(store, DAY, now=NOW) == 2
    assert set(_items(store).values()) == {"dead"}
    assert settle_partition(store, DAY, now=NOW) == 0


def test_deferred_items_wait_again_on_their_own_day_and_on_the_next(store: DocumentStore) -> None:
    _profiles(store, "backend")
    show(store, economy(1, 3))
    _build(store)
    assert defer_waiting(store, DAY, reason="no money", now=NOW) == 3
    assert {item["reason"] for item in store.scan("work_items")} == {"no money"}
    assert {request["partition"] for request in store.scan("requests")} == {""}
    show(store, economy(1, 2), NEXT_DAY)
    assert _build(store, NEXT_DAY).by_status == {"waiting": 2}
    assert store.count("requests", {"partition": NEXT_DAY, "status": "pending"}) == 2
    assert _build(store).by_status == {"waiting": 3}


def test_what_is_being_bought_is_not_deferred(store: DocumentStore) -> None:
    _profiles(store, "backend")
    show(store, economy(1, 2))
    _build(store)
    first = store.page("requests", limit=1)[0]
    store.compare_and_set("requests", Move(first["_id"], {}, {"status": "planned"}))
    assert defer_waiting(store, DAY, reason="no money", now=NOW) == 1


def test_answers_of_the_sandbox_never_satisfy_a_real_endpoint(store: DocumentStore) -> None:
    _profiles(store, "backend")
    show(store, economy(1, 2))
    _build(store)
    _answer_all(store)
    counts = _build(store, rules=_rules(generation="live", sandbox=False))
    assert (counts.new_requests, counts.by_status) == (2, {"waiting": 2})


def test_another_rubric_asks_again(store: DocumentStore) -> None:
    from dataclasses import replace  # noqa: PLC0415 - this test's only

    _profiles(store, "backend")
    show(store, economy(1, 1))
    _build(store)
    _answer_all(store)
    assert _build(store, rules=_rules(rubric=replace(current_rubric(), digest="other"))).new_requests == 1


def test_a_listing_is_routed_once_for_each_text_and_the_features_stay_with_the_request(store: DocumentStore) -> None:
    asked = []

    def chosen(one: Any) -> dict[str, Any]:
        asked.append(one.listing_id)
        return {"tier": "premium", "reason": "it was said", "features": {"words": 12}}

    _profiles(store, "backend", "nurse")
    show(store, [listing(1), listing(2, title="Backend Engineer 1", description=listing(1).description)])
    _build(store, rules=_rules(route=chosen))
    assert asked == ["greenhouse/acme/1"]
    for request in store.scan("requests"):
        assert request["tier"] == "premium"
        assert request["route"] == {"tier": "premium", "reason": "it was said", "features": {"words": 12}}


def _keys(store: DocumentStore, day: str = DAY) -> dict[str, str]:
    return {item["_id"]: item["request_key"] for item in store.scan("work_items", {"partition": day})}


@pytest.mark.parametrize(
    ("target", "opened_views", "again"),
    [
        pytest.param(RescoreTarget("listing", "greenhouse/acme/1"), 1, {"1/backend", "1/nurse"}, id="one listing"),
        pytest.param(RescoreTarget("profile", "nurse"), 1, {"1/nurse", "2/nurse", "3/nurse"}, id="one profile"),
        pytest.param(
            RescoreTarget("partition", DAY),
            3,
            {f"{number}/{slug}" for number in (1, 2, 3) for slug in ("backend", "nurse")},
            id="one day",
        ),
        pytest.param(RescoreTarget("listing", "greenhouse/acme/99"), 0, set(), id="a listing nobody has seen"),
        pytest.param(RescoreTarget("profile", "cook"), 0, set(), id="a profile nobody has"),
        pytest.param(RescoreTarget("partition", "2026-11-2"), 0, set(), id="what is no day"),
    ],
)
def test_a_rescore_opens_a_new_generation_for_exactly_what_is_named(
    store: DocumentStore, target: RescoreTarget, opened_views: int, again: set[str]
) -> None:
    _profiles(store, "backend", "nurse")
    show(store, economy(1, 3))
    _build(store)
    _answer_all(store)
    before = _keys(store)
    assert open_generation(store, target, now=NOW) == opened_views
    counts = _build(store)
    changed = {item for item, key in _keys(store).items() if before[item] != key}
    assert changed == {f"{DAY}/greenhouse/acme/{name}" for name in again}
    assert counts.new_requests == len(again)
    _answer_all(store)
    show(store, economy(1, 3), NEXT_DAY)
    assert _build(store, NEXT_DAY).by_status == {"reused": 6}


def test_a_rescored_day_is_bought_again_exactly_once(days: Days) -> None:
    days.show(economy(1, 3))
    days.run()
    first = billed(days.sandbox)
    open_generation(days.store, RescoreTarget("listing", "greenhouse/acme/2"), now=NOW)
    days.run()
    assert len(days.attempts()) == 4
    assert ledger(days.store) == billed(days.sandbox) > first
    assert_complete(days.store, DAY, items=3)


def test_two_days_that_ask_for_the_same_buy_it_once(days: Days) -> None:
    for day in (DAY, NEXT_DAY):
        days.show(economy(1, 4), day)
        days.prepare(day)
    days.drive(NEXT_DAY)
    assert days.drive(DAY)[-1] == "finalize"
    assert_bought_once(days.sandbox)
    assert len(list(days.store.scan("attempts"))) == 4
    assert days.items() == {"scored": 4}
    assert days.items(NEXT_DAY) == {"reused": 4}
    assert rules_of(days.engine).generation == "sandbox"
