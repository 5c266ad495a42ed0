"""Serving rows and figures: only current content is served, truth is not overwritten, and the sums add up."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from day_kit import DAY, NEXT_DAY, NOW, Days, ambiguous, billed, economy, ledger, sandbox_days, taken_for_real
from scoring_kit import GOOD, listing, profile

from scoring_pipeline.reporting.day import day_figures, record_best, record_listing_counts, record_report
from scoring_pipeline.reporting.serving import (
    SCORE_FIELDS,
    BestMatches,
    ScoredItem,
    export_row,
    publish_day,
    scored_items,
)
from scoring_pipeline.storage.port import Document, Move


@pytest.fixture
def days(tmp_path: Path) -> Iterator[Days]:
    with sandbox_days(tmp_path) as made:
        yield made


def _rows(days: Days) -> dict[str, Document]:
    return {row["_id"]: row for row in days.store.scan("scored_listings")}


def _publish(days: Days, day: str = DAY) -> tuple[int, int, int, int]:
    done = publish_day(days.store, day, now=NOW)
    return done.published, done.kept, done.outdated, done.closed


def test_a_day_is_published_once_and_again_changes_nothing(days: Days) -> None:
    days.show(economy(1, 3))
    days.run()
    assert _publish(days) == (3, 0, 0, 0)
    before = _rows(days)
    assert _publish(days) == (0, 3, 0, 0)
    assert _rows(days) == before
    row = before["greenhouse/acme/1/backend"]
    assert row["status"] == "open"
    assert row["sandbox"] is True
    assert row["partition"] == DAY
    assert row["places"] == ["Berlin", "DE"]
    assert row["skills"] == ["Python", "PostgreSQL", "Docker", "Kafka"]
    assert set(SCORE_FIELDS) <= set(row)


def test_a_score_is_served_for_current_content_only(days: Days) -> None:
    days.show(economy(1, 2))
    days.run()
    days.show([listing(1), listing(2, description="Edited.")], NEXT_DAY)
    assert _publish(days) == (1, 0, 1, 0)
    assert set(_rows(days)) == {"greenhouse/acme/1/backend"}


def test_a_backfill_of_an_older_day_never_overwrites_what_is_newer(days: Days) -> None:
    old, new = [listing(1)], [listing(1, description="Edited.")]
    days.show(new, NEXT_DAY)
    days.run(NEXT_DAY)
    assert _publish(days, NEXT_DAY) == (1, 0, 0, 0)
    before = _rows(days)
    days.show(old, DAY)
    # The listing's history knows of the newer day, whichever was replayed last.
    days.show(new, NEXT_DAY)
    days.run(DAY)
    assert _publish(days, DAY) == (0, 0, 1, 0)
    assert _rows(days) == before


def test_the_same_content_scored_for_an_older_day_leaves_the_newer_row_as_it_is(days: Days) -> None:
    days.show(economy(1, 1), NEXT_DAY)
    days.run(NEXT_DAY)
    _publish(days, NEXT_DAY)
    before = _rows(days)
    days.show(economy(1, 1), DAY)
    days.run(DAY)
    assert _publish(days, DAY) == (0, 1, 0, 0)
    assert _rows(days) == before


def _real(days: Days, day: str) -> None:
    """Let the day's answers be a real endpoint's."""
    for request in days.requests():
        if request["answer"] and request["partition"] == day:
            answer = {**request["answer"], "sandbox": False}
            days.store.compare_and_set("requests", Move(request["_id"], {}, {"answer": answer}))


@pytest.mark.parametrize(
    "later",
    [
        pytest.param(listing(1), id="of the same content"),
        pytest.param(listing(1, description="Edited."), id="of newer content"),
    ],
)
def test_a_score_by_the_sandbox_never_replaces_a_real_one(days: Days, later: Any) -> None:
    days.show(economy(1, 1))
    days.run()
    _real(days, DAY)
    assert _publish(days) == (1, 0, 0, 0)
    before = _rows(days)
    days.show([later], NEXT_DAY)
    days.prepare(NEXT_DAY, [profile(years_experience=20)])
    days.drive(NEXT_DAY)
    assert _publish(days, NEXT_DAY) == (0, 1, 0, 0)
    assert _rows(days) == before


def test_a_real_score_replaces_one_by_the_sandbox(days: Days) -> None:
    days.show(economy(1, 1))
    days.run()
    _publish(days)
    live = taken_for_real(days)
    live.prepare()
    _real(days, DAY)
    request = next(one for one in days.requests() if not one["sandbox"])
    answer = {**GOOD, "sandbox": False, "model": "m", "tier": "economy", "attempt_id": "a", "rubric": "r"}
    move = Move(request["_id"], {}, {"status": "answered", "answer": answer})
    days.store.compare_and_set("requests", move)
    live.prepare()
    assert _publish(days) == (1, 0, 0, 0)
    assert _rows(days)["greenhouse/acme/1/backend"]["sandbox"] is False


def test_closed_listings_close_their_rows_and_an_open_one_opens_its_row_again(days: Days) -> None:
    days.show(economy(1, 2))
    days.prepare(profiles=[profile("backend"), profile("nurse")])
    days.drive()
    assert _publish(days)[0] == 4
    days.show(economy(2, 1), NEXT_DAY)
    days.store.compare_and_set("listings", Move("greenhouse/acme/1", {}, {"status": "closed", "closed_on": NEXT_DAY}))
    days.run(NEXT_DAY)
    assert _publish(days, NEXT_DAY)[3] == 2
    assert _publish(days, NEXT_DAY)[3] == 0
    closed = {row["_id"] for row in _rows(days).values() if row["status"] == "closed"}
    assert closed == {"greenhouse/acme/1/backend", "greenhouse/acme/1/nurse"}
    third = "2026-11-23"
    days.show(economy(1, 2), third)
    days.prepare(third, [profile("backend"), profile("nurse")])
    days.drive(third)
    _publish(days, third)
    assert {row["status"] for row in _rows(days).values()} == {"open"}


def test_the_figures_of_a_day_add_up(days: Days) -> None:
    days.show(
        [*economy(1, 4), *ambiguous(10, 2), listing(20, title="Backend Engineer 1", description=listing(1).description)]
    )
    days.run()
    record_listing_counts(days.store, DAY, {"rows": 9, "normalized": 7, "quarantined": 2})
    figures = day_figures(days.store, DAY)
    work = figures.work
    assert work == {"total": 7, "scored": 6, "reused": 1, "rule_scored": 0, "dead": 0, "deferred": 0, "waiting": 0}
    assert figures.listings == {
        "rows": 9, "normalized": 7, "merged": 0, "excluded": 0, "quarantined": 2, "closed": 0,
    }  # fmt: skip
    assert (figures.batches, figures.batches_by_status) == (2, {"collected": 2})
    spend = figures.spend
    assert spend.requests_by_model == {"gpt-6-luna": 4, "gpt-6.1-terra": 2}
    assert sum(spend.by_model.values()) == spend.usd == Decimal(ledger(days.store)).scaleb(-9)
    assert spend.usd == Decimal(days.sandbox.journal()["billed"]["usd"])
    assert spend.sandbox
    summary = figures.summary(seconds=1.23456)
    assert summary["seconds"] == 1.235
    assert summary["spend"]["usd"] == float(spend.usd)
    assert billed(days.sandbox) > 0


def test_a_day_nobody_has_touched_has_figures_of_nothing(days: Days) -> None:
    figures = day_figures(days.store, DAY)
    assert figures.status == "absent"
    assert figures.work["total"] == 0
    assert figures.spend.usd == 0


def test_parts_of_a_report_do_not_overwrite_each_other(days: Days) -> None:
    record_listing_counts(days.store, DAY, {"rows": 1})
    record_best(days.store, DAY, {"backend": [{"listing_id": "x"}]})
    record_report(days.store, day_figures(days.store, DAY), revision=2, now=NOW)
    report = days.store.get("daily_reports", DAY)
    assert report is not None
    assert report["listings"] == {"rows": 1}
    assert report["best"] == {"backend": [{"listing_id": "x"}]}
    assert report["figures"]["listings"]["rows"] == 1
    assert report["revision"] == 2


def test_an_export_row_says_what_was_scored_by_whom_and_whether_it_is_real(days: Days) -> None:
    days.show(economy(1, 2))
    days.run()
    rows = [export_row(scored) for scored in scored_items(days.store, DAY)]
    assert [row["listing_id"] for row in rows] == ["greenhouse/acme/1", "greenhouse/acme/2"]
    assert {row["sandbox"] for row in rows} == {True}
    assert {(row["provider"], row["model"], row["tier"]) for row in rows} == {("openai", "gpt-6-luna", "economy")}
    assert {row["attempt_id"] for row in rows} == {attempt["_id"] for attempt in days.attempts()}


def _scored(number: int, score: int, *, request: str | None = None, confidence: float = 0.5) -> ScoredItem:
    item = {"_id": f"{DAY}/{number:03d}", "listing_id": f"l-{number}", "profile_id": "backend"}
    answer = {**GOOD, "overall_score": score, "confidence": confidence}
    return ScoredItem(item, answer, listing(number).model_dump(mode="json"), request or f"r-{number}")


def test_the_best_matches_are_distinct_answers_in_order_of_score_then_confidence() -> None:
    best = BestMatches(most=3)
    for scored in (
        _scored(1, 50),
        _scored(2, 90, request="clone"),
        _scored(3, 90, request="clone"),
        _scored(4, 70, confidence=0.9),
        _scored(5, 70, confidence=0.4),
    ):
        best.add(scored)
    assert [row["listing_id"] for row in best.rows()["backend"]] == ["l-2", "l-4", "l-5"]
