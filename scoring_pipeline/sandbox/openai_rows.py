"""One line of a batch's input file in, one row of the journal and one line of a result file out.

What belongs here: a pure function of the line, the batch and the scenario, so that a result file that was lost in a
crash can be made again without answering anything again. What does not: files and transactions (`openai_worker.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from scoring_pipeline.sandbox.journal import AnswerRow, BatchRecord
from scoring_pipeline.sandbox.openai_completions import Answer, Context, answer_chat, prompt_tokens_of
from scoring_pipeline.sandbox.openai_embeddings import answer_embeddings, embedding_inputs
from scoring_pipeline.sandbox.openai_errors import ApiError
from scoring_pipeline.sandbox.openai_fault_rows import STATUS_LOST, STATUS_MISSING, spoil, told
from scoring_pipeline.sandbox.openai_fault_rules import RowRule
from scoring_pipeline.sandbox.openai_faults import Scenario
from scoring_pipeline.sandbox.openai_models import MODELS, Lane
from scoring_pipeline.sandbox.openai_tokens import TokenCounter
from scoring_pipeline.values import canonical_json, digest

Unreached = Literal["batch_expired", "batch_cancelled"]

_OK = 200
_UNREACHED: dict[Unreached, str] = {
    "batch_expired": "This request could not be executed before the completion window expired.",
    "batch_cancelled": "This request was not executed because the batch was cancelled.",
}


@dataclass(frozen=True)
class AnsweredLine:
    """What became of one line: the journal's row, and what to append to the output and to the error file."""

    row: AnswerRow
    output: bytes
    error: bytes


def answer_request(endpoint: str, body: dict[str, Any], context: Context, scenario: Scenario, key: str) -> Answer:
    """Answer one synchronous request and apply the scenario's row faults; `key` chooses among them."""
    return _met(_answer(endpoint, body, context), scenario, key)[0]


def _answer(endpoint: str, body: dict[str, Any], context: Context) -> Answer:
    return answer_embeddings(body, context) if endpoint == "/v1/embeddings" else answer_chat(body, context)


def _met(
    answer: Answer, scenario: Scenario, key: str, line: int = 0, batch: int = 0
) -> tuple[Answer, tuple[RowRule, int] | None]:
    """Return the answer as its rule leaves it, and the rule; only good answers meet one."""
    met = scenario.row_rule(key, answer.model, line, batch) if scenario.rows and answer.status == _OK else None
    return (answer, None) if met is None else (spoil(answer, *met), met)


def request_tokens(endpoint: str, body: Mapping[str, Any], count: TokenCounter) -> int:
    """Return the prompt tokens that a request takes of its model's queue; 0 where its row will be refused as unfit."""
    if endpoint == "/v1/embeddings":
        try:
            inputs = embedding_inputs(body.get("input"))
        except ApiError:
            return 0
        return sum(count(item) if isinstance(item, str) else len(item) for item in inputs)
    messages = body.get("messages")
    if not isinstance(messages, list) or not all(isinstance(each, dict) and "role" in each for each in messages):
        return 0
    return prompt_tokens_of(body, orjson.dumps(body["tools"]) if body.get("tools") else b"", count)


def journal_row(
    line: int, custom_id: str | None, body_digest: str, answer: Answer, lane: Lane, fault: str | None = None
) -> AnswerRow:
    """Return the journal's row of an answer; only status 200 is billed."""
    billed = answer.status == _OK
    prompt, completion = (answer.prompt_tokens, answer.completion_tokens) if billed else (0, 0)
    cost = MODELS[answer.model].cost(lane, prompt, completion) if billed else 0
    return AnswerRow(line, custom_id, body_digest, answer.model, answer.status, prompt, completion, cost, fault)


def answer_line(
    batch: BatchRecord, line: bytes, number: int, *, count: TokenCounter, scenario: Scenario
) -> AnsweredLine:
    """Answer one line of a validated input file.

    Args:
        batch: the batch, in progress.
        line: the line's bytes.
        number: its number, from 0.
        count: the token counter.
        scenario: the faults.
    """
    request = orjson.loads(line)
    body, custom_id = request["body"], request["custom_id"]
    body_digest = digest(canonical_json(body))
    context = Context(batch.in_progress_at or batch.created_at, count, body_digest)
    answer, met = _met(_answer(batch.endpoint, body, context), scenario, custom_id, number + 1, batch.no)
    row = journal_row(number, custom_id, body_digest, answer, "batch", None if met is None else met[0].kind)
    if answer.status == STATUS_MISSING:
        return AnsweredLine(row, b"", b"")
    mark = digest(f"{batch.id}/{number}".encode())
    request_id = "" if answer.status == STATUS_LOST else mark
    response = {"status_code": answer.status, "request_id": request_id, "body": answer.body}
    result = {"id": f"batch_req_{mark[:24]}", "custom_id": custom_id, "response": response, "error": None}
    return AnsweredLine(row, *told(result, answer, met))


def unreached_line(batch: BatchRecord, line: bytes, number: int, code: Unreached) -> bytes:
    """Return the error line of a row that was not reached before the batch ended."""
    result = {
        "id": f"batch_req_{digest(f'{batch.id}/{number}'.encode())[:24]}",
        "custom_id": orjson.loads(line)["custom_id"],
        "response": None,
        "error": {"code": code, "message": _UNREACHED[code]},
    }
    return orjson.dumps(result, option=orjson.OPT_APPEND_NEWLINE)
