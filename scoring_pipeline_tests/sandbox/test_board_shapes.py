"""Every row of the sample has the shape and the oddities of its provider."""

import html
import re
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from sandbox_shapes import SHAPES, differences

from scoring_pipeline.sandbox.boards import Boards, build_boards, rows_of

RECORDINGS = Path(__file__).resolve().parents[2].parent / "shared" / "recordings"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def boards() -> Boards:
    return build_boards()


def rows(boards: Boards, provider: Any) -> list[dict[str, Any]]:
    return [row for body in boards[provider].values() for row in rows_of(provider, body)]


def titled(boards: Boards, provider: Any, title: str) -> dict[str, Any]:
    return next(row for row in rows(boards, provider) if str(row.get("title", row.get("text"))).strip() == title)


@pytest.mark.parametrize("provider", SHAPES)
def test_every_row_has_the_fields_and_types_of_its_provider(boards: Boards, provider: str) -> None:
    wrong = {
        (row["id"] if "id" in row else row["shortcode"], *differences(provider, row)) for row in rows(boards, provider)
    }
    assert [entry for entry in wrong if len(entry) > 1] == []


class TestGreenhouse:
    def test_the_envelope_counts_its_jobs(self, boards: Boards) -> None:
        assert all(body["meta"] == {"total": len(body["jobs"])} for body in boards["greenhouse"].values())

    def test_content_is_html_escaped_as_text_so_that_entities_are_escaped_twice(self, boards: Boards) -> None:
        for row in rows(boards, "greenhouse"):
            assert "<" not in row["content"]
            assert "&amp;nbsp;" in row["content"]
            once = html.unescape(row["content"])
            assert once.startswith('<div class="content-intro">')
            assert '<div class="content-conclusion">' in once

    def test_markup_that_is_meant_literally_survives_exactly_one_unescaping(self, boards: Boards) -> None:
        row = next(row for row in rows(boards, "greenhouse") if "hobby project" in row["content"])
        once = html.unescape(row["content"])
        assert "<li>&lt;2 years of experience is fine, and so is R&amp;D" in once
        assert "&amp;lt;" in once

    def test_pay_is_markup_inside_the_content_and_may_have_zones(self, boards: Boards) -> None:
        contents = [html.unescape(row["content"]) for row in rows(boards, "greenhouse")]
        paid = [text for text in contents if '<div class="content-pay-transparency">' in text]
        assert 0 < len(paid) < len(contents)
        assert all(
            re.search(r'<div class="pay-range"><span>\S+</span><span class="divider">&mdash;', text) for text in paid
        )
        assert max(text.count('<div class="pay-input">') for text in paid) == 2

    def test_times_are_eastern_and_follow_daylight_saving(self, boards: Boards) -> None:
        for row in rows(boards, "greenhouse"):
            for text in filter(None, (row["updated_at"], row["first_published"])):
                moment = datetime.fromisoformat(text)
                summer = (
                    moment.astimezone().timestamp() < datetime.fromisoformat("2026-11-01T06:00:00+00:00").timestamp()
                )
                assert text.endswith("-04:00" if summer else "-05:00")

    def test_the_known_oddities_are_there(self, boards: Boards) -> None:
        jobs = rows(boards, "greenhouse")
        assert [job["title"].strip() for job in jobs if job["internal_job_id"] is None] == ["General application"]
        assert sum(job["location"]["name"] is None for job in jobs) == 1
        assert sum(job["first_published"] is None for job in jobs) == 1
        assert any(job["title"] != job["title"].strip() for job in jobs)
        assert any(job["location"]["name"] and job["location"]["name"].endswith(" ") for job in jobs)
        assert any(job["metadata"] is None for job in jobs)
        assert any("language" not in job for job in jobs)
        kinds = {field["value_type"] for job in jobs for field in job["metadata"] or []}
        assert {"user", "currency_range", "single_select", "multi_select", "yes_no"} <= kinds

    def test_one_job_may_have_several_posts_with_ids_of_their_own(self, boards: Boards) -> None:
        posts = boards["greenhouse"]["haldenpay"]["jobs"]
        shared = Counter(post["internal_job_id"] for post in posts)
        assert max(shared.values()) == 4
        assert len({post["id"] for post in posts}) == len(posts)


