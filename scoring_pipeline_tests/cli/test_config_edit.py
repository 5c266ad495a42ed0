"""Boards added to the text of a configuration: what changes, and that nothing else does."""

import difflib
import itertools
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from scoring_pipeline.config_edit import with_boards
from scoring_pipeline.config_file import add_boards
from scoring_pipeline.settings import DEFAULT_CONFIG, Board, ConfigError, ProviderName

FILE = Path("pipeline.yaml")
ACME = Board(name="acme")
NAMED = Board(name="palantir", company="Palantir: Co")
OWN = Board(name="bunq", base_url="https://careers.bunq.com")


def added(text: str, *boards: tuple[ProviderName, Board]) -> str:
    return with_boards(text, boards, FILE)


def listed(text: str, provider: str) -> list[object]:
    return list(yaml.safe_load(text)["ats"][provider]["boards"])


def test_the_file_that_is_shipped_keeps_every_comment_in_its_column() -> None:
    before = DEFAULT_CONFIG.read_text(encoding="utf-8")
    after = added(before, ("recruitee", OWN), ("lever", NAMED))
    after = added(after, ("lever", ACME))
    changed = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]
    assert [line for line in changed if "e.g." not in line] == [
        '+       - {name: palantir, company: "Palantir: Co"}',
        "+       - acme",
        "+       - {name: bunq, base_url: https://careers.bunq.com}",
    ]
    assert sum("boards:             # e.g." in line for line in changed) == 2
    assert before.count("#") == after.count("#")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("", "ats:\n  lever:\n    boards:\n      - acme\n", id="an empty file"),
        pytest.param("# x\n", "# x\nats:\n  lever:\n    boards:\n      - acme\n", id="comments alone"),
        pytest.param("a: 1", "a: 1\nats:\n  lever:\n    boards:\n      - acme\n", id="no section, no last line end"),
        pytest.param(
            "ats:\n  lever:\n    boards:\n    - x # c\n    # d\n\nb: 1\n",
            "ats:\n  lever:\n    boards:\n    - x # c\n    - acme\n    # d\n\nb: 1\n",
            id="a list under its key, comments around its end",
        ),
        pytest.param(
            "ats:\n  lever: {boards: [x]}\n", "ats:\n  lever: {boards: [x, acme]}\n", id="a list inside braces"
        ),
        pytest.param("ats: {lever: {}}\n", "ats: {lever: {boards: [acme]}}\n", id="an empty section in braces"),
        pytest.param("ats: {lever: }\n", "ats: {lever: {boards: [acme]}}\n", id="no value in braces"),
        pytest.param(
            "ats:\n  lever:\n    boards: [x, ] # c\n",
            "ats:\n  lever:\n    boards: [x, acme, ] # c\n",
            id="a comma last",
        ),
        pytest.param(
            "ats:\n  lever:\n    boards: [\n      x, # one\n      y  # two\n    ]\n",
            "ats:\n  lever:\n    boards: [\n      x, # one\n      y,  # two\n      acme\n    ]\n",
            id="one item a line in brackets",
        ),
        pytest.param(
            "ats:\r\n  lever:\r\n    boards: ~\r\nb: 1\r\n",
            "ats:\r\n  lever:\r\n    boards:\r\n      - acme\r\nb: 1\r\n",
            id="line ends of Windows",
        ),
        pytest.param(
            "\ufeffats:\n  lever: {page_size: 5}\n",
            "\ufeffats:\n  lever: {page_size: 5, boards: [acme]}\n",
            id="a byte order mark",
        ),
        pytest.param(
            "ats:\n    lever:\n        page_size: 5 # c\nb: |\n  x\n",
            "ats:\n    lever:\n        page_size: 5 # c\n        boards:\n          - acme\nb: |\n  x\n",
            id="other indentation, a section without a list",
        ),
    ],
)
def test_a_board_goes_to_the_end_of_its_list_in_the_style_of_the_file(before: str, after: str) -> None:
    assert added(before, ("lever", ACME)) == after


