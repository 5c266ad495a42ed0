"""Opening a store by its URL.

What belongs here: which adapter a URL means. What does not: the adapters, and where the URL comes from.
"""

from scoring_pipeline.storage.port import DocumentStore, StoreError
from scoring_pipeline.storage.redaction import redacted
from scoring_pipeline.storage.sqlite import SqliteStore


def open_store(url: str) -> DocumentStore:
    """Return the store a URL names, without connecting to it.

    Args:
        url: `sqlite:////absolute/path`, `sqlite:///relative/path` or `mongodb://host/database` (`mongodb+srv` too).

    Raises:
        StoreError: if the URL names no engine this project knows, or lacks what the engine needs.
    """
    scheme = url.partition("://")[0]
    if scheme == "sqlite":
        return SqliteStore(url)
    if scheme in ("mongodb", "mongodb+srv"):
        from scoring_pipeline.storage.mongodb import MongoStore  # noqa: PLC0415 - the driver costs 100 ms to import

        return MongoStore(url)
    raise StoreError(f"{redacted(url)!r} is not a store: use sqlite:///path or mongodb://host/database")