class TestLever:
    def test_the_envelope_is_a_bare_list(self, boards: Boards) -> None:
        assert all(isinstance(body, list) for body in boards["lever"].values())

    def test_list_items_have_no_list_around_them(self, boards: Boards) -> None:
        contents = [part["content"] for row in rows(boards, "lever") for part in row["lists"]]
        assert all("<ul" not in content and content.strip().startswith("<li>") for content in contents)
        assert any(part["text"] == "" for row in rows(boards, "lever") for part in row["lists"])

    def test_unset_categories_are_absent_and_never_null(self, boards: Boards) -> None:
        categories = [row["categories"] for row in rows(boards, "lever")]
        assert all(value is not None for each in categories for value in each.values())
        assert any("commitment" not in each for each in categories)
        assert any(each.get("team") == "-" for each in categories)
        assert all("level" not in each for each in categories)
        assert any(each["location"] not in each["allLocations"] for each in categories)

    def test_created_at_is_in_milliseconds_and_the_workplace_is_onsite_without_hyphen(self, boards: Boards) -> None:
        found = rows(boards, "lever")
        assert all(1_780_000_000_000 < row["createdAt"] < 1_800_000_000_000 for row in found)
        assert {"onsite", "remote", "hybrid"} <= {row["workplaceType"] for row in found}
        assert {row["workplaceType"] for row in found} <= {"onsite", "remote", "hybrid", "unspecified"}

    def test_pay_is_an_optional_key_with_numbers(self, boards: Boards) -> None:
        ranges = [row["salaryRange"] for row in rows(boards, "lever") if "salaryRange" in row]
        assert 0 < len(ranges) < len(rows(boards, "lever"))
        assert all(set(each) == {"currency", "interval", "min", "max"} and each["min"] < each["max"] for each in ranges)
        assert {each["interval"] for each in ranges} >= {"per-year-salary", "per-hour-wage"}

    def test_some_postings_say_everything_in_lists(self, boards: Boards) -> None:
        silent = [row for row in rows(boards, "lever") if row["descriptionPlain"] == ""]
        assert silent
        assert all(row["lists"] for row in silent)

    def test_apply_url_follows_from_the_hosted_url(self, boards: Boards) -> None:
        for board, body in boards["lever"].items():
            for row in body:
                assert UUID.fullmatch(row["id"])
                assert row["hostedUrl"] == f"https://jobs.lever.co/{board}/{row['id']}"
                assert row["applyUrl"] == row["hostedUrl"] + "/apply"


class TestAshby:
    def test_the_envelope_states_its_version(self, boards: Boards) -> None:
        assert all(body["apiVersion"] == "1" for body in boards["ashby"].values())

    def test_plain_text_has_its_headings_in_capitals(self, boards: Boards) -> None:
        for row in rows(boards, "ashby"):
            headings = [html.unescape(text) for text in re.findall(r"<h2>(.*?)</h2>", row["descriptionHtml"])]
            assert len(headings) >= 5
            assert all(heading.upper() in row["descriptionPlain"] for heading in headings)

    def test_published_at_is_utc_with_milliseconds(self, boards: Boards) -> None:
        texts = [row["publishedAt"] for row in rows(boards, "ashby")]
        assert all(len(text) == 29 and text.endswith("+00:00") for text in texts)

    def test_undisclosed_pay_is_an_object_of_nothing(self, boards: Boards) -> None:
        for row in rows(boards, "ashby"):
            pay = row["compensation"]
            assert set(pay) == {
                "compensationTierSummary",
                "scrapeableCompensationSalarySummary",
                "compensationTiers",
                "summaryComponents",
            }
            if not row["shouldDisplayCompensationOnJobPostings"]:
                assert list(pay.values()) == [None, None, [], []]

    def test_disclosed_pay_has_tiers_of_components(self, boards: Boards) -> None:
        tiers = [tier for row in rows(boards, "ashby") for tier in row["compensation"]["compensationTiers"]]
        parts = [part for tier in tiers for part in tier["components"]]
        assert tiers
        assert all(set(tier) == {"id", "tierSummary", "title", "additionalInformation", "components"} for tier in tiers)
        keys = {"id", "summary", "compensationType", "interval", "currencyCode", "minValue", "maxValue"}
        assert all(set(part) == keys for part in parts)
        assert {part["compensationType"] for part in parts} == {"Salary", "EquityPercentage"}
        assert any(tier["title"] for tier in tiers)
        assert any(part["interval"] == "1 YEAR" and part["minValue"] == 26 for part in parts)

    def test_the_known_oddities_are_there(self, boards: Boards) -> None:
        found = rows(boards, "ashby")
        assert {row["isRemote"] for row in found} == {True, False, None}
        assert {row["workplaceType"] for row in found} == {"OnSite", "Hybrid", "Remote", None}
        assert sum(not row["isListed"] for row in found) == 1
        assert sum(row["address"] is None for row in found) == 1
        assert any(row["title"] != row["title"].strip() for row in found)
        secondary = [each for row in found for each in row["secondaryLocations"]]
        assert secondary
        assert all(set(each) == {"location", "address"} for each in secondary)
        assert " " in "".join(boards["ashby"])
        assert "." in "".join(boards["ashby"])