def test_a_mapping_is_spread_over_lines_where_others_are() -> None:
    before = "ats:\n  lever:\n    boards:\n      - name: x\n        company: X\n"
    assert added(before, ("lever", NAMED)) == before + '      - name: palantir\n        company: "Palantir: Co"\n'


def test_a_bracketed_list_that_grows_wide_continues_on_lines_of_their_own() -> None:
    before = f"ats:\n  lever:\n    boards: [{'x' * 100}]  # c\n"
    after = added(before, *(("lever", Board(name=f"acme{n}")) for n in range(3)))
    assert after == f"ats:\n  lever:\n    boards: [{'x' * 100},\n      acme0,\n      acme1,\n      acme2]  # c\n"


@pytest.mark.parametrize(
    "name",
    ["no", "123", "1e3", "2026-11-01", "a: b", "a #b", "Rose Rocket", "kraken.com", "'q\"", "-", "ü", "~", "0x1"],
)
@pytest.mark.parametrize("before", ["", "ats: {lever: {boards: [x]}}\n"], ids=["in a block", "in brackets"])
def test_any_name_comes_back_as_it_was(before: str, name: str) -> None:
    assert listed(added(before, ("lever", Board(name=name))), "lever")[-1] == name


@pytest.mark.parametrize(
    "before",
    [
        pytest.param("ats:\n  lever: &a\n    boards: [x]\n  ashby: *a\n", id="a list that two providers share"),
        pytest.param("home: |+\n  x\n\n\n", id="a text whose empty last lines count"),
    ],
)
def test_a_text_that_cannot_be_added_to_without_changing_more_is_refused_with_what_to_write(before: str) -> None:
    with pytest.raises(ConfigError, match=r"add by hand: ats\.lever\.boards: - acme"):
        added(before, ("lever", ACME))


def test_a_name_that_is_there_by_now_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"ats\.lever\.boards: 'acme' is there already"):
        added("ats: {lever: {boards: [{name: acme, company: X}]}}", ("lever", ACME))


def test_thousands_of_boards_of_five_providers_are_added_in_order() -> None:
    providers: tuple[ProviderName, ...] = ("greenhouse", "lever", "ashby", "workable", "recruitee")
    boards = [
        (provider, Board(name=f"b{n}", company=f"B {n}"))
        for n, provider in zip(range(5000), itertools.cycle(providers), strict=False)
    ]
    after = added(DEFAULT_CONFIG.read_text(encoding="utf-8"), *boards)
    assert [item["name"] for item in listed(after, "lever")] == [f"b{n}" for n in range(1, 5000, 5)]  # type: ignore[index]


class TestTheFile:
    def test_it_keeps_its_mode_and_its_link_and_leaves_nothing_beside_it(self, tmp_path: Path) -> None:
        real = tmp_path / "real" / "pipeline.yaml"
        real.parent.mkdir()
        real.write_text("a: 1\n")
        real.chmod(0o640)
        link = tmp_path / "link.yaml"
        link.symlink_to(real)
        add_boards(link, [("lever", ACME)])
        assert link.is_symlink()
        assert listed(real.read_text(), "lever") == ["acme"]
        assert stat.S_IMODE(real.stat().st_mode) == 0o640
        assert list(real.parent.iterdir()) == [real]

    def test_boards_added_at_once_are_all_there(self, tmp_path: Path) -> None:
        path = tmp_path / "pipeline.yaml"
        path.write_text("ats:\n  lever:\n    boards: []\n")
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda n: add_boards(path, [("lever", Board(name=f"b{n}"))]), range(20)))
        assert sorted(map(str, listed(path.read_text(), "lever"))) == sorted(f"b{n}" for n in range(20))

    def test_a_file_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"none\.yaml: cannot be changed: No such file"):
            add_boards(tmp_path / "none.yaml", [("lever", ACME)])
