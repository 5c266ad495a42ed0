"""One line of a batch's input file in, one row of the journal and one line of a result file out.

What belongs here: a pure function of the line, the batch and the scenario, so that a result file that was lost in a
crash can be made again without answering anything again. What does not: files and transactions (`openai_worker.py`).
"""

from dataclasses import dataclass
from typing import Any

import orjson

from scoring_pipeline.sandbox.journal import AnswerRow, BatchRecord
from scoring_pipeline.sandbox.openai_completions import Answer, Context, answer_chat
from scoring_pipeline.sandbox.openai_embeddings import answer_embeddings
from scoring_pipeline.sandbox.openai_faults import STATUS_LOST, STATUS_MISSING, Scenario, spoil
from scoring_pipeline.sandbox.openai_models import MODELS, Lane
from scoring_pipeline.sandbox.openai_tokens import TokenCounter
from scoring_pipeline.values import canonical_json, digest

_OK = 200
_EXPIRED = {
    "code": "batch_expired",
    "message": "This request could not be executed before the completion window expired.",
}


@dataclass(frozen=True)
class AnsweredLine:
    """What became of one line: the journal's row, and the line for the output or the error file (neither if lost)."""

    row: AnswerRow
    output: bytes | None
    error: bytes | None


def answer_request(endpoint: str, body: dict[str, Any], context: Context, scenario: Scenario, key: str) -> Answer:
    """Answer one request body and apply the scenario's row faults; `key` chooses among them."""
    answer = answer_embeddings(body, context) if endpoint == "/v1/embeddings" else answer_chat(body, context)
    met = scenario.row_rule(key, answer.model) if scenario.rows else None
    return answer if met is None else spoil(answer, *met)


def journal_row(line: int, custom_id: str | None, body_digest: str, answer: Answer, lane: Lane) -> AnswerRow:
    """Return the journal's row of an answer; only status 200 is billed."""
    billed = answer.status == _OK
    prompt, completion = (answer.prompt_tokens, answer.completion_tokens) if billed else (0, 0)
    cost = MODELS[answer.model].cost(lane, prompt, completion) if billed else 0
    return AnswerRow(line, custom_id, body_digest, answer.model, answer.status, prompt, completion, cost)


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
    answer = answer_request(batch.endpoint, body, context, scenario, custom_id)
    row = journal_row(number, custom_id, body_digest, answer, "batch")
    if answer.status == STATUS_MISSING:
        return AnsweredLine(row, None, None)
    mark = digest(f"{batch.id}/{number}".encode())
    result = {
        "id": f"batch_req_{mark[:24]}",
        "custom_id": custom_id,
        "response": {
            "status_code": answer.status,
            "request_id": "" if answer.status == STATUS_LOST else mark,
            "body": answer.body,
        },
        "error": None,
    }
    text = orjson.dumps(result, option=orjson.OPT_APPEND_NEWLINE)
    return AnsweredLine(row, text, None) if answer.status == _OK else AnsweredLine(row, None, text)


def expired_line(batch: BatchRecord, line: bytes, number: int) -> bytes:
    """Return the error line of a row that was not reached before the window ended."""
    mark = digest(f"{batch.id}/{number}".encode())
    result = {
        "id": f"batch_req_{mark[:24]}",
        "custom_id": orjson.loads(line)["custom_id"],
        "response": None,
        "error": _EXPIRED,
    }
    return orjson.dumps(result, option=orjson.OPT_APPEND_NEWLINE)