class TestWorkable:
    def test_the_envelope_names_the_company(self, boards: Boards) -> None:
        assert all(set(body) == {"name", "description", "jobs"} for body in boards["workable"].values())

    def test_a_posting_is_repeated_for_each_place_and_differs_only_in_it(self, boards: Boards) -> None:
        grouped: dict[str, list[dict[str, Any]]] = {}
        for row in rows(boards, "workable"):
            grouped.setdefault(row["shortcode"], []).append(row)
        repeated = [each for each in grouped.values() if len(each) > 1]
        assert len(repeated) >= 3
        places = {"country", "city", "state", "locations"}
        for each in repeated:
            assert all(
                {k: v for k, v in row.items() if k not in places}
                == {k: v for k, v in each[0].items() if k not in places}
                for row in each
            )
            assert len({row["city"] for row in each}) == len(each)

    def test_shortcodes_are_ten_hexadecimal_digits_and_name_the_urls(self, boards: Boards) -> None:
        for row in rows(boards, "workable"):
            assert re.fullmatch(r"[0-9A-F]{10}", row["shortcode"])
            assert row["url"] == row["shortlink"] == f"https://apply.workable.com/j/{row['shortcode']}"
            assert row["application_url"] == row["url"] + "/apply"

    def test_the_known_oddities_are_there(self, boards: Boards) -> None:
        found = rows(boards, "workable")
        assert {"", None, "Full-time"} <= {row["employment_type"] for row in found}
        locations = [place for row in found for place in row["locations"]]
        assert all(set(place) == {"country", "countryCode", "city", "region", "hidden"} for place in locations)
        assert any(place["hidden"] for place in locations)
        assert any(place["region"] is None for place in locations)
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", row["published_on"]) for row in found)
        assert all("<p><strong>Requirements</strong></p>" in row["description"] for row in found)

    def test_city_clones_share_one_text_under_shortcodes_of_their_own(self, boards: Boards) -> None:
        texts = Counter(row["description"] for row in boards["workable"]["st-aldhelms-care"]["jobs"])
        text, copies = texts.most_common(1)[0]
        assert copies == 6
        clones = [row for row in rows(boards, "workable") if row["description"] == text]
        assert len({row["shortcode"] for row in clones}) == len({row["city"] for row in clones}) == 6


class TestRecruitee:
    def test_pay_is_always_an_object_and_its_numbers_are_strings(self, boards: Boards) -> None:
        salaries = [row["salary"] for row in rows(boards, "recruitee")]
        assert all(set(each) == {"min", "max", "period", "currency"} for each in salaries)
        assert all(isinstance(each["min"], str | None) for each in salaries)
        assert any(each["min"] and "." in each["min"] for each in salaries)
        assert any(each["min"] and "." not in each["min"] for each in salaries)
        assert any(each["min"] is None and each["currency"] for each in salaries)
        assert {each["period"] for each in salaries} >= {"month", "year", None}

    def test_work_modes_do_not_exclude_each_other(self, boards: Boards) -> None:
        flags = {(row["remote"], row["hybrid"], row["on_site"]) for row in rows(boards, "recruitee")}
        assert {(True, True, True), (False, True, True), (True, False, False), (False, False, True)} <= flags

    def test_dates_are_not_iso(self, boards: Boards) -> None:
        for row in rows(boards, "recruitee"):
            for name in ("published_at", "created_at", "updated_at"):
                assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", row[name])

    def test_the_known_oddities_are_there(self, boards: Boards) -> None:
        found = rows(boards, "recruitee")
        assert any("highlight" in row for row in found)
        assert any("highlight" not in row for row in found)
        assert any(row["department"] is None for row in found)
        assert any(row["location"] == "Remote job" for row in found)
        assert all("@" in row["mailbox_email"] for row in found)
        assert any(len(row["translations"]) > 1 for row in found)
        assert any(row.get("min_hours_per_week", "") is None for row in found)
        assert any("min_hours_per_week" not in row for row in found)
        assert all(row["careers_apply_url"] == row["careers_url"] + "/c/new" for row in found)


@pytest.mark.parametrize(
    ("provider", "pattern", "ours_alone"),
    [
        pytest.param("ashby", "ashby/*.json", {"workplaceType"}, id="Ashby, recorded before workplaceType"),
        pytest.param(
            "greenhouse", "greenhouse/duolingo_two_with_content.json", {"education"}, id="Greenhouse with content"
        ),
        pytest.param(
            "lever",
            "lever/*.json",
            set(),
            id="Lever",
        ),
    ],
)
def test_the_tables_of_types_hold_for_recorded_rows_too(provider: Any, pattern: str, ours_alone: set[str]) -> None:
    paths = sorted(RECORDINGS.glob(pattern))
    if not paths:
        pytest.skip(f"no recordings at {RECORDINGS / pattern}")
    known = {*SHAPES[provider][0], *SHAPES[provider][1]} - ours_alone
    for path in paths[:20]:
        for row in rows_of(provider, orjson.loads(path.read_bytes())):
            lines = differences(provider, {k: v for k, v in row.items() if k in known})
            assert [line for line in lines if line.split()[0] not in ours_alone] == [], path.name
