"""Places from labels and fields."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring_pipeline.listings.gazetteer import any_country_code, country_code, subdivision
from scoring_pipeline.listings.labels import places_in
from scoring_pipeline.listings.model import Place
from scoring_pipeline.listings.places import joined, structured

Parts = tuple[str | None, str | None, str | None]


def parts(places: Sequence[Place]) -> list[Parts]:
    return [(place.city, place.region, place.country) for place in places]


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        pytest.param("New York, NY (HQ)", [("New York", "NY", "US")], id="a remark in brackets"),
        pytest.param(
            "SF, NYC, SEA",
            [("San Francisco", None, None), ("New York", None, "US"), ("Seattle", None, None)],
            id="abbreviated cities; New York is in the US as a city and as a state",
        ),
        pytest.param(
            "Oslo; Bergen; Cork", [("Oslo", None, None), ("Bergen", None, None), ("Cork", None, None)], id="A; B; C"
        ),
        pytest.param("U.S. - Remote", [(None, None, "US")], id="a country and a way of working"),
        pytest.param("Remote - EMEA", [(None, "EMEA", None)], id="an area of many countries"),
        pytest.param("Portland, OR", [("Portland", "OR", "US")], id="OR is Oregon after a comma"),
        pytest.param("Dublin OR London", [("Dublin", None, None), ("London", None, None)], id="OR separates words"),
        pytest.param(
            "San Francisco, CA \u2022 United States", [("San Francisco", "CA", "US"), (None, None, "US")], id="bullets"
        ),
        pytest.param("Cambridge", [("Cambridge", None, None)], id="a city's country is not guessed"),
        pytest.param("Georgia", [(None, "Georgia", None)], id="a state or a country: neither is guessed"),
        pytest.param("Berlin, DE", [("Berlin", None, "DE")], id="DE after a German city is Germany"),
        pytest.param("Dover, DE", [("Dover", "DE", "US")], id="DE after another city is Delaware"),
        pytest.param("CA-Toronto", [("Toronto", None, "CA")], id="a country's code before a city"),
        pytest.param(
            "US-SF, US-NYC", [("San Francisco", None, "US"), ("New York", None, "US")], id="codes before cities"
        ),
        pytest.param("IN - Bengaluru", [("Bengaluru", None, "IN")], id="IN is a code here and not a word"),
        pytest.param("Remote in the US", [(None, None, "US")], id="in is a word here"),
        pytest.param(
            "Germany, Berlin, Munich", [("Berlin", None, "DE"), ("Munich", None, "DE")], id="the country first"
        ),
        pytest.param(
            "Paris, \u00cele-de-France, France", [("Paris", "\u00cele-de-France", "FR")], id="city, region, country"
        ),
        pytest.param("Toronto, ON, Canada", [("Toronto", "ON", "CA")], id="a province and its country"),
        pytest.param("Washington, D.C.", [("Washington", "DC", "US")], id="the capital"),
        pytest.param("London, England", [("London", "England", "GB")], id="a country inside a country"),
        pytest.param(
            "Chicago, US-Remote, Toronto",
            [("Chicago", None, None), (None, None, "US"), ("Toronto", None, None)],
            id="a remote part is no evidence for its neighbours",
        ),
        pytest.param("Luxembourg, Luxembourg", [("Luxembourg", None, "LU")], id="a city named like its country"),
        pytest.param("Lebanon, NH", [("Lebanon", "NH", "US")], id="a city named like a country"),
        pytest.param("Bosnia and Herzegovina", [(None, None, "BA")], id="an and inside a name"),
        pytest.param("Zurich, CH, Zurich, CH", [("Zurich", None, "CH")], id="repeated places count once"),
        pytest.param("Hybrid", [], id="a way of working is no place"),
        pytest.param("N/A", [], id="no place"),
        pytest.param("Multiple Locations", [], id="a phrase for many places"),
        pytest.param("", [], id="nothing"),
    ],
)
def test_labels(label: str, expected: list[Parts]) -> None:
    assert parts(places_in(label)) == expected


def test_a_label_is_kept_as_the_board_wrote_it() -> None:
    assert [place.label for place in places_in("New York, NY (HQ)")] == ["New York, NY (HQ)"]
    assert [place.label for place in places_in("London, UK; Remote (US)")] == ["London, UK", "Remote, US"]


@given(st.text(max_size=300))
def test_any_label_gives_places_or_none(label: str) -> None:
    for place in places_in(label):
        assert place.city or place.region or place.country


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(("San Fransisco", "California ", "USA"), ("San Francisco", "CA", "US"), id="dirty spelling"),
        pytest.param(("Toronto", "Ontario", "Canada"), ("Toronto", "ON", "CA"), id="a province becomes a code"),
        pytest.param(("Munich", "Bavaria", "de"), ("Munich", "Bavaria", "DE"), id="a code in lower case"),
        pytest.param(("Springfield", None, None), ("Springfield", None, None), id="no country is guessed"),
        pytest.param(("Remote", "California", ""), (None, "CA", "US"), id="a way of working in the place of a city"),
        pytest.param(("Berlin", "DE", None), ("Berlin", "DE", None), id="a bare code for a region stays what it is"),
        pytest.param((None, "Nordrhein-Westfalen", "Deutschland"), (None, "Nordrhein-Westfalen", "DE"), id="own names"),
    ],
)
def test_fields(fields: tuple[str | None, ...], expected: Parts) -> None:
    place = structured(*fields)
    assert place is not None
    assert parts([place]) == [expected]


def test_fields_that_name_no_place_give_none() -> None:
    assert structured("", None, "anywhere") is None


def test_an_address_fills_in_a_label_only_where_they_agree() -> None:
    address = structured("New York City", "NY", "USA")
    assert address is not None
    assert parts(joined("SF / NYC", [address])) == [("San Francisco", None, None), ("New York", "NY", "US")]
    assert parts(joined("Remote - Canada", [address])) == [(None, None, "CA"), ("New York", "NY", "US")]
    assert parts(joined(None, [address])) == [("New York", "NY", "US")]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        pytest.param("U.S.A", "US", id="abbreviated with points"),
        pytest.param("France, Metropolitan", "FR", id="a census name"),
        pytest.param("The Netherlands", "NL", id="with an article"),
        pytest.param("T\u00fcrkiye", "TR", id="with accents"),
        pytest.param("Turkiye", "TR", id="without accents"),
        pytest.param("DEU", "DE", id="alpha-3"),
        pytest.param("us", None, id="a short code in lower case may be a word"),
        pytest.param("European Union", None, id="not a country"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_country_names(name: str, code: str | None) -> None:
    assert country_code(name) == code


def test_a_field_for_countries_takes_codes_in_any_case() -> None:
    assert any_country_code("us") == "US"


def test_subdivisions_are_known_by_name_and_by_code() -> None:
    found = [subdivision(name) for name in ("Qu\u00e9bec", "QC", "texas")]
    assert [part and (part.country, part.code) for part in found] == [("CA", "QC"), ("CA", "QC"), ("US", "TX")]
    assert subdivision("tx") is None
