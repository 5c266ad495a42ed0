"""Profiles: the file, its mistakes by file, entry and field, and what is recorded of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from day_kit import NOW, opened
from scoring_kit import profile

from scoring_pipeline.matching.profiles import active_profile_views, load_profiles, record_profiles
from scoring_pipeline.scoring.views import profile_view
from scoring_pipeline.settings import PROJECT, ConfigError
from scoring_pipeline.storage.port import DocumentStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DocumentStore]:
    with opened(tmp_path) as made:
        yield made


def _entry(**changes: Any) -> dict[str, Any]:
    entry = {**profile().model_dump(mode="json"), **changes}
    return {name: value for name, value in entry.items() if value is not ...}


def _problems(tmp_path: Path, data: Any) -> list[str]:
    path = tmp_path / "profiles.yaml"
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(ConfigError) as caught:
        load_profiles(path)
    assert all(problem.startswith(f"{path}: ") for problem in caught.value.problems)
    return [problem.removeprefix(f"{path}: ") for problem in caught.value.problems]


def test_the_shipped_profiles_are_valid() -> None:
    profiles = load_profiles(PROJECT / "config" / "profiles.yaml")
    assert len({one.id for one in profiles}) == len(profiles) == 3


def test_every_mistake_names_entry_and_field(tmp_path: Path) -> None:
    data = {
        "profiles": [
            _entry(id="first", seniority="boss", skills=[]),
            _entry(id="second", locations=[{"city": "Bonn", "country": "Germany"}], summary=...),
            _entry(id=..., shoe_size=44),
            "a text",
            _entry(id="Third One"),
        ]
    }
    problems = _problems(tmp_path, data)
    for start in (
        "profile 'first': seniority: ",
        "profile 'first': skills: ",
        "profile 'second': summary: ",
        "profile 'second': locations.0.country: ",
        "profile number 3: id: ",
        "profile number 3: shoe_size: ",
        "profile number 4: entry: ",
        "profile 'Third One': id: ",
    ):
        assert any(problem.startswith(start) for problem in problems), (start, problems)


def test_an_id_that_is_given_twice_is_named(tmp_path: Path) -> None:
    assert _problems(tmp_path, {"profiles": [_entry(), _entry()]}) == ["profile id 'backend' is given twice"]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"profiles": []}, id="an empty list"),
        pytest.param({"profiles": {"a": 1}}, id="a mapping"),
        pytest.param({"profiles": [_entry()], "tiers": []}, id="something else beside"),
    ],
)
def test_a_file_that_is_no_list_of_profiles_says_what_is_expected(tmp_path: Path, data: Any) -> None:
    assert _problems(tmp_path, data) == ["expected one key, `profiles`, with a list of at least one profile"]


def test_recording_keeps_views_and_marks_what_is_gone_and_what_is_back(store: DocumentStore) -> None:
    record_profiles(store, [profile("a"), profile("b")], now=NOW)
    record_profiles(store, [profile("b")], now=NOW)
    assert set(active_profile_views(store)) == {"b"}
    assert {doc["_id"]: doc["status"] for doc in store.scan("profiles")} == {"a": "removed", "b": "active"}
    views = record_profiles(store, [profile("a"), profile("b", notes="New.")], now=NOW)
    active = active_profile_views(store)
    assert {name: view["_id"] for name, view in active.items()} == {name: view.digest for name, view in views.items()}
    assert active["b"]["text"] == profile_view(profile("b", notes="New.")).text
    assert active["b"]["tokens"] > 0
