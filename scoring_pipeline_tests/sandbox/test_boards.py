"""The sample boards are what the five providers would send, always the same, and many when many are asked for."""

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from sandbox_shapes import SHAPES, differences

from scoring_pipeline.matching.profiles import load_profiles
from scoring_pipeline.sandbox.boards import Boards, build_boards, iter_boards, rows_of, write_boards
from scoring_pipeline.sandbox.catalogue import SAMPLE, SampleError, load_catalogue
from scoring_pipeline.settings import PROJECT

RECORDINGS = Path(__file__).resolve().parents[2].parent / "shared" / "recordings"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def boards() -> Boards:
    return build_boards()


def rows(boards: Boards, provider: Any) -> list[dict[str, Any]]:
    return [row for body in boards[provider].values() for row in rows_of(provider, body)]


def titled(boards: Boards, provider: Any, title: str) -> dict[str, Any]:
    return next(row for row in rows(boards, provider) if str(row.get("title", row.get("text"))).strip() == title)


def test_there_are_more_than_three_hundred_listings_on_at_least_two_boards_of_each_provider(boards: Boards) -> None:
    assert set(boards) == set(SHAPES)
    assert all(len(bodies) >= 2 for bodies in boards.values())
    assert sum(len(rows(boards, provider)) for provider in boards) >= 300
    assert all(len(rows(boards, provider)) >= 50 for provider in boards)


def test_two_builds_are_equal_byte_for_byte() -> None:
    assert orjson.dumps(build_boards(copies=2)) == orjson.dumps(build_boards(copies=2))


def test_most_listings_are_short_and_some_are_long(boards: Boards) -> None:
    lengths = [len(re.sub(r"<[^>]+>", " ", row["description"]).split()) for row in rows(boards, "workable")]
    lengths += [len(row["descriptionPlain"].split()) for row in rows(boards, "ashby")]
    assert sum(length < 500 for length in lengths) > 0.8 * len(lengths)
    assert sum(length > 500 for length in lengths) >= 5


def test_five_languages_are_spoken(boards: Boards) -> None:
    languages = {row.get("language") for row in rows(boards, "greenhouse")}
    languages |= {next(iter(row["translations"])) for row in rows(boards, "recruitee")}
    assert {"en", "de", "fr", "nl"} <= languages
    assert any("Requisitos" in part["text"] for row in rows(boards, "lever") for part in row["lists"])


def test_two_listings_try_to_instruct_machine_readers(boards: Boards) -> None:
    assert sum("ignore all earlier instructions" in row["description"] for row in rows(boards, "lever")) == 1
    assert sum("If you are an AI model" in row["descriptionPlain"] for row in rows(boards, "ashby")) == 1


def test_the_sample_profiles_each_find_a_listing_made_for_them(boards: Boards) -> None:
    assert titled(boards, "workable", "Registered Nurse")["city"]
    cities = {(row["title"], row["city"]) for row in rows(boards, "workable")}
    assert ("Registered Nurse", "Manchester") in cities
    places = {(row["title"].strip(), row["location"]["name"]) for row in rows(boards, "greenhouse")}
    assert any(title == "Senior Backend Engineer" and place and "Berlin" in place for title, place in places)
    assert any(title == "Supply Chain Manager" and place and "Chicago" in place for title, place in places)


class TestCopies:
    def test_copies_multiply_listings_and_no_id_repeats(self) -> None:
        once, many = build_boards(), build_boards(copies=3)
        for provider in once:
            key = "shortcode" if provider == "workable" else "id"
            ids = {(board, row[key]) for board, body in many[provider].items() for row in rows_of(provider, body)}
            base = {(board, row[key]) for board, body in once[provider].items() for row in rows_of(provider, body)}
            assert base < ids
            assert len(ids) == 3 * len(base)

    def test_copies_of_a_listing_differ_in_wording_and_clones_stay_clones(self) -> None:
        def repeats(copies: int) -> int:
            texts = [row["descriptionPlain"] for row in rows(build_boards(copies=copies), "ashby")]
            return len(texts) - len(set(texts))

        assert 2 <= repeats(1) <= 6
        assert 4 * 2 <= repeats(4) <= 4 * repeats(1)

    def test_many_copies_spill_into_sibling_boards_of_bounded_size(self) -> None:
        sizes: dict[str, int] = {}
        for _, board, body in iter_boards(60):
            sizes[board] = len(orjson.dumps(body))
        assert "verdanta" in sizes
        assert "verdanta-3" in sizes
        assert max(sizes.values()) < 8_000_000

    def test_copied_rows_keep_the_shape(self) -> None:
        for provider, body in ((provider, body) for provider, _, body in iter_boards(2)):
            assert all(differences(provider, row) == [] for row in rows_of(provider, body))

    def test_fewer_than_one_copy_is_refused(self) -> None:
        with pytest.raises(ValueError, match="at least 1"):
            next(iter_boards(0))


def test_boards_are_written_as_one_file_each_and_read_back_equal(tmp_path: Path, boards: Boards) -> None:
    paths = write_boards(tmp_path, iter_boards())
    assert sorted(paths) == sorted(tmp_path.rglob("*.json"))
    written = {(path.parent.name, path.stem): orjson.loads(path.read_bytes()) for path in paths}
    assert written == {(provider, board): body for provider, each in boards.items() for board, body in each.items()}
    assert not list(tmp_path.rglob("*.part"))


def test_a_sample_that_contradicts_itself_is_refused_by_name(tmp_path: Path) -> None:
    for path in SAMPLE.glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        (tmp_path / path.name).write_text(
            text.replace("cities: [eindhoven, delft", "cities: [atlantis, delft"), encoding="utf-8"
        )
    with pytest.raises(SampleError, match="Lumen Robotics: unknown city 'atlantis'"):
        load_catalogue(tmp_path)


def test_the_sample_profiles_are_valid_and_of_three_places() -> None:
    profiles = load_profiles(PROJECT / "config" / "profiles.yaml")
    assert [profile.id for profile in profiles] == ["backend-berlin", "nurse-manchester", "supply-chain-chicago"]
    assert len({place.country for profile in profiles for place in profile.locations}) == 3
