"""The Batch API: the object, what a create call must say, and the timetable of a batch's states.

What belongs here: pure functions of a batch record. What does not: carrying the states out (`openai_worker.py`) and
validation of the file (`openai_validation.py`).

    validating -> failed | in_progress -> finalizing -> completed
    in_progress | finalizing -> expired at the end of the window;   any live state -> cancelling -> cancelled
"""

import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from scoring_pipeline.sandbox.journal import BatchRecord
from scoring_pipeline.sandbox.openai_errors import ApiError, missing_parameter
from scoring_pipeline.sandbox.openai_fault_batches import rule_of, rules_text, shown
from scoring_pipeline.sandbox.openai_fault_rules import (
    ExpireRule,
    OfBatch,
    SlowCancelRule,
    StuckRule,
    UnknownStatusRule,
    ValidationDelayRule,
)
from scoring_pipeline.sandbox.openai_files import MONTH

ENDPOINTS = ("/v1/chat/completions", "/v1/embeddings")
WINDOW_SECONDS = 86_400
_MAX_CANCELLING = 600
_VALIDATED, _ANSWERED = 0.2, 0.8
_MAX_PAIRS, _MAX_KEY, _MAX_VALUE = 16, 64, 512
_MIN_LIFETIME = 3600
_TIMES = (
    "in_progress_at", "expires_at", "finalizing_at", "completed_at", "failed_at", "expired_at", "cancelling_at",
    "cancelled_at",
)  # fmt: skip


@dataclass(frozen=True)
class Timetable:
    """When a batch is due to reach each state (virtual Unix seconds), and how many of its rows it gets to.

    `begins` is when the first row may be answered; what never comes is at infinity.
    """

    validated: float
    begins: float
    answered: float
    completed: float
    expires: float
    cancelled: float | None
    reachable: int

    def target(self, now: float) -> int:
        """Return how many rows are to be answered by `now`."""
        end = min(now, self.expires)
        span = self.answered - self.begins
        share = 1.0 if end >= self.answered or span <= 0 else max(0.0, (end - self.begins) / span)
        return int(self.reachable * share)


def timetable(batch: BatchRecord) -> Timetable:
    """Return the timetable of a batch, its injected faults included."""
    stuck, expire = rule_of(batch, StuckRule), rule_of(batch, ExpireRule)
    delay, pause = rule_of(batch, ValidationDelayRule), rule_of(batch, UnknownStatusRule)
    usual = _VALIDATED * batch.seconds
    validating = usual if delay is None else delay.seconds
    later = validating - usual + (0.0 if pause is None else pause.seconds)
    completed = batch.expires_at if expire is not None else batch.created_at + batch.seconds + later
    return Timetable(
        validated=math.inf if _stuck_in(stuck, "validating") else batch.created_at + validating,
        begins=batch.created_at + usual + later,
        answered=batch.created_at + _ANSWERED * batch.seconds + later,
        completed=math.inf if stuck is not None else completed,
        expires=batch.expires_at if stuck is None or stuck.expires else math.inf,
        cancelled=_cancelled(batch),
        reachable=_reachable(batch, expire, stuck),
    )


def _stuck_in(rule: StuckRule | None, status: str) -> bool:
    return rule is not None and rule.status == status


def _reachable(batch: BatchRecord, expire: ExpireRule | None, stuck: StuckRule | None) -> int:
    if expire is not None:
        return int(batch.total * expire.answered_share)
    if stuck is not None and stuck.status == "in_progress":
        return min(int(batch.total * stuck.answered_share), max(0, batch.total - 1))
    return batch.total


def _cancelled(batch: BatchRecord) -> float | None:
    if batch.cancelling_at is None:
        return None
    rule = rule_of(batch, SlowCancelRule)
    usual = min(_MAX_CANCELLING, 0.2 * batch.seconds)
    return batch.cancelling_at + (usual if rule is None else rule.seconds)


def next_due(batch: BatchRecord, chunk: int) -> float:
    """Return when (virtual Unix seconds) there will next be something to do for a live batch.

    Args:
        batch: the batch.
        chunk: how many rows are answered at once.
    """
    table = timetable(batch)
    if table.cancelled is not None:
        return table.cancelled
    if batch.status == "validating":
        return table.validated
    if batch.status == "finalizing":
        return min(table.completed, table.expires)
    if batch.next_line >= table.reachable:
        return table.expires if table.reachable < batch.total else min(table.answered, table.expires)
    share = min(1.0, (batch.next_line + chunk) / table.reachable)
    return min(table.begins + share * (table.answered - table.begins), table.expires)


