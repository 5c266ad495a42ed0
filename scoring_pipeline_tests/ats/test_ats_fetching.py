"""Reading boards through the public door, against a real server on a loopback socket."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from ats_server import AtsServer, Reply
from structlog.testing import capture_logs

from scoring_pipeline.ats.fetch import FetchSummary, fetch_day
from scoring_pipeline.ats.raw import has_day, stored_rows, stored_snapshots
from scoring_pipeline.settings import Ats, AtsProvider, Board, ConfigError, ProviderName, Settings, WorkableProvider
from scoring_pipeline.storage.port import DocumentStore, StoreUnavailable

DAY, NEXT_DAY = "2026-11-20", "2026-11-21"
MOMENT = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
HTML = b"<!DOCTYPE html><html><title>Error</title></html>"
Read = Callable[..., FetchSummary]


@pytest.fixture
def read(server: AtsServer, store: DocumentStore) -> Read:
    """Read boards of one provider from the server, quickly."""

    def run(provider: ProviderName, *boards: Any, day: str = DAY, into: Any = None, **limits: Any) -> FetchSummary:
        section = {"base_url": server.url, "boards": boards, "requests_per_second": 10_000.0}
        section |= {key: limits.pop(key) for key in ("page_size", "concurrency", "base_url") if key in limits}
        model = WorkableProvider if provider == "workable" else AtsProvider
        ats = Ats(**({"backoff_seconds": 0.001} | limits | {provider: model(**section)}))
        log = structlog.get_logger()
        return fetch_day(Settings(ats=ats), into or store, day, provider, now=lambda: MOMENT, log=log)

    return run


def greenhouse(board: str) -> str:
    return f"GET /v1/boards/{board}/jobs?content=true"


def jobs(*ids: int, **fields: Any) -> dict[str, Any]:
    return {"jobs": [{"id": i, "title": f"Job {i}", **fields} for i in ids], "meta": {"total": len(ids)}}


def payloads(store: DocumentStore, provider: ProviderName = "greenhouse", day: str = DAY) -> list[dict[str, Any]]:
    return [row.payload for row in stored_rows(store, day, provider)]


def test_a_greenhouse_board_is_kept_as_it_was_fetched(server: AtsServer, store: DocumentStore, read: Read) -> None:
    body = jobs(2, 1, updated_at="2026-11-19T00:00:00-05:00", metadata=None)
    server.script[greenhouse("acme")] = [Reply(body)]
    summary = read("greenhouse", {"name": "acme", "company": "Acme Inc."})
    assert (summary.boards, summary.boards_ok, summary.boards_failed, summary.rows) == (1, 1, 0, 2)
    assert (summary.new_payloads, summary.bytes) == (2, len(Reply(body).data()))
    rows = list(stored_rows(store, DAY, "greenhouse"))
    assert [row.payload for row in rows] == body["jobs"]
    assert [(row.posting_id, row.row, row.board) for row in rows] == [("2", 0, "acme"), ("1", 1, "acme")]
    assert rows[0].envelope == {"total": 2}
    assert rows[0].company == "Acme Inc."


def test_lever_pages_are_read_until_a_short_one(server: AtsServer, store: DocumentStore, read: Read) -> None:
    for skip, ids in {0: "ab", 2: "cd", 4: "e"}.items():
        server.script[f"GET /v0/postings/acme?mode=json&skip={skip}&limit=2"] = [Reply([{"id": i} for i in ids])]
    assert read("lever", "acme", page_size=2).rows == 5
    assert [row.posting_id for row in stored_rows(store, DAY, "lever")] == list("abcde")


def test_a_posting_pushed_to_the_next_lever_page_is_read_once(
    server: AtsServer, store: DocumentStore, read: Read
) -> None:
    for skip, ids in {0: "ab", 2: "bc", 4: ""}.items():
        server.script[f"GET /v0/postings/acme?mode=json&skip={skip}&limit=2"] = [Reply([{"id": i} for i in ids])]
    read("lever", "acme", page_size=2)
    assert [row.posting_id for row in stored_rows(store, DAY, "lever")] == list("abc")


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(Reply(HTML, status=502, kind="text/html"), id="a gateway error"),
        pytest.param(Reply({"ok": False, "error": "Document not found"}, status=404), id="a 404 is not a gone board"),
        pytest.param(Reply([{"id": "a"}, {"id": "b"}]), id="skip ignored, the first page again"),
    ],
)
def test_a_lever_page_that_fails_midway_fails_the_board(
    server: AtsServer, store: DocumentStore, read: Read, second: Reply
) -> None:
    server.script["GET /v0/postings/acme?mode=json&skip=0&limit=2"] = [Reply([{"id": "a"}, {"id": "b"}])]
    server.script["GET /v0/postings/acme?mode=json&skip=2&limit=2"] = [second]
    summary = read("lever", "acme", page_size=2)
    assert (summary.boards_failed, summary.boards_gone, summary.rows) == (1, 0, 0)
    assert payloads(store, "lever") == []


def test_an_ashby_slug_with_space_dot_and_case_is_percent_encoded(
    server: AtsServer, store: DocumentStore, read: Read
) -> None:
    body = {"jobs": [{"id": "u-1"}], "apiVersion": "1"}
    server.script["GET /posting-api/job-board/Rose%20Rocket.ai?includeCompensation=true"] = [Reply(body)]
    assert read("ashby", "Rose Rocket.ai").boards_ok == 1
    (row,) = stored_rows(store, DAY, "ashby")
    assert (row.board, row.envelope) == ("Rose Rocket.ai", {"apiVersion": "1"})


def test_workable_rows_with_one_shortcode_are_all_kept(server: AtsServer, store: DocumentStore, read: Read) -> None:
    rows = [{"shortcode": "996AE60304", "city": "Boston"}, {"shortcode": "996AE60304", "city": "Cambridge"}]
    server.script["GET /api/v1/widget/accounts/acme?details=true"] = [Reply({"name": "Acme", "jobs": rows})]
    read("workable", "acme")
    stored = list(stored_rows(store, DAY, "workable"))
    assert [row.payload for row in stored] == rows
    assert stored[0].envelope == {"name": "Acme"}


def script_v3(server: AtsServer) -> None:
    pages = [{"total": 2, "results": [{"shortcode": "A1", "title": "One"}], "nextPage": "tok"}]
    pages.append({"total": 2, "results": [{"shortcode": "B2", "title": "Two"}]})
    server.script["POST /api/v3/accounts/acme/jobs"] = [Reply(page) for page in pages]
    for code in ("A1", "B2"):
        detail = {"shortcode": "other", "description": f"<p>{code}</p>"}
        server.script[f"GET /api/v2/accounts/acme/jobs/{code}"] = [Reply(detail)]


def test_an_empty_workable_widget_falls_back_to_v3_with_details(
    server: AtsServer, store: DocumentStore, read: Read
) -> None:
    server.script["GET /api/v1/widget/accounts/acme?details=true"] = [Reply({"name": "Acme", "jobs": []})]
    script_v3(server)
    read("workable", "acme")
    rows = list(stored_rows(store, DAY, "workable"))
    assert [(row.posting_id, row.payload["shortcode"], row.payload["description"]) for row in rows] == [
        ("A1", "A1", "<p>A1</p>"),
        ("B2", "B2", "<p>B2</p>"),
    ]
    assert rows[0].envelope == {"name": "Acme", "total": 2}
    posts = [seen.body for seen in server.seen if seen.line.startswith("POST")]
    assert b"token" not in posts[0]
    assert b'"token":"tok"' in posts[1].replace(b" ", b"")


def test_a_workable_token_is_sent_to_v3_and_kept_nowhere(server: AtsServer, store: DocumentStore, read: Read) -> None:
    script_v3(server)
    with capture_logs() as logs:
        assert read("workable", {"name": "acme", "token": "s3cret"}).boards_ok == 1
    assert [seen.headers.get("authorization") for seen in server.seen] == [None, *["Bearer s3cret"] * 4]
    assert "s3cret" not in str([*store.scan("raw_snapshots"), *store.scan("raw_pages"), logs])


@pytest.mark.parametrize(
    ("v3", "ok", "gone"),
    [
        pytest.param(Reply({"total": 0, "results": []}), 1, 0, id="nothing open anywhere"),
        pytest.param(Reply(b"Not Found", status=404, kind="text/plain"), 1, 0, id="v3 does not know the account"),
        pytest.param(Reply({"total": 3, "results": []}), 0, 0, id="three claimed and none sent is no empty board"),
        pytest.param(Reply(HTML, status=503, kind="text/html"), 0, 0, id="a failed read is no empty board"),
    ],
)
def test_an_empty_workable_widget_is_an_empty_board_only_if_v3_agrees(
    server: AtsServer, read: Read, v3: Reply, ok: int, gone: int
) -> None:
    server.script["GET /api/v1/widget/accounts/acme?details=true"] = [Reply({"name": "Acme", "jobs": []})]
    server.script["POST /api/v3/accounts/acme/jobs"] = [v3]
    summary = read("workable", "acme")
    assert (summary.boards_ok, summary.boards_failed, summary.boards_gone) == (ok, 1 - ok, gone)


@pytest.mark.parametrize(
    ("base", "board", "path"),
    [
        pytest.param("", "acme", "/acme/api/offers/", id="no placeholder: the company becomes a path segment"),
        pytest.param("/at/{board}", "acme", "/at/acme/api/offers/", id="a placeholder is filled in"),
    ],
)
def test_recruitee_companies_have_a_base_url_of_their_own(
    server: AtsServer, read: Read, base: str, board: str, path: str
) -> None:
    server.script[f"GET {path}"] = [Reply({"offers": []})]
    assert read("recruitee", board, base_url=server.url + base).boards_ok == 1


def test_a_boards_own_base_url_is_used_as_it_is(server: AtsServer, read: Read) -> None:
    server.script["GET /careers/api/offers/"] = [Reply({"offers": [{"id": 1}]})]
    board = Board(name="acme", base_url=f"{server.url}/careers/")
    assert read("recruitee", board, base_url="https://{board}.invalid").rows == 1


@pytest.mark.parametrize(
    ("reply", "kind", "requests"),
    [
        pytest.param(
            Reply({"status": 404, "error": "Job not found"}, status=404), "BoardGone", 1, id="a 404 in JSON is gone"
        ),
        pytest.param(Reply(b"Not Found", status=404, kind="text/plain"), "BoardGone", 1, id="a 404 in text is gone"),
        pytest.param(Reply(HTML, status=403, kind="text/html"), "PermanentFetchError", 1, id="403 stays 403"),
        pytest.param(Reply(HTML, kind="text/html"), "PermanentFetchError", 1, id="HTML with status 200"),
        pytest.param(Reply(jobs(1), kind="text/plain"), "PermanentFetchError", 1, id="a content type that is not JSON"),
        pytest.param(Reply(b'{"jobs": ['), "PermanentFetchError", 1, id="not JSON in spite of its content type"),
        pytest.param(Reply({"error": "x"}), "PermanentFetchError", 1, id="an error object with status 200"),
        pytest.param(Reply({"jobs": {}}), "PermanentFetchError", 1, id="jobs is no list"),
        pytest.param(Reply({"jobs": [{"title": "x"}]}), "PermanentFetchError", 1, id="a row without an id"),
        pytest.param(Reply(b"x" * 5000), "PermanentFetchError", 1, id="declared larger than the limit"),
        pytest.param(
            Reply(b" " * 3_000_000, zipped=True), "PermanentFetchError", 1, id="small on the wire, too large unpacked"
        ),
        pytest.param(Reply(b"", status=304), "PermanentFetchError", 1, id="a 304 nobody asked for"),
        pytest.param(Reply(HTML, status=502, kind="text/html"), "TransientFetchError", 3, id="502 is tried again"),
        pytest.param(Reply(HTML, status=429, kind="text/html"), "TransientFetchError", 3, id="429 is tried again"),
        pytest.param(Reply(b"", status=408), "TransientFetchError", 3, id="408 is tried again"),
        pytest.param(Reply(b'{"jobs": []}', cut=True), "TransientFetchError", 3, id="a connection cut mid-body"),
        pytest.param(
            Reply(HTML, status=429, kind="text/html", headers={"Retry-After": "85943"}),
            "TransientFetchError",
            1,
            id="told to wait a day: given up at once",
        ),
        pytest.param(
            Reply(b"", status=302, headers={"Location": "/jobs"}), "PermanentFetchError", 2, id="to a page without JSON"
        ),
        pytest.param(
            Reply(b"", status=302, headers={"Location": "http://localhost:1/x"}),
            "PermanentFetchError",
            1,
            id="a redirect to a foreign host",
        ),
        pytest.param(
            Reply(b"", status=302, headers={"Location": "file:///etc/passwd"}),
            "PermanentFetchError",
            1,
            id="a redirect to another scheme",
        ),
        pytest.param(
            Reply(b"", status=301, headers={"Location": "?content=true"}),
            "PermanentFetchError",
            4,
            id="a redirect without end",
        ),
    ],
)
def test_a_board_that_cannot_be_read_is_failed_and_never_empty(
    server: AtsServer, store: DocumentStore, read: Read, reply: Reply, kind: str, requests: int
) -> None:
    server.script[greenhouse("acme")] = [reply]
    server.script["GET /jobs"] = [Reply(HTML, kind="text/html")]
    summary = read("greenhouse", "acme", max_response_bytes=4096)
    assert [(failure.board, failure.kind) for failure in summary.failures] == [("acme", kind)]
    assert summary.boards_gone == (kind == "BoardGone")
    assert len(server.seen) == requests
    (snapshot,) = stored_snapshots(store, DAY, "greenhouse")
    assert (snapshot.status, snapshot.complete, snapshot.error_class) == ("failed", False, kind)
    assert snapshot.error == summary.failures[0].message
    assert payloads(store) == []


def test_a_host_that_hangs_is_a_timeout(server: AtsServer, read: Read) -> None:
    released = threading.Event()
    server.script[greenhouse("acme")] = [Reply(jobs(1), hang=released)]
    summary = read("greenhouse", "acme", timeout_seconds=0.05, attempts=2)
    released.set()
    assert summary.failures[0].kind == "TransientFetchError"
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(Reply(HTML, status=429, kind="text/html"), id="throttled, no wait asked"),
        pytest.param(Reply(b"", status=429, headers={"Retry-After": "0"}), id="throttled, asked for no wait"),
        pytest.param(Reply(b"", status=429, headers={"Retry-After": "soon"}), id="throttled, asked for nonsense"),
        pytest.param(
            Reply(
                b"",
                status=503,
                headers={"Retry-After": "Fri, 20 Nov 2026 06:00:00 GMT"},
            ),
            id="down until a date that has passed",
        ),
        pytest.param(Reply(b"{", cut=True), id="cut off"),
    ],
)
def test_trouble_that_passes_costs_only_another_try(server: AtsServer, read: Read, trouble: Reply) -> None:
    server.script[greenhouse("acme")] = [trouble, Reply(jobs(1, 2))]
    assert read("greenhouse", "acme").rows == 2


def test_a_redirect_on_the_same_host_is_followed(server: AtsServer, read: Read) -> None:
    server.script[greenhouse("acme")] = [Reply(b"", status=301, headers={"Location": "/moved"})]
    server.script["GET /moved"] = [Reply(jobs(1))]
    assert read("greenhouse", "acme").rows == 1


def test_one_failing_board_among_many_stops_no_other(server: AtsServer, store: DocumentStore, read: Read) -> None:
    names = [f"board-{number:02d}" for number in range(30)]
    for name in names:
        server.script[greenhouse(name)] = [Reply(jobs(1, board=name))]
    server.script[greenhouse("board-07")] = [Reply(HTML, status=500, kind="text/html")]
    del server.script[greenhouse("board-11")]
    with capture_logs() as logs:
        summary = read("greenhouse", *names)
    assert (summary.boards, summary.boards_ok, summary.boards_failed, summary.boards_gone) == (30, 28, 2, 1)
    assert [failure.board for failure in summary.failures] == ["board-07", "board-11"]
    assert [row.board for row in stored_rows(store, DAY, "greenhouse")] == [
        name for name in names if name not in {"board-07", "board-11"}
    ]
    assert sorted(entry["board"] for entry in logs) == names
    assert [entry["board"] for entry in logs if entry["log_level"] == "warning"].count("board-07") == 1


def test_a_host_that_throttles_every_board_is_soon_left_alone(server: AtsServer, read: Read) -> None:
    names = [f"board-{number}" for number in range(20)]
    for name in names:
        server.script[f"GET /api/v1/widget/accounts/{name}?details=true"] = [
            Reply(HTML, status=429, kind="text/html", headers={"Retry-After": "85943"})
        ]
    summary = read("workable", *names, host_refusals=3)
    assert summary.boards_failed == 20
    assert len(server.seen) == 3
    assert "was not asked" in summary.failures[-1].message


def test_a_store_that_fails_is_not_a_failed_board(server: AtsServer, store: DocumentStore, read: Read) -> None:
    class Down:
        def __getattr__(self, name: str) -> Any:
            if name == "upsert":
                raise StoreUnavailable("the store is away")
            return getattr(store, name)

    server.script[greenhouse("acme")] = [Reply(jobs(1))]
    with pytest.raises(StoreUnavailable, match="the store is away"):
        read("greenhouse", "acme", into=Down())


def test_a_304_keeps_the_reading_of_the_day_before(server: AtsServer, store: DocumentStore, read: Read) -> None:
    body = jobs(*range(1, 621), updated_at="2026-11-19T00:00:00-05:00")
    server.script[greenhouse("acme")] = [Reply(body, headers={"ETag": 'W/"abc"'}), Reply(b"", status=304)]
    read("greenhouse", "acme")
    for day in (NEXT_DAY, "2026-11-22", "2026-11-22"):
        summary = read("greenhouse", "acme", day=day)
        assert (summary.boards_not_modified, summary.rows, summary.new_payloads) == (1, 620, 0)
        assert payloads(store, day=day) == body["jobs"]
    assert [seen.headers.get("if-none-match") for seen in server.seen] == [None, *['W/"abc"'] * 3]
    (snapshot,) = stored_snapshots(store, "2026-11-22", "greenhouse")
    assert (snapshot.status, snapshot.complete, snapshot.unchanged_since) == ("not_modified", True, DAY)


def test_an_etag_of_another_url_is_not_used(server: AtsServer, read: Read) -> None:
    for size in (2, 3):
        server.script[f"GET /v0/postings/acme?mode=json&skip=0&limit={size}"] = [
            Reply([{"id": "a"}], headers={"ETag": 'W/"1"'})
        ]
    read("lever", "acme", page_size=2)
    read("lever", "acme", page_size=3, day=NEXT_DAY)
    assert [seen.headers.get("if-none-match") for seen in server.seen] == [None, None]


def test_the_tag_of_one_of_several_pages_is_not_kept(server: AtsServer, store: DocumentStore, read: Read) -> None:
    for skip, ids in {0: "ab", 2: ""}.items():
        server.script[f"GET /v0/postings/acme?mode=json&skip={skip}&limit=2"] = [
            Reply([{"id": i} for i in ids], headers={"ETag": 'W/"1"'})
        ]
    read("lever", "acme", page_size=2)
    assert [snapshot.etag for snapshot in stored_snapshots(store, DAY, "lever")] == [None]


def test_an_unchanged_posting_is_stored_once_though_its_dates_move(
    server: AtsServer, store: DocumentStore, read: Read
) -> None:
    first, second = jobs(1, updated_at="2026-11-19T00:00:00-05:00"), jobs(1, updated_at="2026-11-20T00:00:00-05:00")
    server.script[greenhouse("acme")] = [Reply(first), Reply(second)]
    assert read("greenhouse", "acme").new_payloads == 1
    assert read("greenhouse", "acme", day=NEXT_DAY).new_payloads == 0
    assert store.count("raw_payloads") == 1
    assert payloads(store) == first["jobs"]
    assert payloads(store, day=NEXT_DAY) == second["jobs"]


def test_the_order_of_keys_makes_no_second_payload(server: AtsServer, store: DocumentStore, read: Read) -> None:
    offer = {"id": 1, "title": "x", "salary": {"min": "1", "max": None}, "position": 3, "updated_at": "a"}
    shuffled = {key: offer[key] for key in reversed(offer)} | {"position": 4, "salary": {"max": None, "min": "1"}}
    server.script["GET /acme/api/offers/"] = [Reply({"offers": [offer]}), Reply({"offers": [shuffled]})]
    read("recruitee", "acme")
    assert read("recruitee", "acme", day=NEXT_DAY).new_payloads == 0
    assert payloads(store, "recruitee", NEXT_DAY) == [shuffled]


def test_personal_fields_are_never_stored(server: AtsServer, store: DocumentStore, read: Read) -> None:
    person = {"id": 9, "name": "Hiring Manager", "value_type": "user", "value": {"email": "jo@example.com"}}
    level = {"id": 8, "name": "Level", "value_type": "single_select", "value": "L4"}
    server.script[greenhouse("acme")] = [Reply(jobs(1, metadata=[person, level]))]
    server.script["GET /acme/api/offers/"] = [Reply({"offers": [{"id": 1, "mailbox_email": "in@example.com"}]})]
    read("greenhouse", "acme")
    read("recruitee", "acme")
    everything = str([list(store.scan(name)) for name in ("raw_payloads", "raw_pages", "raw_snapshots")])
    assert "example.com" not in everything
    assert payloads(store) == [{"id": 1, "title": "Job 1", "metadata": [level]}]
    assert payloads(store, "recruitee") == [{"id": 1}]


def test_a_failure_later_in_the_day_keeps_the_complete_reading(
    server: AtsServer, store: DocumentStore, read: Read
) -> None:
    server.script[greenhouse("acme")] = [Reply(jobs(1)), Reply(b"", status=404)]
    read("greenhouse", "acme")
    assert read("greenhouse", "acme").boards_gone == 1
    (snapshot,) = stored_snapshots(store, DAY, "greenhouse")
    assert (snapshot.status, snapshot.complete, snapshot.rows) == ("ok", True, 1)
    assert "404" in (snapshot.later_error or "")
    assert len(payloads(store)) == 1


@pytest.mark.parametrize(
    ("name", "base"),
    [
        pytest.param("../admin", None, id="a name that leaves its path"),
        pytest.param("..", None, id="a name that is a path"),
        pytest.param("acme", "ftp://127.0.0.1", id="another scheme"),
        pytest.param("acme", "127.0.0.1:1", id="no scheme"),
        pytest.param("not a host", "https://{board}.invalid", id="a name that makes no host name"),
    ],
)
def test_a_board_that_cannot_be_addressed_is_a_failed_board(
    server: AtsServer, read: Read, name: str, base: str | None
) -> None:
    summary = read("greenhouse", Board(name=name, base_url=base))
    assert [failure.kind for failure in summary.failures] == ["PermanentFetchError"]
    assert server.seen == []


def test_secrets_in_a_base_url_reach_neither_store_nor_log(server: AtsServer, store: DocumentStore, read: Read) -> None:
    base = server.url.replace("http://", "http://user:s3cret@")
    with capture_logs() as logs:
        read("greenhouse", "acme", base_url=base)
    assert "s3cret" not in str([list(store.scan("raw_snapshots")), logs])


def test_the_user_agent_is_the_configured_one(server: AtsServer, read: Read) -> None:
    server.script[greenhouse("acme")] = [Reply(jobs(1), headers={"Set-Cookie": "session=1; Path=/"})]
    read("greenhouse", "acme", {"name": "other"}, user_agent="acme-bot/1 (+https://example.com)", concurrency=1)
    assert {seen.headers["user-agent"] for seen in server.seen} == {"acme-bot/1 (+https://example.com)"}
    assert not any("cookie" in seen.headers for seen in server.seen)


def test_a_proxy_of_the_environment_is_not_used_for_this_machine(
    server: AtsServer, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    server.script[greenhouse("acme")] = [Reply(jobs(1))]
    assert read("greenhouse", "acme").rows == 1


def test_half_a_surrogate_pair_in_one_title_does_not_cost_the_board(
    server: AtsServer, store: DocumentStore, read: Read
) -> None:
    server.script[greenhouse("acme")] = [Reply(b'{"jobs": [{"id": 1, "title": "Rocket \\ud83d"}]}')]
    assert read("greenhouse", "acme").rows == 1
    assert payloads(store)[0]["title"] == "Rocket ?"


def test_a_day_without_boards_stores_nothing(store: DocumentStore, read: Read) -> None:
    assert read("greenhouse").boards == 0
    assert not has_day(store, DAY, "greenhouse")


def test_one_board_configured_twice_differently_is_refused(read: Read) -> None:
    with pytest.raises(ConfigError, match=r"ats\.greenhouse\.boards: 'acme' is configured twice"):
        read("greenhouse", "acme", {"name": "acme", "company": "Acme"})
