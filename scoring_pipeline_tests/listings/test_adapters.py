"""Every oddity of the five providers, in their own wire shape: one case each."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from listings_kit import ashby, component, greenhouse, lever, recruitee, tier, workable, workable_v3

from scoring_pipeline.listings.adapters import PARSERS
from scoring_pipeline.listings.draft import BoardContext, Draft, Excluded, PostingError
from scoring_pipeline.listings.model import Compensation, Place, Provider


def draft(provider: Provider, payload: dict[str, Any], **facts: Any) -> Draft:
    read = PARSERS[provider](payload, BoardContext(provider, "acme", **facts))
    assert isinstance(read, Draft), read
    return read


def pay(found: Draft) -> list[tuple[float | None, float | None, str | None, str | None, str | None, bool]]:
    return [(c.minimum, c.maximum, c.currency, c.period, c.label, c.implausible) for c in found.compensation]


def cities(found: Draft) -> list[tuple[str | None, str | None, str | None]]:
    return [(place.city, place.region, place.country) for place in found.places]


class TestGreenhouse:
    def test_content_is_unescaped_exactly_once(self) -> None:
        content = "&lt;p&gt;R&amp;amp;D,&amp;nbsp;&amp;lt;2 years&lt;/p&gt;"
        assert draft("greenhouse", greenhouse(content=content)).description == "R&D, <2 years"

    def test_a_list_without_content_gives_an_empty_description(self) -> None:
        posting = greenhouse()
        del posting["content"], posting["departments"], posting["offices"]
        assert draft("greenhouse", posting).description == ""

    def test_intro_and_conclusion_stay_in_the_description(self) -> None:
        content = (
            '&lt;div class="content-intro"&gt;Us&lt;/div&gt;&lt;p&gt;Job&lt;/p&gt;'
            '&lt;div class="content-conclusion"&gt;End&lt;/div&gt;'
        )
        assert draft("greenhouse", greenhouse(content=content)).description == "Us\n\nJob\n\nEnd"

    def test_pay_markup_is_read_from_every_block(self) -> None:
        block = (
            '<div class="pay-input"><div class="description"></div><div class="title">{title}</div>'
            '<div class="pay-range"><span>{low}</span><span class="divider">&mdash;</span><span>{high}</span></div>'
            "</div>"
        )
        html = (
            '<div class="content-pay-transparency">'
            + block.format(title="Annual Salary, Zone 1", low="$120,000", high="$160,000 USD")
            + block.format(title="Zone 2", low="$110,000", high="$150,000 USD")
            + "</div>"
        )
        escaped = html.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
        assert pay(draft("greenhouse", greenhouse(content=escaped))) == [
            (120000, 160000, "USD", "year", "Annual Salary, Zone 1", False),
            (110000, 150000, "USD", None, "Zone 2", False),
        ]

    def test_pay_ranges_of_the_detail_are_cents_without_a_period(self) -> None:
        ranges = [{"min_cents": 5000, "max_cents": 7000, "currency_type": "USD", "title": "Pay", "blurb": None}]
        assert pay(draft("greenhouse", greenhouse(pay_input_ranges=ranges))) == [(50, 70, "USD", None, "Pay", False)]

    def test_a_period_is_taken_from_the_title_of_a_range(self) -> None:
        ranges = [{"min_cents": 5000, "max_cents": 7000, "currency_type": "USD", "title": "Hourly rate", "blurb": ""}]
        assert draft("greenhouse", greenhouse(pay_input_ranges=ranges)).compensation[0].period == "hour"

    def test_a_null_location_name_gives_no_place(self) -> None:
        assert draft("greenhouse", greenhouse(location={"name": None})).places == ()

    def test_offices_tell_the_place_where_the_location_names_none(self) -> None:
        offices = [{"id": 1, "name": "HQ", "location": "Porto, Portugal", "child_ids": [], "parent_id": None}]
        found = draft("greenhouse", greenhouse(location={"name": "Hybrid"}, offices=offices))
        assert cities(found) == [("Porto", None, "PT")]
        assert found.remote_policy == "hybrid"

    def test_titles_and_locations_are_trimmed(self) -> None:
        found = draft("greenhouse", greenhouse(title="  Engineer \u00a0", location={"name": "Lisbon, Portugal "}))
        assert found.title == "Engineer"
        assert found.places == (Place(city="Lisbon", country="PT", label="Lisbon, Portugal"),)

    def test_an_absent_company_name_falls_back_to_configuration_then_to_the_board(self) -> None:
        posting = greenhouse()
        del posting["company_name"]
        assert draft("greenhouse", posting, company="Acme Inc.").company == "Acme Inc."
        assert draft("greenhouse", posting).company == "acme"

    def test_a_post_without_a_job_is_excluded_as_prospect_post(self) -> None:
        context = BoardContext("greenhouse", "acme")
        assert PARSERS["greenhouse"](greenhouse(internal_job_id=None), context) == Excluded("prospect_post")

    def test_a_null_or_absent_publication_date_is_none_and_the_noisy_update_is_not_used(self) -> None:
        assert draft("greenhouse", greenhouse(first_published=None)).posted_at is None
        posting = greenhouse()
        del posting["first_published"]
        assert draft("greenhouse", posting).posted_at is None
        assert draft("greenhouse", greenhouse()) == draft(
            "greenhouse", greenhouse(updated_at="2026-08-01T00:00:00-04:00")
        )

    def test_the_eastern_offset_becomes_utc(self) -> None:
        expected = datetime(2026, 3, 9, 15, 34, 5, tzinfo=UTC)
        assert draft("greenhouse", greenhouse()).posted_at == expected

    def test_the_language_is_a_setting_of_the_board_and_zhhant_becomes_a_language_tag(self) -> None:
        assert draft("greenhouse", greenhouse(language="zhHant")).source["board_language"] == "zh-Hant"
        posting = greenhouse()
        del posting["language"]
        assert "board_language" not in draft("greenhouse", posting).source

    def test_a_hiring_manager_in_the_metadata_is_not_kept(self) -> None:
        metadata = [
            {"id": 1, "name": "Hiring Manager", "value": {"name": "Jo", "email": "jo@x.io"}, "value_type": "user"},
            {"id": 2, "name": "Division", "value": "Business", "value_type": "single_select"},
        ]
        kept = draft("greenhouse", greenhouse(metadata=metadata)).source
        assert kept["metadata"] == {"Division": "Business"}
        assert "jo@x.io" not in json.dumps(kept)

    def test_settings_of_the_application_form_are_not_requirements(self) -> None:
        with_form = draft("greenhouse", greenhouse(education="education_required", employment="employment_optional"))
        assert with_form == draft("greenhouse", greenhouse())


class TestLever:
    def test_all_parts_are_there_in_order_with_the_headings_of_lists(self) -> None:
        posting = lever(salaryDescription="<div>$1</div>")
        assert draft("lever", posting).description == (
            "Who we are.\n\nWhat you do.\n\nRequirements\n\n- Python\n- SQL\n\nBenefits.\n\n$1"
        )

    def test_description_stands_in_where_the_body_is_missing(self) -> None:
        posting = lever(lists=[], additional="")
        del posting["descriptionBody"]
        assert draft("lever", posting).description == "Who we are.\nWhat you do."

    def test_an_opening_alone_is_kept(self) -> None:
        posting = lever(lists=[], additional="", description="<div><br></div>", descriptionBody="")
        assert draft("lever", posting).description == "Who we are."

    def test_a_posting_whose_plain_texts_are_empty_has_the_text_of_its_html(self) -> None:
        posting = lever(opening="", openingPlain="", descriptionPlain="", descriptionBodyPlain="", additionalPlain="")
        assert "What you do." in draft("lever", posting).description

    def test_a_list_without_a_heading_and_a_heading_with_markup_characters(self) -> None:
        lists = [{"text": "", "content": "<li>a</li>"}, {"text": "R&D <core>", "content": "<li>b</li>"}]
        posting = lever(lists=lists, opening="", additional="")
        assert draft("lever", posting).description == "What you do.\n\n- a\n\nR&D <core>\n\n- b"

    def test_absent_keys_of_categories_and_a_dash_are_nothing(self) -> None:
        found = draft("lever", lever(categories={"team": "-", "location": "Lisbon"}))
        assert (found.department, found.employment_type, found.employment_raw) == (None, None, None)
        assert found.source == {"country": "PT"}

    def test_created_at_is_milliseconds(self) -> None:
        assert draft("lever", lever()).posted_at == datetime(2024, 3, 25, 21, 50, 16, 463000, tzinfo=UTC)

    def test_created_at_in_seconds_is_refused_rather_than_read_as_1970(self) -> None:
        with pytest.raises(PostingError, match="createdAt"):
            draft("lever", lever(createdAt=1711403416))

    @pytest.mark.parametrize(
        ("value", "policy"),
        [
            pytest.param("onsite", "onsite", id="what Lever sends"),
            pytest.param("on-site", "onsite", id="what Lever documents"),
            pytest.param("hybrid", "hybrid", id="hybrid"),
            pytest.param("remote", "remote", id="remote"),
            pytest.param("unspecified", "unknown", id="unspecified says nothing"),
            pytest.param(None, "unknown", id="null says nothing"),
        ],
    )
    def test_workplace_type(self, value: str | None, policy: str) -> None:
        assert draft("lever", lever(workplaceType=value)).remote_policy == policy

    def test_a_commitment_may_say_remote_where_the_workplace_type_does_not(self) -> None:
        categories = {"commitment": "Full-Time - Remote", "location": "Lisbon"}
        found = draft("lever", lever(workplaceType="unspecified", categories=categories))
        assert (found.remote_policy, found.employment_type) == ("remote", "full_time")

    def test_places_are_the_union_of_location_and_all_locations(self) -> None:
        categories = {"location": "Portland, OR", "allLocations": ["Taiwan, Taipei", "Hong Kong"]}
        found = draft("lever", lever(categories=categories, country="US"))
        assert cities(found) == [("Portland", "OR", "US"), ("Taipei", None, "TW"), (None, None, "HK")]

    def test_the_country_is_evidence_for_the_location_beside_it(self) -> None:
        categories = {"location": "London", "allLocations": ["London"]}
        assert cities(draft("lever", lever(categories=categories, country="GB"))) == [("London", None, "GB")]

    @pytest.mark.parametrize(
        ("interval", "period"),
        [
            pytest.param("per-year-salary", "year", id="a year"),
            pytest.param("per-month-salary", "month", id="a month"),
            pytest.param("per-week-salary", "week", id="a week"),
            pytest.param("per-day-wage", "day", id="a day"),
            pytest.param("per-hour-wage", "hour", id="an hour"),
            pytest.param("one-time", None, id="an interval that is no period"),
        ],
    )
    def test_salary_range_intervals(self, interval: str, period: str | None) -> None:
        stated = {"currency": "USD", "interval": interval, "min": 900, "max": 1000}
        assert draft("lever", lever(salaryRange=stated)).compensation[0].period == period

    def test_pay_is_read_from_the_salary_text_where_there_is_no_range(self) -> None:
        text = "<div>The salary is \u20ac50k - \u20ac60k per year.</div>"
        assert pay(draft("lever", lever(salaryDescription=text))) == [(50000, 60000, "EUR", "year", None, False)]
        assert draft("lever", lever(salaryDescription="<div><br></div>")).compensation == ()

    def test_the_company_is_the_configured_one(self) -> None:
        assert draft("lever", lever(), company="Example").company == "Example"
        assert draft("lever", lever()).company == "acme"


class TestAshby:
    def test_html_is_read_and_not_the_upper_cased_plain_text(self) -> None:
        assert draft("ashby", ashby()).description == "About us\n\nWe build."

    def test_plain_text_serves_where_there_is_no_html(self) -> None:
        assert draft("ashby", ashby(descriptionHtml=None)).description == "ABOUT US\n\nWe build."

    @pytest.mark.parametrize(
        ("address", "expected"),
        [
            pytest.param(None, [("London", None, None)], id="a null address: the country is not guessed"),
            pytest.param({}, [("London", None, None)], id="an empty address"),
            pytest.param({"postalAddress": {}}, [("London", None, None)], id="an empty postal address"),
            pytest.param(
                {"postalAddress": {"addressLocality": " London ", "addressRegion": "", "addressCountry": "UK"}},
                [("London", None, "GB")],
                id="blanks and empty values",
            ),
            pytest.param(
                {"postalAddress": {"addressCountry": "European Union"}},
                [("London", "EU", None)],
                id="a union in the place of a country",
            ),
            pytest.param(
                {"postalAddress": {"addressCountry": "anywhere"}}, [("London", None, None)], id="no country at all"
            ),
            pytest.param(
                {"postalAddress": {"addressLocality": "Leeds", "addressCountry": "United Kingdom"}},
                [("London", None, None), ("Leeds", None, "GB")],
                id="a city that no label names is a place of its own",
            ),
        ],
    )
    def test_addresses_fill_in_labels(self, address: Any, expected: list[Any]) -> None:
        assert cities(draft("ashby", ashby(address=address))) == expected

    def test_regions_of_the_us_are_codes_however_written(self) -> None:
        address = {"postalAddress": {"addressRegion": "California ", "addressCountry": "U.S.A"}}
        assert cities(draft("ashby", ashby(location="San Fransisco", address=address))) == [
            ("San Francisco", "CA", "US")
        ]

    def test_secondary_locations_are_objects_or_texts_and_repeated_places_count_once(self) -> None:
        postal = {"postalAddress": {"addressLocality": "Paris", "addressCountry": "France"}}
        secondary = [{"location": "Paris", "address": postal}, "Paris, France", {"location": "Rome", "address": None}]
        found = draft("ashby", ashby(secondaryLocations=secondary))
        assert cities(found) == [("London", None, "GB"), ("Paris", None, "FR"), ("Rome", None, None)]

    @pytest.mark.parametrize(
        ("changes", "policy"),
        [
            pytest.param({"isRemote": None}, "unknown", id="null is not false"),
            pytest.param({"isRemote": False}, "onsite", id="false"),
            pytest.param({"isRemote": True}, "remote", id="true without a word in the label"),
            pytest.param({"isRemote": False, "location": "Remote (US)"}, "remote", id="the label says otherwise"),
            pytest.param({"isRemote": True, "location": "London - Hybrid"}, "hybrid", id="the label says hybrid"),
            pytest.param({"isRemote": True, "workplaceType": "Hybrid"}, "hybrid", id="the workplace type decides"),
            pytest.param({"isRemote": None, "workplaceType": "OnSite"}, "onsite", id="OnSite"),
            pytest.param({"isRemote": None, "workplaceType": None}, "unknown", id="a null workplace type"),
        ],
    )
    def test_remote_policy(self, changes: dict[str, Any], policy: str) -> None:
        assert draft("ashby", ashby(**changes)).remote_policy == policy

    def test_an_unlisted_posting_is_excluded_as_unlisted(self) -> None:
        assert PARSERS["ashby"](ashby(isListed=False), BoardContext("ashby", "acme")) == Excluded("unlisted")

    def test_pay_is_read_inside_the_job_from_salary_components_of_every_tier(self) -> None:
        tiers = [
            tier(
                "Zone 1", component(), component("EquityPercentage", interval="NONE", currencyCode=None, minValue=0.5)
            ),
            tier("Zone 2", component(minValue=90000, maxValue=140000), component("Bonus", minValue=5000)),
            tier(None, component("EquityCashValue"), component("Commission", minValue=1)),
        ]
        assert pay(draft("ashby", ashby(compensation={"compensationTiers": tiers}))) == [
            (100000, 150000, "USD", "year", "Zone 1", False),
            (90000, 140000, "USD", "year", "Zone 2", False),
        ]

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            pytest.param({"interval": "1 HOUR", "minValue": 40, "maxValue": 60}, (40, 60, "hour", False), id="hourly"),
            pytest.param(
                {"interval": "1 MONTH", "minValue": 3000, "maxValue": 5000}, (3000, 5000, "month", False), id="monthly"
            ),
            pytest.param(
                {"interval": "2 WEEK", "minValue": 4000, "maxValue": 6000},
                (2000, 3000, "week", False),
                id="fortnightly",
            ),
            pytest.param({"interval": "1 TIME"}, (100000, 150000, None, False), id="once is no period"),
            pytest.param(
                {"minValue": 26, "maxValue": 26}, (26, 26, "year", True), id="1 YEAR of 26 is kept and flagged"
            ),
            pytest.param({"minValue": 0, "maxValue": 0}, (0, 0, "year", True), id="a salary of 0 is flagged"),
            pytest.param({"minValue": None}, (None, 150000, "year", False), id="an open range"),
        ],
    )
    def test_salary_components(self, changes: dict[str, Any], expected: tuple[Any, ...]) -> None:
        found = draft("ashby", ashby(compensation={"compensationTiers": [tier(None, component(**changes))]}))
        assert [(c.minimum, c.maximum, c.period, c.implausible) for c in found.compensation] == [expected]

    def test_the_salary_summary_serves_where_no_component_has_figures(self) -> None:
        stated = {
            "compensationTiers": [tier(None, component(minValue=None, maxValue=None))],
            "scrapeableCompensationSalarySummary": "\u00a393.3K - \u00a3120K",
            "compensationTierSummary": "\u00a393.3K \u2013 \u00a3120K \u2022 0.5% \u2013 3%",
        }
        assert pay(draft("ashby", ashby(compensation=stated))) == [(93300, 120000, "GBP", None, None, False)]

    def test_hidden_compensation_is_no_pay(self) -> None:
        assert draft("ashby", ashby(shouldDisplayCompensationOnJobPostings=False)).compensation == ()
        assert draft("ashby", ashby(compensation=None)).compensation == ()

    def test_an_address_with_a_space_is_escaped(self) -> None:
        found = draft("ashby", ashby(jobUrl="https://jobs.ashbyhq.com/Rose Rocket/1", applyUrl=None))
        assert found.url == found.apply_url == "https://jobs.ashbyhq.com/Rose%20Rocket/1"


class TestWorkable:
    def test_the_company_is_the_envelope_s(self) -> None:
        assert draft("workable", workable(), envelope={"name": "Example"}).company == "Example"

    def test_state_is_a_region_in_widget_rows(self) -> None:
        assert cities(draft("workable", workable())) == [("Boston", "MA", "US")]

    def test_hidden_locations_are_left_out_where_others_are_shown(self) -> None:
        hidden = {"country": "Spain", "countryCode": "ES", "city": "Madrid", "region": None, "hidden": True}
        shown = {"country": "Italy", "countryCode": "IT", "city": "Rome", "region": None, "hidden": False}
        assert cities(draft("workable", workable(locations=[hidden, shown]))) == [("Rome", None, "IT")]
        assert cities(draft("workable", workable(locations=[hidden]))) == [("Madrid", None, "ES")]

    @pytest.mark.parametrize(
        ("raw", "kind"),
        [
            pytest.param("Full-time", "full_time", id="full time"),
            pytest.param("Contract", "contract", id="contract"),
            pytest.param("", None, id="empty"),
            pytest.param(None, None, id="null"),
        ],
    )
    def test_employment_types(self, raw: str | None, kind: str | None) -> None:
        assert draft("workable", workable(employment_type=raw)).employment_type == kind

    def test_telecommuting_is_remote_unless_the_title_says_hybrid(self) -> None:
        assert draft("workable", workable(telecommuting=True)).remote_policy == "remote"
        assert draft("workable", workable(telecommuting=True, title="Engineer (Hybrid)")).remote_policy == "hybrid"
        assert draft("workable", workable()).remote_policy == "onsite"

    def test_the_publication_date_is_a_day(self) -> None:
        assert draft("workable", workable()).posted_at == datetime(2024, 4, 16, tzinfo=UTC)

    def test_empty_fields_are_nothing(self) -> None:
        found = draft("workable", workable())
        assert found.department is None
        assert found.source == {}

    def test_a_row_without_description_is_tolerated(self) -> None:
        posting = workable()
        del posting["description"]
        assert draft("workable", posting).description == ""

    def test_a_v3_row_is_read_with_its_own_fields(self) -> None:
        found = draft("workable", workable_v3())
        assert (found.posting_id, found.department, found.employment_type) == ("97904BAC90", "Product", "full_time")
        assert found.url == "https://apply.workable.com/j/97904BAC90"
        assert found.apply_url == "https://apply.workable.com/j/97904BAC90/apply"
        assert cities(found) == [("Paris", "\u00cele-de-France", "FR")]
        assert found.posted_at == datetime(2026, 6, 2, tzinfo=UTC)
        assert found.remote_policy == "remote"

    @pytest.mark.parametrize(
        ("workplace", "policy"),
        [
            pytest.param("on_site", "onsite", id="on_site"),
            pytest.param("hybrid", "hybrid", id="hybrid although remote is true"),
        ],
    )
    def test_v3_workplaces(self, workplace: str, policy: str) -> None:
        assert draft("workable", workable_v3(workplace=workplace)).remote_policy == policy

    def test_the_detail_s_separate_parts_are_joined(self) -> None:
        posting = workable_v3(description="<p>A</p>", requirements="<ul><li>B</li></ul>", benefits="<p>C</p>")
        assert draft("workable", posting).description == "A\n\n- B\n\nC"

    @pytest.mark.parametrize(
        ("changes", "rule"),
        [
            pytest.param({"state": "draft"}, "unpublished", id="state is a status in v3 rows"),
            pytest.param({"isInternal": True}, "internal", id="internal postings"),
        ],
    )
    def test_v3_rows_that_are_not_public_are_excluded(self, changes: dict[str, Any], rule: str) -> None:
        assert PARSERS["workable"](workable_v3(**changes), BoardContext("workable", "acme")) == Excluded(rule)


class TestRecruitee:
    def test_numbers_that_are_text_are_numbers(self) -> None:
        salary = {"min": "45000.00", "max": "52000", "period": "year", "currency": "EUR"}
        assert pay(draft("recruitee", recruitee(salary=salary))) == [(45000, 52000, "EUR", "year", None, False)]
        hourly = {"min": "15.75", "max": None, "period": "hour", "currency": "EUR"}
        assert pay(draft("recruitee", recruitee(salary=hourly))) == [(15.75, None, "EUR", "hour", None, False)]

    def test_a_currency_without_figures_is_no_pay(self) -> None:
        salary = {"min": None, "max": None, "period": "month", "currency": "EUR"}
        assert draft("recruitee", recruitee(salary=salary)).compensation == ()

    @pytest.mark.parametrize(
        ("flags", "policy", "evidence"),
        [
            pytest.param((True, True, True), "remote", "remote, hybrid, on_site", id="all three"),
            pytest.param((True, True, False), "remote", "remote, hybrid", id="remote and hybrid"),
            pytest.param((False, True, True), "hybrid", "hybrid, on_site", id="hybrid and on site"),
            pytest.param((False, False, True), "onsite", "on_site", id="on site alone"),
            pytest.param((False, False, False), "unknown", None, id="none of them says nothing"),
        ],
    )
    def test_the_three_flags_do_not_exclude_each_other(
        self, flags: tuple[bool, bool, bool], policy: str, evidence: str | None
    ) -> None:
        remote, hybrid, on_site = flags
        found = draft("recruitee", recruitee(remote=remote, hybrid=hybrid, on_site=on_site))
        assert (found.remote_policy, found.remote_evidence) == (policy, evidence)

    def test_all_three_texts_are_there_whichever_exist(self) -> None:
        assert draft("recruitee", recruitee()).description == "What you do.\n\nWhat you bring."
        found = draft("recruitee", recruitee(highlight="<p>In short.</p>"))
        assert found.description == "What you do.\n\nIn short.\n\nWhat you bring."

    def test_a_translation_serves_where_the_default_language_is_empty(self) -> None:
        nl = {"title": "Ontwikkelaar", "description": "<p>Wat je doet.</p>", "requirements": None}
        posting = recruitee(title="", description="", requirements=None, translations={"nl": nl, "xx": {}})
        found = draft("recruitee", posting)
        assert (found.title, found.description) == ("Ontwikkelaar", "Wat je doet.")

    def test_dates_are_not_iso(self) -> None:
        assert draft("recruitee", recruitee()).posted_at == datetime(2024, 6, 5, 19, 21, 54, tzinfo=UTC)

    def test_the_label_remote_job_is_no_place_and_locations_are(self) -> None:
        found = draft("recruitee", recruitee(location="Remote job", remote=False, hybrid=False))
        assert cities(found) == [("Amsterdam", "Noord-Holland", "NL")]
        assert found.remote_policy == "remote"

    def test_locations_may_hold_places_that_the_label_omits(self) -> None:
        second = {"id": 2, "name": "Lab", "city": "Ghent", "country": "Belgium", "country_code": "BE"}
        found = draft("recruitee", recruitee(locations=[*recruitee()["locations"], second]))
        assert cities(found) == [("Amsterdam", "Noord-Holland", "NL"), ("Ghent", None, "BE")]

    @pytest.mark.parametrize(
        ("code", "kind"),
        [
            pytest.param("fulltime_permanent", "full_time", id="permanent"),
            pytest.param("fulltime_fixed_term", "full_time", id="hours before duration"),
            pytest.param("parttime_minijob", "part_time", id="minijob"),
            pytest.param("freelance", "freelance", id="freelance"),
            pytest.param("traineeship", "internship", id="traineeship"),
            pytest.param("apprenticeship", "apprenticeship", id="apprenticeship"),
        ],
    )
    def test_employment_codes(self, code: str, kind: str) -> None:
        assert draft("recruitee", recruitee(employment_type_code=code)).employment_type == kind

    def test_both_generations_of_hours_are_read(self) -> None:
        text = recruitee(min_hours_per_week="32", max_hours_per_week="40.0")
        assert draft("recruitee", text).source["hours_per_week"] == [32, 40]
        assert draft("recruitee", recruitee(min_hours=36, max_hours=None)).source["hours_per_week"] == [36]

    def test_the_applicants_in_box_and_sort_positions_are_not_kept(self) -> None:
        found = draft("recruitee", recruitee())
        assert "recruitee.com" not in json.dumps(found.source)
        assert found == draft("recruitee", recruitee(position=99, updated_at="2024-07-01 00:00:00 UTC"))

    def test_an_unpublished_offer_is_excluded(self) -> None:
        context = BoardContext("recruitee", "acme")
        assert PARSERS["recruitee"](recruitee(status="archived"), context) == Excluded("unpublished")


@pytest.mark.parametrize(
    ("provider", "payload", "field"),
    [
        pytest.param("greenhouse", greenhouse(title=None), "title", id="no title"),
        pytest.param("greenhouse", greenhouse(title=" \u200b "), "title", id="a title nobody sees"),
        pytest.param("greenhouse", greenhouse(absolute_url="javascript:alert(1)"), "absolute_url", id="not a web link"),
        pytest.param("greenhouse", greenhouse(id=True), "id", id="a boolean is no id"),
        pytest.param("greenhouse", greenhouse(content=["x"]), "content", id="content that is a list"),
        pytest.param(
            "greenhouse", greenhouse(first_published="2026-03-09T11:34:05"), "first_published", id="no offset"
        ),
        pytest.param("lever", lever(lists=[None]), "lists", id="a list entry that is null"),
        pytest.param("lever", lever(categories=[]), "categories", id="categories that are a list"),
        pytest.param("lever", lever(id="a/b"), "id", id="an id with a slash would break the keys"),
        pytest.param("lever", lever(workplaceType="moon"), "workplaceType", id="a way of working nobody knows"),
        pytest.param("ashby", ashby(secondaryLocations=[7]), "secondaryLocations", id="a location that is a number"),
        pytest.param("ashby", ashby(isRemote="yes"), "isRemote", id="a flag that is text"),
        pytest.param("workable", workable(published_on="16/04/2024"), "published_on", id="another way to write a day"),
        pytest.param(
            "recruitee", recruitee(published_at="2024-06-05T19:21:54Z"), "published_at", id="ISO where it is not"
        ),
        pytest.param("recruitee", recruitee(salary={"min": "a lot"}), "min", id="a number that is a phrase"),
    ],
)
def test_what_does_not_fit_names_its_field(provider: Provider, payload: dict[str, Any], field: str) -> None:
    with pytest.raises(PostingError) as caught:
        PARSERS[provider](payload, BoardContext(provider, "acme"))
    assert caught.value.field == field


def test_every_provider_has_an_adapter_and_a_module_of_its_own() -> None:
    folder = Path(PARSERS["ashby"].__code__.co_filename).parent
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == set(PARSERS)


def test_compensation_is_never_in_cents_and_never_equity() -> None:
    equity = tier(None, component("EquityPercentage", interval="NONE", currencyCode=None, minValue=0.5, maxValue=3))
    assert draft("ashby", ashby(compensation={"compensationTiers": [equity]})).compensation == ()
    assert (
        Compensation(minimum=50, maximum=70, currency="USD")
        == draft(
            "greenhouse",
            greenhouse(pay_input_ranges=[{"min_cents": 5000, "max_cents": 7000, "currency_type": "USD"}]),
        ).compensation[0]
    )
