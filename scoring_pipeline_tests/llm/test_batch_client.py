"""The batch client at a server that answers badly: which class each failure falls into, and what is tried again."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_provider import BATCH, FakeProvider, Reply, fake_provider, refusal, said

from scoring_pipeline.llm.batch_client import BatchClient, Providers
from scoring_pipeline.llm.errors import (
    NotFoundAtProvider,
    PermanentProviderError,
    ProviderError,
    StopProviderError,
    TransientProviderError,
)
from scoring_pipeline.settings import LlmProvider

Call = Callable[[BatchClient], Any]
PAGE = "<html><body>Sign in to the proxy</body></html>"
HTML = Reply(200, PAGE.encode(), "text/html")


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_PROVIDER_KEY", "sk-test")


def _create(client: BatchClient) -> Any:
    return client.create("file-1", {"plan": "p"})


def _retrieve(client: BatchClient) -> Any:
    return client.retrieve("batch_1")


def _recent(client: BatchClient) -> Any:
    return list(client.recent(not_before=0))


def _models(client: BatchClient) -> Any:
    return client.models()


def _lines(client: BatchClient) -> Any:
    return list(client.lines("file-1"))


def _upload(client: BatchClient) -> Any:
    return client.upload(Path(__file__))


CALLS = [
    pytest.param(_create, id="creating"),
    pytest.param(_retrieve, id="retrieving"),
    pytest.param(_recent, id="listing batches"),
    pytest.param(_models, id="listing models"),
    pytest.param(_lines, id="reading a file"),
    pytest.param(_upload, id="uploading"),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        pytest.param(refusal(400), PermanentProviderError, id="400: the request is wrong"),
        pytest.param(refusal(401, "invalid_api_key"), StopProviderError, id="401: the key is wrong"),
        pytest.param(refusal(403), StopProviderError, id="403: the key may not"),
        pytest.param(refusal(404), NotFoundAtProvider, id="404: unknown there"),
        pytest.param(refusal(408), TransientProviderError, id="408: too slow"),
        pytest.param(refusal(409), TransientProviderError, id="409: conflict"),
        pytest.param(refusal(413), PermanentProviderError, id="413: too large"),
        pytest.param(refusal(422), PermanentProviderError, id="422: refused"),
        pytest.param(refusal(429, "rate_limit_exceeded"), TransientProviderError, id="429: too many"),
        pytest.param(refusal(429, "insufficient_quota"), StopProviderError, id="429: no quota, by code"),
        pytest.param(refusal(429, None, "insufficient_quota"), StopProviderError, id="429: no quota, by type"),
        pytest.param(refusal(400, "billing_hard_limit_reached"), StopProviderError, id="400: billing"),
        pytest.param(refusal(500), TransientProviderError, id="500: an accident"),
        pytest.param(refusal(503), TransientProviderError, id="503: overloaded"),
        pytest.param(Reply(502, PAGE.encode(), "text/html"), TransientProviderError, id="502: a proxy's page"),
    ],
)
def test_each_refusal_falls_into_its_class_and_the_message_names_the_call(
    call: Call, reply: Reply, kind: type[ProviderError]
) -> None:
    reply = Reply(reply.status, reply.body, reply.content_type, {**reply.headers, "retry-after-ms": "1"})
    with fake_provider(reply) as fake, pytest.raises(ProviderError) as caught:
        call(fake.client())
    assert type(caught.value) is kind
    assert "fake" in str(caught.value)
    assert f"HTTP {reply.status}" in str(caught.value)


@pytest.mark.parametrize("call", [case for case in CALLS if case.id != "reading a file"])
@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(HTML, id="a proxy's page with status 200"),
        pytest.param(Reply(200, b'{"id": "bat'), id="JSON that breaks off"),
        pytest.param(said({}), id="an empty object"),
        pytest.param(said({"error": {"message": "upstream is away"}}), id="an error with status 200"),
        pytest.param(said([]), id="a list where an object is expected"),
        pytest.param(said({"object": "list", "data": None}), id="a list without its items"),
        pytest.param(said({"object": "list", "data": [{"object": "thing"}]}), id="a list of nameless things"),
    ],
)
def test_an_answer_of_another_shape_is_a_failure_and_never_an_empty_result(call: Call, reply: Reply) -> None:
    with fake_provider(reply) as fake, pytest.raises(TransientProviderError):
        call(fake.client())


def test_a_missing_key_stops_and_names_the_variable_and_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FAKE_PROVIDER_KEY")
    with fake_provider(said(BATCH)) as fake, pytest.raises(StopProviderError, match="FAKE_PROVIDER_KEY is not set"):
        _retrieve(fake.client())
    assert fake.asked == []


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(refusal(500, **{"x-should-retry": "true"}), id="500, and the server asks to try again"),
        pytest.param(refusal(429, "rate_limit_exceeded"), id="429"),
        pytest.param(refusal(409), id="409"),
        pytest.param(Reply(200, b'{"id": "batch_1", "status"', cut=10), id="a reply that is cut"),
    ],
)
def test_creating_a_batch_is_asked_for_exactly_once(reply: Reply) -> None:
    with fake_provider(reply) as fake, pytest.raises(TransientProviderError):
        _create(fake.client())
    assert fake.asked == ["POST /v1/batches"]


def test_creating_is_not_asked_for_again_after_a_timeout() -> None:
    with fake_provider(Reply(hang=True)) as fake, pytest.raises(TransientProviderError, match="APITimeoutError"):
        _create(fake.client(timeout_seconds=0.2))
    assert fake.asked == ["POST /v1/batches"]


def test_cancelling_is_asked_for_exactly_once() -> None:
    with fake_provider(refusal(500)) as fake, pytest.raises(TransientProviderError):
        fake.client().cancel("batch_1")
    assert fake.asked == ["POST /v1/batches/batch_1/cancel"]


def test_reading_a_batch_is_tried_again() -> None:
    with fake_provider(refusal(500), refusal(503), said(BATCH)) as fake:
        assert fake.client().retrieve("batch_1").id == "batch_1"
    assert fake.asked == ["GET /v1/batches/batch_1"] * 3


def test_a_server_that_is_not_there_is_a_passing_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    provider = LlmProvider(base_url=f"http://127.0.0.1:{port}/v1", api_key_env="FAKE_PROVIDER_KEY")
    with pytest.raises(TransientProviderError, match="creating a batch at fake"):
        _create(BatchClient("fake", provider))


def test_an_unknown_status_and_unknown_fields_are_kept_as_they_are() -> None:
    with fake_provider(said({**BATCH, "status": "PONDERING", "mood": "good", "error_file_id": ""})) as fake:
        batch = fake.client().retrieve("batch_1")
    assert batch.status == "PONDERING"
    assert batch.error_file_id == ""
    assert batch.metadata == {"plan": "p"}


def _listed(*batches: dict[str, Any], more: bool = False) -> Reply:
    return said({"object": "list", "data": list(batches), "has_more": more})


def test_the_list_is_followed_page_by_page_until_a_batch_is_older_than_asked_for() -> None:
    pages = [
        _listed({**BATCH, "id": "c", "created_at": 300}, {**BATCH, "id": "b", "created_at": 200}, more=True),
        _listed({**BATCH, "id": "a", "created_at": 100}, {**BATCH, "id": "0", "created_at": 50}, more=True),
    ]
    with fake_provider(*pages) as fake:
        found = [batch.id for batch in fake.client().recent(not_before=100)]
    assert found == ["c", "b", "a"]
    assert fake.asked == ["GET /v1/batches?limit=100", "GET /v1/batches?after=b&limit=100"]


def test_a_list_that_does_not_say_whether_there_is_more_is_followed_to_its_end() -> None:
    pages = [{"object": "list", "data": [{**BATCH, "id": "b"}]}, {"object": "list", "data": [{**BATCH, "id": "a"}]}]
    with fake_provider(*map(said, pages)) as fake:
        assert [batch.id for batch in _recent(fake.client())] == ["b", "a", "a"]
    assert len(fake.asked) == 3


def test_an_empty_list_is_an_empty_result() -> None:
    with fake_provider(_listed()) as fake:
        assert _recent(fake.client()) == []
        assert _models(fake.client()) == {}


def test_lines_are_yielded_whole_whatever_separates_them_and_blank_ones_are_skipped() -> None:
    long = b"x" * 700_000
    with fake_provider(Reply(200, b"one\n\n  \n" + long + b"\nlast", "application/octet-stream")) as fake:
        assert _lines(fake.client()) == [b"one", long, b"last"]


def test_an_empty_file_has_no_lines() -> None:
    with fake_provider(Reply(200, b"", "application/octet-stream")) as fake:
        assert _lines(fake.client()) == []


def test_a_stream_that_is_cut_gives_whole_lines_only_and_then_fails() -> None:
    lines = b"".join(b'{"custom_id":"%05d"}\n' % number for number in range(40_000))
    found = []
    with fake_provider(Reply(200, lines, "application/octet-stream", cut=len(lines) - 8)) as fake:
        with pytest.raises(TransientProviderError, match="reading file file-1 at fake"):
            found.extend(iter(fake.client().lines("file-1")))
        assert not any(line not in lines.splitlines() for line in found[-1:])
    assert len(found) < 40_000


def _owned(owner: str) -> Reply:
    return said({"object": "list", "data": [{"id": "m", "object": "model", "created": 1, "owned_by": owner}]})


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        pytest.param(_owned("scoring-pipeline-sandbox"), True, id="a loopback server that says it is ours"),
        pytest.param(_owned("vllm"), False, id="a loopback server that is somebody else's"),
        pytest.param(refusal(404), False, id="a loopback server without a list of models"),
    ],
)
def test_a_loopback_endpoint_is_asked_whether_it_is_the_sandbox(reply: Reply, expected: bool) -> None:
    with fake_provider(reply) as fake:
        assert fake.client().is_sandbox() is expected


def test_a_loopback_endpoint_that_does_not_answer_is_taken_for_neither() -> None:
    with fake_provider(refusal(500)) as fake, pytest.raises(TransientProviderError):
        fake.client().is_sandbox()


def test_an_endpoint_elsewhere_is_real_without_asking_and_a_configured_sandbox_needs_no_key() -> None:
    assert not BatchClient("openai", LlmProvider(api_key_env="NOT_SET_ANYWHERE")).is_sandbox()
    assert BatchClient("openai", LlmProvider(sandbox=True, api_key_env="NOT_SET_ANYWHERE")).is_sandbox()


def test_a_loopback_endpoint_is_reached_past_any_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with fake_provider(said(BATCH)) as fake:
        assert _retrieve(fake.client()).id == "batch_1"


def test_a_providers_client_is_made_once_and_an_unknown_name_lists_those_there_are() -> None:
    providers = Providers({"openai": LlmProvider(), "other": LlmProvider()})
    assert providers.batch("openai") is providers.batch("openai")
    with pytest.raises(ProviderError, match=r"no provider 'azure' under llm\.providers, only openai, other"):
        providers.batch("azure")


def test_the_fake_counts_what_it_is_asked() -> None:
    with fake_provider(said(BATCH)) as fake:
        fake.client().retrieve("batch_1")
        assert isinstance(fake, FakeProvider)
        assert fake.asked == ["GET /v1/batches/batch_1"]
