"""Every object on the wire against the client's own types, in strict mode and with nothing the types do not know."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from openai.types import Batch, CreateEmbeddingResponse, FileDeleted, FileObject, Model
from openai.types.chat import ChatCompletion
from openai.types.shared import ErrorObject
from openai_kit import ENDPOINT, Running, batch_request, chat_body, faulty, jsonl
from pydantic import BaseModel

_UPLOAD = {"files": {"file": ("in.jsonl", b"{}\n")}, "data": {"purpose": "batch"}}


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Running]:
    rules = [
        {"kind": "expire", "numbers": [2], "after_seconds": 150},
        {"kind": "fail_validation", "numbers": [3], "param": "file_id"},
        {"kind": "error_file_id", "numbers": [6], "value": ""},
    ]
    with faulty(tmp_path, batches=rules) as running:
        yield running


class _Raw:
    """Calls without the client, for the very bytes."""

    def __init__(self, sandbox: Running) -> None:
        self._http = httpx2.Client(
            base_url=f"{sandbox.url}/v1", trust_env=False, headers={"authorization": "Bearer any"}, timeout=60
        )

    def __call__(self, method: str, path: str, **given: Any) -> httpx2.Response:
        return self._http.request(method, path, **given)


def _valid(kind: type[BaseModel], response: httpx2.Response) -> BaseModel:
    assert response.status_code == 200
    return _checked(kind, response.json())


def _checked(kind: type[BaseModel], data: Any) -> BaseModel:
    found = kind.model_validate_json(orjson.dumps(data), strict=True)
    assert not _unknown(found)
    return found


def _unknown(value: Any) -> list[str]:
    """The fields, however deep, that the types do not know."""
    if isinstance(value, BaseModel):
        own = list(value.model_extra or {})
        return own + [name for each in value.__dict__.values() for name in _unknown(each)]
    return [name for each in value for name in _unknown(each)] if isinstance(value, list) else []


def test_a_batch_is_typed_in_each_of_its_states(sandbox: Running) -> None:
    raw, file_id = _Raw(sandbox), sandbox.upload(jsonl([batch_request(number) for number in range(8)]))
    made = [sandbox.create(file_id, metadata={"key": "k"}).id for _ in range(6)]
    seen = set()
    for seconds in (0, 25, 15, 10, 35, 20, 100):
        sandbox.advance(seconds)
        if seconds == 10:
            _valid(Batch, raw("POST", f"/batches/{made[3]}/cancel"))
        for batch_id in made:
            found = _valid(Batch, raw("GET", f"/batches/{batch_id}"))
            assert isinstance(found, Batch)
            seen.add(found.status)
    assert seen == {
        "validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled",
    }  # fmt: skip
    page = raw("GET", "/batches").json()
    assert (set(page), page["object"]) == ({"object", "data", "first_id", "last_id", "has_more"}, "list")
    assert all(_checked(Batch, item) for item in page["data"])


def test_the_answer_to_a_create_call_is_a_typed_batch(sandbox: Running) -> None:
    body = {"input_file_id": "file-any", "endpoint": ENDPOINT, "completion_window": "24h"}
    _valid(Batch, _Raw(sandbox)("POST", "/batches", json=body))


def test_files_are_typed(sandbox: Running) -> None:
    raw = _Raw(sandbox)
    file = _valid(FileObject, raw("POST", "/files", **_UPLOAD))
    assert isinstance(file, FileObject)
    _valid(FileObject, raw("GET", f"/files/{file.id}"))
    done = sandbox.completed(2)
    _valid(FileObject, raw("GET", f"/files/{done.batch.output_file_id}"))
    assert all(_checked(FileObject, item) for item in raw("GET", "/files").json()["data"])
    _valid(FileDeleted, raw("DELETE", f"/files/{file.id}"))


def test_models_are_typed(sandbox: Running) -> None:
    raw = _Raw(sandbox)
    listed = raw("GET", "/models").json()["data"]
    assert all(_checked(Model, item) for item in listed)
    for item in listed:
        _valid(Model, raw("GET", f"/models/{item['id']}"))


def test_completions_and_embeddings_are_typed(sandbox: Running) -> None:
    raw = _Raw(sandbox)
    _valid(ChatCompletion, raw("POST", "/chat/completions", json=chat_body()))
    _valid(ChatCompletion, raw("POST", "/chat/completions", json=chat_body(tools=None, tool_choice=None)))
    body = {"model": "text-embedding-3-small", "input": ["a", "b"], "dimensions": 8}
    _valid(CreateEmbeddingResponse, raw("POST", "/embeddings", json=body))


_SPOILED = ("invalid_arguments", "refusal", "length", "content_filter", "no_tool_call", "two_tool_calls")


def test_answers_that_a_fault_has_spoiled_are_typed_all_the_same(tmp_path: Path) -> None:
    rows = [{"kind": kind, "numbers": [number]} for number, kind in enumerate(_SPOILED, start=1)]
    with faulty(tmp_path, rows=rows) as sandbox:
        done = sandbox.completed(len(_SPOILED))
    assert len(done.output) == len(_SPOILED)
    for row in done.output:
        _checked(ChatCompletion, row["response"]["body"])


_ERROR_ROWS = ("error_400", "error_429", "error_500", "error_503", "quota_row")


def test_errors_of_rows_have_the_envelope_of_the_api(tmp_path: Path) -> None:
    rows = [{"kind": kind, "numbers": [number]} for number, kind in enumerate(_ERROR_ROWS, start=1)]
    with faulty(tmp_path, rows=rows) as sandbox:
        done = sandbox.completed(len(_ERROR_ROWS))
    assert len(done.errors) == len(_ERROR_ROWS)
    for row in done.errors:
        _check_envelope(row["response"]["body"])


def _check_envelope(body: dict[str, Any]) -> None:
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    _checked(ErrorObject, body["error"])


@pytest.mark.parametrize(
    ("method", "path", "given", "status"),
    [
        pytest.param("GET", "/files/f", {}, 404, id="an unknown file"),
        pytest.param("GET", "/files/f/content", {}, 404, id="the content of an unknown file"),
        pytest.param("POST", "/files", {"content": b"x"}, 400, id="an upload that is no form"),
        pytest.param("GET", "/files?limit=0", {}, 400, id="a page of no files"),
        pytest.param("GET", "/batches/b", {}, 404, id="an unknown batch"),
        pytest.param("POST", "/batches/b/cancel", {}, 404, id="cancelling an unknown batch"),
        pytest.param("POST", "/batches", {"json": {}}, 400, id="a create call that says nothing"),
        pytest.param("POST", "/batches", {"json": []}, 400, id="a create call that is a list"),
        pytest.param("POST", "/chat/completions", {"content": b"{"}, 400, id="a body that is no JSON"),
        pytest.param("POST", "/chat/completions", {"json": {"model": "x", "messages": []}}, 404, id="an unknown model"),
        pytest.param("POST", "/embeddings", {"json": {"model": "gpt-6-luna", "input": "a"}}, 404, id="no embedder"),
        pytest.param("GET", "/models/x", {}, 404, id="a model that is not there"),
        pytest.param("GET", "/nothing", {}, 404, id="a URL that is not there"),
        pytest.param("PUT", "/batches", {}, 405, id="a method that is not there"),
        pytest.param("GET", "/models", {"headers": {"authorization": ""}}, 401, id="no key"),
    ],
)
def test_errors_have_the_envelope_of_the_api_and_a_request_id(
    sandbox: Running, method: str, path: str, given: dict[str, Any], status: int
) -> None:
    response = _Raw(sandbox)(method, path, **given)
    assert response.status_code == status
    _check_envelope(response.json())
    assert response.headers["x-request-id"].startswith("req_")
    assert response.headers["openai-version"] == "2020-10-01"


_FAULTS = (
    ("rate_limited", 429),
    ("insufficient_quota", 429),
    ("unauthorized", 401),
    ("server_error", 500),
    ("cannot_find_file", 400),
    ("error_after_commit", 500),
)


@pytest.mark.parametrize(("kind", "status"), [pytest.param(*fault, id=fault[0]) for fault in _FAULTS])
def test_errors_of_injected_faults_have_the_envelope_of_the_api(tmp_path: Path, kind: str, status: int) -> None:
    with faulty(tmp_path, creates=[{"kind": kind, "every": 1}]) as sandbox:
        body = {"input_file_id": "file-any", "endpoint": ENDPOINT, "completion_window": "24h"}
        response = _Raw(sandbox)("POST", "/batches", json=body)
    assert response.status_code == status
    _check_envelope(response.json())
