"""What came back: one line of an output or error file, read, classified and validated field by field.

What belongs here: the Score, the classes of row outcomes, and reading them from the wire. What does not: matching lines
to attempts and deciding what happens next (`batches/`).
"""

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field, StrictInt, ValidationError

from scoring_pipeline.listings.model import Frozen
from scoring_pipeline.llm.errors import STOP_CODES
from scoring_pipeline.llm.prices import TokenUsage
from scoring_pipeline.scoring.rubric import FUNCTION_NAME

SANDBOX_FINGERPRINT = "scoring-pipeline-sandbox"

# What a provider says is kept up to here: it may quote a whole prompt, or be a page of a proxy.
MOST_ERROR_CHARACTERS = 2000
_MOST_MODEL_CHARACTERS = 200
_LATEST_TIME = 2**40
# A forced call ends with `stop` at OpenAI and with `tool_calls` elsewhere; some servers say nothing.
_FINISHED = ("stop", "tool_calls", "function_call", None)

Percent = Annotated[StrictInt, Field(ge=0, le=100)]

# valid    a score that may be served
# invalid  answered and paid, but no acceptable score: bad JSON, out of bounds, refused, truncated, filtered
# errored  the provider failed on this row and may not the next time (429, 5xx, status 0)
# rejected the provider refuses this request as it stands (4xx)
# expired, cancelled  not executed before the batch ended
# missing  in neither file
# stopped  quota or billing: nothing about the request
Outcome = Literal["valid", "invalid", "errored", "rejected", "expired", "cancelled", "missing", "stopped"]


class Score(Frozen):
    """One accepted answer: how well a listing fits a profile. Scores are 0 to 100, confidence 0 to 1."""

    overall_score: Percent
    skill_match: Percent
    experience_match: Percent
    location_match: Percent
    confidence: float = Field(ge=0, le=1, allow_inf_nan=False, strict=True)
    reasons: tuple[Annotated[str, Field(min_length=1, max_length=600)], ...] = Field(min_length=1, max_length=3)


@dataclass(frozen=True)
class Row:
    """One line, read: whose it is, what it is, what it used; `score` is set for `valid` only."""

    custom_id: str
    outcome: Outcome
    score: Score | None = None
    error: str | None = None
    usage: TokenUsage | None = None
    model: str | None = None
    sandbox: bool = False
    answered_at: int | None = None


class UnreadableLineError(ValueError):
    """A line that is not JSON or bears no `custom_id`: it belongs to no attempt."""


def read_line(line: bytes) -> Row:
    """Read one line of an output or error file.

    Raises:
        UnreadableLineError: if the line cannot be attributed to an attempt.
    """
    try:
        data = orjson.loads(line)
    except orjson.JSONDecodeError as e:
        raise UnreadableLineError(f"not JSON: {e}") from e
    custom_id = data.get("custom_id") if isinstance(data, dict) else None
    if not isinstance(custom_id, str):
        raise UnreadableLineError("no custom_id")
    row = _read(custom_id, data)
    return replace(row, error=row.error[:MOST_ERROR_CHARACTERS]) if row.error else row


def _read(custom_id: str, data: dict[str, Any]) -> Row:
    response = data.get("response")
    if not isinstance(response, dict):
        return _without_response(custom_id, data.get("error"))
    body = response.get("body")
    status = response.get("status_code")
    if status == 200 and isinstance(body, dict) and body.get("object") == "chat.completion":  # noqa: PLR2004
        return _completion(custom_id, body)
    return _failed_row(custom_id, status, body)


def _without_response(custom_id: str, error: Any) -> Row:
    code = str(error.get("code") or "") if isinstance(error, dict) else ""
    message = str(error.get("message") or "") if isinstance(error, dict) else str(error)
    outcome: Outcome = "expired" if code == "batch_expired" else "cancelled" if code == "batch_cancelled" else "errored"
    return Row(custom_id, outcome, error=f"{code}: {message}".strip(": ") or "no response and no error")


def _failed_row(custom_id: str, status: Any, body: Any) -> Row:
    error = body.get("error") if isinstance(body, dict) else None
    code = str(error.get("code") or error.get("type") or "") if isinstance(error, dict) else ""
    text = str(error.get("message") or error)[:1000] if isinstance(error, dict) else str(body)[:300]
    message = f"HTTP {status}: {code}: {text}" if code else f"HTTP {status}: {text}"
    if code in STOP_CODES:
        return Row(custom_id, "stopped", error=message)
    refused = isinstance(status, int) and 400 <= status < 500 and status not in {408, 409, 429}  # noqa: PLR2004
    return Row(custom_id, "rejected" if refused else "errored", error=message)


def _completion(custom_id: str, body: dict[str, Any]) -> Row:
    created = body.get("created")
    row = Row(
        custom_id,
        "invalid",
        model=str(body.get("model"))[:_MOST_MODEL_CHARACTERS],
        sandbox=body.get("system_fingerprint") == SANDBOX_FINGERPRINT,
        answered_at=created if type(created) is int and 0 <= created < _LATEST_TIME else None,
    )
    try:
        row = replace(row, usage=TokenUsage.from_body(body.get("usage")))
    except ValueError as e:
        return replace(row, error=str(e))
    try:
        score = Score.model_validate(_arguments(body))
    except InvalidAnswerError as e:
        return replace(row, error=str(e))
    except ValidationError as e:
        error = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in e.errors())
        return replace(row, error=error)
    return replace(row, outcome="valid", score=score)


class InvalidAnswerError(ValueError):
    """An answer that holds no arguments to validate; the message says why."""


def _arguments(body: dict[str, Any]) -> dict[str, Any]:
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise InvalidAnswerError("no choice with a message")
    if message.get("refusal"):
        raise InvalidAnswerError(f"refused: {str(message['refusal'])[:300]}")
    if choice.get("finish_reason") not in _FINISHED:
        raise InvalidAnswerError(f"finish_reason {choice.get('finish_reason')}")
    calls = message.get("tool_calls")
    functions = [call.get("function") for call in (calls if isinstance(calls, list) else []) if isinstance(call, dict)]
    named = [f for f in functions if isinstance(f, dict) and f.get("name") == FUNCTION_NAME]
    if len(named) != 1:
        raise InvalidAnswerError(f"{len(named)} calls of {FUNCTION_NAME} where one is expected")
    try:
        arguments = orjson.loads(named[0].get("arguments") or "")
    except (orjson.JSONDecodeError, TypeError) as e:
        raise InvalidAnswerError(f"arguments are not JSON: {e}") from e
    if not isinstance(arguments, dict):
        raise InvalidAnswerError("arguments are no JSON object")
    return arguments
