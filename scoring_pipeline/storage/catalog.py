"""The table of collections as Markdown, for `docs/storage.md`.

What belongs here: turning `collections.py` into rows; a test keeps the document current.
"""

from scoring_pipeline.storage.collections import COLLECTIONS, Collection

_HEAD = (
    "| collection | one document is | `_id` | indexes, each followed by `_id` | 10,000 listings a day add | kept |",
    "| --- | --- | --- | --- | --- | --- |",
)


def collections_table() -> str:
    """Return a row for every collection."""
    return "\n".join([*_HEAD, *(_row(collection) for collection in COLLECTIONS)])


def _row(collection: Collection) -> str:
    indexes = [", ".join(fields) for fields in collection.indexes] + [f"{name} (array)" for name in collection.arrays]
    cells = (
        f"`{collection.name}`",
        collection.meaning,
        collection.key,
        "; ".join(f"`{index}`" for index in indexes) or "none",
        collection.growth,
        collection.retention,
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
