"""What a batch's rules do to how it is shown: its object, and whether it and its files can be seen at all.

What belongs here: reading the rules that a batch was created with, and pure functions of batch, rules and time. What
does not: what rules do to a batch's course (`openai_batches.timetable`, `openai_worker.py`).

A batch keeps the rules it was created with, whatever becomes of the scenario's file: they are a column of the journal.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeVar

import orjson
from pydantic import TypeAdapter

from scoring_pipeline.sandbox.journal import BatchRecord
from scoring_pipeline.sandbox.openai_fault_rules import (
    BatchRule,
    CountsRule,
    ErrorFileRule,
    LateResultsRule,
    ListLagRule,
    OfBatch,
    UnknownStatusRule,
    UsageRule,
    VanishRule,
)

_R = TypeVar("_R", bound=OfBatch)
_RULES: TypeAdapter[tuple[BatchRule, ...]] = TypeAdapter(tuple[BatchRule, ...])


def rules_text(rules: Sequence[OfBatch]) -> str:
    """Return rules as the journal keeps them."""
    return orjson.dumps([rule.model_dump(mode="json") for rule in rules]).decode() if rules else "null"


@lru_cache(maxsize=512)
def rules_of(text: str) -> tuple[OfBatch, ...]:
    """Return the rules that `rules_text` wrote; older journals hold one rule instead of a list."""
    found = orjson.loads(text)
    return _RULES.validate_python([found] if isinstance(found, dict) else found or [])


def rule_of(batch: BatchRecord, kind: type[_R]) -> _R | None:
    """Return the rule of one kind that a batch was created with, or None."""
    if batch.fault == "null":
        return None
    return next((rule for rule in rules_of(batch.fault) if isinstance(rule, kind)), None)


def shown(batch: BatchRecord, honest: dict[str, Any], now: float) -> dict[str, Any]:
    """Return a batch's object as its rules have it shown at `now` (virtual Unix seconds)."""
    if batch.fault == "null":
        return honest
    lies: dict[str, Any] = {}
    unknown = rule_of(batch, UnknownStatusRule)
    if unknown is not None and batch.status == "in_progress" and now < (batch.in_progress_at or 0) + unknown.seconds:
        lies["status"] = unknown.status
    counts = rule_of(batch, CountsRule)
    if counts is not None and batch.in_progress_at is not None:
        lies["request_counts"] = _counts(counts, batch.total)
    usage = rule_of(batch, UsageRule)
    if usage is not None:
        lies["usage"] = _usage(usage, honest["usage"])
    error_file = rule_of(batch, ErrorFileRule)
    if error_file is not None and error_file.value == "" and batch.error_file_id is None:
        lies["error_file_id"] = ""
    told = honest | lies
    if usage is not None and usage.says == "absent":
        del told["usage"]
    if error_file is not None and error_file.value == "absent" and batch.error_file_id is None:
        del told["error_file_id"]
    return told


def _counts(rule: CountsRule, total: int) -> dict[str, int | None] | None:
    if rule.says == "null":
        return None
    if rule.says == "null_values":
        return {"total": None, "completed": None, "failed": None}
    if rule.says == "zero":
        return {"total": 0, "completed": 0, "failed": 0}
    completed = total if rule.says == "all_completed" else 0
    return {"total": total, "completed": completed, "failed": total - completed}


def _usage(rule: UsageRule, honest: dict[str, Any]) -> dict[str, Any] | None:
    if rule.says == "null":
        return None
    factor = rule.factor if rule.says == "scaled" else 0.0
    tokens = {name: round(honest[name] * factor) for name in ("input_tokens", "output_tokens")}
    return honest | tokens | {"total_tokens": sum(tokens.values())}


def is_known(batch: BatchRecord, now: float) -> bool:
    """Return whether the API knows a batch at `now`, or has it vanished."""
    rule = rule_of(batch, VanishRule)
    if rule is None:
        return True
    begins = batch.created_at + rule.after_seconds
    return now < begins or (rule.for_seconds is not None and now >= begins + rule.for_seconds)


def is_listed(batch: BatchRecord, now: float) -> bool:
    """Return whether the list shows a batch at `now`."""
    rule = rule_of(batch, ListLagRule)
    return is_known(batch, now) and (rule is None or now >= batch.created_at + rule.seconds)


def results_from(batch: BatchRecord, at: float) -> float | None:
    """Return from when result files named at `at` have content; None for at once."""
    rule = rule_of(batch, LateResultsRule)
    return None if rule is None else at + rule.seconds


def has_empty_error_file(batch: BatchRecord) -> bool:
    """Return whether the batch is to have an error file although none of its rows failed."""
    rule = rule_of(batch, ErrorFileRule)
    return rule is not None and rule.value == "empty_file"
