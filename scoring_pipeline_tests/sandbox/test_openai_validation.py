from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from openai_kit import Running, batch_request, chat_body, jsonl, serving


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


def _without(name: str) -> dict[str, Any]:
    return {key: value for key, value in batch_request(2).items() if key != name}


def _with_body(**changes: Any) -> dict[str, Any]:
    return batch_request(2, body=chat_body(**changes))


def _failed(sandbox: Running, content: bytes, **changes: Any) -> list[dict[str, Any]]:
    batch = sandbox.create(sandbox.upload(content), **changes)
    sandbox.advance(20)
    failed = sandbox.again(batch)
    assert failed.status == "failed"
    assert failed.failed_at == failed.created_at + 20
    assert (failed.output_file_id, failed.error_file_id) == (None, None)
    assert failed.request_counts is not None
    assert (failed.request_counts.total, failed.request_counts.completed, failed.request_counts.failed) == (0, 0, 0)
    assert failed.errors is not None
    assert failed.errors.object == "list"
    return [error.model_dump() for error in failed.errors.data or ()]


@pytest.mark.parametrize(
    ("line", "code", "param", "message"),
    [
        pytest.param(b"{oops", "invalid_json_line", None, "This line is not parseable as valid JSON.", id="no JSON"),
        pytest.param(b"", "invalid_json_line", None, "This line is not parseable as valid JSON.", id="a blank line"),
        *(
            pytest.param(
                orjson.dumps(_without(name)),
                "missing_required_parameter",
                name,
                f"Missing required parameter: '{name}'.",
                id=f"no {name}",
            )
            for name in ("custom_id", "method", "url", "body")
        ),
        pytest.param(
            orjson.dumps(_with_body(messages=[])),
            "missing_required_parameter",
            "body.messages",
            "Missing required parameter: 'body.messages'.",
            id="no messages",
        ),
        pytest.param(
            orjson.dumps(batch_request(2, url="/v1/embeddings")),
            "invalid_url",
            "url",
            "The URL provided for this request does not match the batch endpoint.",
            id="another endpoint's URL",
        ),
        pytest.param(
            orjson.dumps(_with_body(model="gpt-unknown")),
            "model_not_found",
            "body.model",
            "The provided model 'gpt-unknown' is not supported by the Batch API.",
            id="an unknown model",
        ),
        pytest.param(
            orjson.dumps(_with_body(model="gpt-6-sol")),
            "mismatched_model",
            "body.model",
            "The model 'gpt-6-sol' for this request does not match the rest of the batch. "
            "Each batch must contain requests for a single model.",
            id="a second model",
        ),
        pytest.param(
            orjson.dumps(batch_request(2, custom_id="r-1")),
            "duplicate_custom_id",
            "custom_id",
            "The custom_id 'r-1' for this request is a duplicate of another request. "
            "The custom_id parameter must be unique for each request in a batch.",
            id="a custom_id that was used",
        ),
        pytest.param(
            orjson.dumps(_with_body(stream=True)),
            "streaming_unsupported",
            "body.stream",
            "Chat Completions: Streaming is not supported in the Batch API.",
            id="a stream",
        ),
    ],
)
def test_one_bad_line_fails_the_whole_batch(
    sandbox: Running, line: bytes, code: str, param: str | None, message: str
) -> None:
    content = jsonl([batch_request(1)]) + line + b"\n" + jsonl([batch_request(3)])
    assert _failed(sandbox, content) == [{"code": code, "line": 2, "message": message, "param": param}]


def test_every_offending_line_is_listed(sandbox: Running) -> None:
    lines = [batch_request(0), _without("method"), batch_request(2), batch_request(2), 7]
    errors = _failed(sandbox, jsonl(lines))
    found = [(error["line"], error["code"]) for error in errors]
    assert found == [(2, "missing_required_parameter"), (4, "duplicate_custom_id"), (5, "invalid_json_line")]


def test_an_unknown_file_fails_the_batch_only_after_it_was_created(sandbox: Running) -> None:
    batch = sandbox.create("file-unknown")
    assert batch.status == "validating"
    sandbox.advance(20)
    errors = sandbox.again(batch).errors
    assert errors is not None
    assert errors.data is not None
    assert (
        errors.data[0].message
        == "Cannot find file file-unknown, or organization org-sandbox does not have access to it."
    )
    assert (errors.data[0].code, errors.data[0].param, errors.data[0].line) == ("invalid_request", "file_id", None)


def test_a_batch_with_too_many_requests_fails(tmp_path: Path) -> None:
    with serving(tmp_path, max_requests=3) as sandbox:
        (error,) = _failed(sandbox, jsonl([batch_request(number) for number in range(4)]))
    assert (error["code"], error["line"]) == ("too_many_tasks", None)
    assert "4 requests" in error["message"]


def test_nothing_is_answered_or_billed_of_a_failed_batch(tmp_path: Path) -> None:
    with serving(tmp_path) as sandbox:
        _failed(sandbox, jsonl([batch_request(1), _without("body")]))
        journal = sandbox.journal()
    assert journal["requests"]["received"] == journal["requests"]["answered"] == 0
    assert journal["batches"] == {"failed": 1}


def test_a_model_past_its_shutdown_date_is_not_found(tmp_path: Path) -> None:
    with serving(tmp_path) as sandbox:
        assert sandbox.client.models.retrieve("gpt-4o").shutdown_date == "2027-01-14"
        sandbox.advance(400 * 86_400)
        request = batch_request(1, body=chat_body(model="gpt-4o", reasoning_effort=None))
        (error,) = _failed(sandbox, jsonl([request]))
    assert error["code"] == "model_not_found"
