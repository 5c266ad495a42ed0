from pathlib import Path

from scoring_pipeline.cli.reference import settings_table

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_documented_settings_are_those_of_the_code() -> None:
    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    table = text.split("`scoring-pipeline config reference` -->\n")[1].split("\n<!-- settings end")[0]
    assert table == settings_table()


def test_every_setting_has_a_meaning() -> None:
    rows = settings_table().splitlines()[2:]
    assert [row for row in rows if row.endswith("|  |")] == []
