"""Validation of a batch's input file: every offending line, in the API's words.

What belongs here: what makes the whole batch fail. What does not: what makes one row fail
(`openai_completions.py`) and what the create call refuses at once (`openai_batches.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from scoring_pipeline.sandbox.openai_embeddings import embedding_inputs
from scoring_pipeline.sandbox.openai_errors import ApiError
from scoring_pipeline.sandbox.openai_models import find_model

_MAX_EMBEDDING_INPUTS = 50_000
_CONTENT = {"/v1/chat/completions": "messages", "/v1/embeddings": "input"}


def batch_error(code: str, message: str, *, param: str | None = None, line: int | None = None) -> dict[str, Any]:
    """Return one entry of a failed batch's `errors.data`; `line` counts from 1."""
    return {"code": code, "message": message, "param": param, "line": line}


def file_not_found(file_id: str) -> dict[str, Any]:
    """Return the error of a batch whose input file is not there."""
    return batch_error(
        "invalid_request",
        f"Cannot find file {file_id}, or organization org-sandbox does not have access to it.",
        param="file_id",
    )


def queue_is_full(model: str, limit: int) -> dict[str, Any]:
    """Return the error of a batch that would take its model's queue beyond the limit."""
    text = (
        f"Enqueued token limit reached for {model} in organization org-sandbox. Limit: {limit:,} enqueued tokens. "
        "Please try again once some in_progress batches have been completed."
    )
    return batch_error("token_limit_exceeded", text)


@dataclass
class Validation:
    """What reading an input file has found so far; `tokens` of the prompts only if `count_tokens` was given."""

    endpoint: str
    now: float
    max_requests: int
    count_tokens: Callable[[Mapping[str, Any]], int] | None = None
    total: int = 0
    tokens: int = 0
    model: str | None = None
    errors: list[dict[str, Any]] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    _inputs: int = 0

    def read(self, path: Path) -> None:
        """Read a file line by line."""
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                self.total = number
                problem = self._line_problem(line)
                if problem is not None:
                    self.errors.append(problem | {"line": number})
        if self.total > self.max_requests:
            text = f"The batch has {self.total} requests; a batch may have at most {self.max_requests}."
            self.errors.append(batch_error("too_many_tasks", text))
        if self._inputs > _MAX_EMBEDDING_INPUTS:
            text = f"The batch has {self._inputs} inputs; at most {_MAX_EMBEDDING_INPUTS} are allowed."
            self.errors.append(batch_error("too_many_tasks", text))

    def _line_problem(self, line: bytes) -> dict[str, Any] | None:
        try:
            request = orjson.loads(line)
        except orjson.JSONDecodeError:
            request = None
        if not isinstance(request, dict):
            return batch_error("invalid_json_line", "This line is not parseable as valid JSON.")
        for name, kind in (("custom_id", str), ("method", str), ("url", str), ("body", dict)):
            if name not in request:
                return _missing(name)
            if not isinstance(request[name], kind):
                return batch_error("invalid_type", f"Invalid type for '{name}'.", param=name)
        return self._request_problem(request) or self._body_problem(request["body"])

    def _request_problem(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        if request["method"] != "POST":
            text = f"Invalid value: '{request['method']}'. Supported values are: 'POST'."
            return batch_error("invalid_value", text, param="method")
        if request["url"] != self.endpoint:
            text = "The URL provided for this request does not match the batch endpoint."
            return batch_error("invalid_url", text, param="url")
        custom_id = request["custom_id"]
        if custom_id in self._seen:
            text = (
                f"The custom_id '{custom_id}' for this request is a duplicate of another request. "
                "The custom_id parameter must be unique for each request in a batch."
            )
            return batch_error("duplicate_custom_id", text, param="custom_id")
        self._seen.add(custom_id)
        return None

    def _body_problem(self, body: Mapping[str, Any]) -> dict[str, Any] | None:
        model, content = body.get("model"), _CONTENT[self.endpoint]
        if model is None:
            return _missing("body.model")
        if not body.get(content):
            return _missing(f"body.{content}")
        if find_model(model, self.now) is None:
            text = f"The provided model '{model}' is not supported by the Batch API."
            return batch_error("model_not_found", text, param="body.model")
        if self.model is None:
            self.model = str(model)
        if model != self.model:
            text = (
                f"The model '{model}' for this request does not match the rest of the batch. "
                "Each batch must contain requests for a single model."
            )
            return batch_error("mismatched_model", text, param="body.model")
        if body.get("stream"):
            text = "Chat Completions: Streaming is not supported in the Batch API."
            return batch_error("streaming_unsupported", text, param="body.stream")
        if self.count_tokens is not None:
            self.tokens += self.count_tokens(body)
        if content == "input":
            self._inputs += _input_count(body[content])
        return None


def _missing(name: str) -> dict[str, Any]:
    return batch_error("missing_required_parameter", f"Missing required parameter: '{name}'.", param=name)


def _input_count(given: Any) -> int:
    try:
        return len(embedding_inputs(given))
    except ApiError:
        return 1
