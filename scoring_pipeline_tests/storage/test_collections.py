from pathlib import Path

from scoring_pipeline.storage.catalog import collections_table
from scoring_pipeline.storage.collections import COLLECTIONS

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_documented_collections_are_those_of_the_code() -> None:
    text = (DOCS / "storage.md").read_text(encoding="utf-8")
    table = text.split("written from storage/collections.py -->\n")[1].split("\n<!-- collections end")[0]
    assert table == collections_table()


def test_indexes_name_declared_fields_only() -> None:
    undeclared = [
        (collection.name, field)
        for collection in COLLECTIONS
        for index in collection.indexes
        for field in index
        if field not in collection.scalars
    ]
    assert undeclared == []


def test_every_collection_says_what_a_document_is_and_how_it_grows() -> None:
    assert [c.name for c in COLLECTIONS if not (c.meaning and c.key and c.growth and c.retention)] == []