def new_batch(body: Any, *, now: float, seconds: float, faults: Sequence[OfBatch] = ()) -> BatchRecord:
    """Return the batch that a create call asks for, with the rules that it meets.

    Raises:
        ApiError: 400, for what the API refuses before it looks at the file.
    """
    if not isinstance(body, dict):
        raise ApiError(400, "The body must be a JSON object.")
    for name in ("input_file_id", "endpoint", "completion_window"):
        if body.get(name) is None:
            raise missing_parameter(name)
        if not isinstance(body[name], str):
            raise ApiError(400, f"Invalid type for '{name}': expected a string.", param=name, code="invalid_type")
    if body["endpoint"] not in ENDPOINTS:
        _invalid_value(body["endpoint"], "endpoint", ENDPOINTS)
    if body["completion_window"] != "24h":
        _invalid_value(body["completion_window"], "completion_window", ("24h",))
    window = next((rule.after_seconds for rule in faults if isinstance(rule, ExpireRule)), WINDOW_SECONDS)
    return BatchRecord(
        id=f"batch_{secrets.token_hex(12)}",
        endpoint=body["endpoint"],
        input_file_id=body["input_file_id"],
        metadata=orjson.dumps(_checked_metadata(body.get("metadata"))).decode(),
        created_at=now,
        expires_at=now + window,
        seconds=seconds,
        fault=rules_text(faults),
        output_expires_seconds=_lifetime(body.get("output_expires_after")),
    )


def _invalid_value(value: str, param: str, choices: tuple[str, ...]) -> None:
    text = " and ".join(map(repr, choices))
    raise ApiError(400, f"Invalid value: '{value}'. Supported values are: {text}.", param=param, code="invalid_value")


def _checked_metadata(metadata: Any) -> Mapping[str, str] | None:
    if metadata is None:
        return None
    if not isinstance(metadata, dict):
        raise ApiError(400, "Invalid type for 'metadata': expected an object.", param="metadata", code="invalid_type")
    if len(metadata) > _MAX_PAIRS:
        text = f"Invalid 'metadata': at most {_MAX_PAIRS} pairs are allowed, got {len(metadata)}."
        raise ApiError(400, text, param="metadata", code="object_above_max_properties")
    for key, value in metadata.items():
        param = f"metadata.{key}"
        if not isinstance(value, str):
            text = f"Invalid type for '{param}': expected a string."
            raise ApiError(400, text, param=param, code="invalid_type")
        if len(key) > _MAX_KEY or len(value) > _MAX_VALUE:
            text = f"Invalid '{param}': keys have at most {_MAX_KEY} and values {_MAX_VALUE} characters."
            raise ApiError(400, text, param=param, code="string_above_max_length")
    return metadata


def _lifetime(given: Any) -> float | None:
    if given is None:
        return None
    seconds = given.get("seconds") if isinstance(given, dict) else None
    if not isinstance(seconds, int) or not _MIN_LIFETIME <= seconds <= MONTH:
        text = f"Invalid 'output_expires_after.seconds': must be between {_MIN_LIFETIME} and {MONTH}."
        raise ApiError(400, text, param="output_expires_after.seconds", code="invalid_value")
    return float(seconds)


def check_cancellable(batch: BatchRecord) -> None:
    """Raise 409 where a batch has ended otherwise than by being cancelled."""
    if batch.status in ("completed", "failed", "expired"):
        raise ApiError(409, f"Cannot cancel a batch with status '{batch.status}'.")


def shown_json(batch: BatchRecord, now: float) -> dict[str, Any]:
    """Return the API's object of a batch as its faults have it shown at `now` (virtual Unix seconds)."""
    return shown(batch, batch_json(batch), now)


def batch_json(batch: BatchRecord) -> dict[str, Any]:
    """Return the API's object of a batch, faults apart."""
    errors = None if batch.errors is None else {"object": "list", "data": orjson.loads(batch.errors)}
    times = {name: getattr(batch, name) for name in _TIMES}
    counted = batch.status not in ("validating", "failed")
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": batch.endpoint,
        "model": batch.model,
        "errors": errors,
        "input_file_id": batch.input_file_id,
        "completion_window": "24h",
        "status": batch.status,
        "output_file_id": batch.output_file_id,
        "error_file_id": batch.error_file_id,
        "created_at": int(batch.created_at),
        **{name: None if value is None else int(value) for name, value in times.items()},
        "request_counts": {
            "total": batch.total if counted else 0,
            "completed": batch.completed,
            "failed": batch.failed,
        },
        "usage": {
            "input_tokens": batch.prompt_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": batch.completion_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": batch.prompt_tokens + batch.completion_tokens,
        },
        "metadata": orjson.loads(batch.metadata),
    }
