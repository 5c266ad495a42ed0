"""Which URL opens which store, and that no message shows a password."""

from pathlib import Path

import pytest

from scoring_pipeline.storage.mongodb import MongoStore
from scoring_pipeline.storage.opening import open_store
from scoring_pipeline.storage.port import StoreError, StoreUnavailable
from scoring_pipeline.storage.redaction import redacted
from scoring_pipeline.storage.sqlite import SqliteStore


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("mongodb://me:secret@host/db", "mongodb://me:***@host/db", id="one host"),
        pytest.param("mongodb+srv://me:se@cret@a:1,b:2/db", "mongodb+srv://me:***@a:1,b:2/db", id="an at sign within"),
        pytest.param("mongodb://:secret@host/db", "mongodb://:***@host/db", id="no user"),
        pytest.param("no mongodb://a:b@c/d here", "no mongodb://a:***@c/d here", id="within a sentence"),
        pytest.param("mongodb://host:27017/db?x=a@b", "mongodb://host:27017/db?x=a@b", id="a port is no password"),
        pytest.param("sqlite:////a:b@c/d.db", "sqlite:////a:b@c/d.db", id="a path is no password"),
        pytest.param(
            "mongodb://h/d?tlsCertificateKeyFilePassword=secret&w=1",
            "mongodb://h/d?tlsCertificateKeyFilePassword=***&w=1",
            id="a secret among the options",
        ),
    ],
)
def test_a_url_is_shown_without_its_secrets(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("mongodb://me:secret@host", id="MongoDB without a database"),
        pytest.param("mongodb://me:secret@host/a/b", id="MongoDB with a path of two parts"),
        pytest.param("mongodb://me:secret[@host/db", id="a bracket that is not percent-encoded"),
        pytest.param("postgresql://me:secret@host/db", id="an engine that is not supported"),
        pytest.param("sqlite://relative.db", id="SQLite with two slashes"),
        pytest.param("sqlite:///:memory:", id="SQLite in memory, which no other thread would see"),
        pytest.param("", id="nothing"),
    ],
)
def test_a_url_that_opens_nothing_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(StoreError) as refusal:
        open_store(url)
    assert "secret" not in str(refusal.value)


def test_opening_a_store_touches_nothing(tmp_path: Path) -> None:
    assert isinstance(open_store(f"sqlite:///{tmp_path}/a/store.db"), SqliteStore)
    assert isinstance(open_store("mongodb://127.0.0.1:1/database"), MongoStore)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("call", ["ping", "migrate"])
def test_a_server_that_is_not_there_is_unavailable_and_its_password_is_not_shown(call: str) -> None:
    store = open_store("mongodb://me:secret@127.0.0.1:1/database?serverSelectionTimeoutMS=50")
    with pytest.raises(StoreUnavailable, match=r"me:\*\*\*@127\.0\.0\.1") as refusal:
        getattr(store, call)()
    assert "secret" not in str(refusal.value)
    store.close()


def test_an_option_in_the_url_wins_over_the_default() -> None:
    store = MongoStore("mongodb://127.0.0.1:1/database?w=1&sockettimeoutms=5&journal=false")
    database = store._client.database()
    assert database.write_concern.document == {"w": 1, "j": False}
    assert database.client.options.pool_options.socket_timeout == 0.005
    store.close()


def test_writes_wait_for_a_majority_and_the_journal_unless_told_otherwise() -> None:
    store = MongoStore("mongodb://127.0.0.1:1/database")
    database = store._client.database()
    assert database.write_concern.document == {"w": "majority", "j": True}
    assert database.read_concern.document == {"level": "majority"}
    assert database.client.options.retry_writes
    store.close()
