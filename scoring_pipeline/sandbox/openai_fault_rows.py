"""What a fault does to a row: to its answer, and to the lines by which the answer is told.

What belongs here: pure functions, so that a result file can be made again after a crash. What does not: which row is
hit (`openai_fault_rules.py`), where lines go (`openai_results.py`).
"""

from typing import Any

import orjson

from scoring_pipeline.sandbox.openai_completions import Answer
from scoring_pipeline.sandbox.openai_errors import ApiError, insufficient_quota, overloaded, rate_limited, server_error
from scoring_pipeline.sandbox.openai_fault_rules import VARIANTS, RowRule, Variant

STATUS_LOST = 0
STATUS_MISSING = -1
_OK = 200
_FLAWED_LINES = ("bad_line", "blank_line", "duplicate")
_TOP_LEVEL = {"code": "server_error", "message": "An error occurred while processing your request."}


def spoil(answer: Answer, rule: RowRule, drawn: int) -> Answer:
    """Return what becomes of a good answer under a rule; an answer that is an error already stays as it is.

    Rows that were lost have status `STATUS_LOST` or `STATUS_MISSING`; like errors they are not billed. Kinds that flaw
    the line rather than the answer leave the answer alone: see `told`.
    """
    if answer.status != _OK or rule.kind in _FLAWED_LINES:
        return answer
    if rule.kind == "no_usage":
        return _without_usage(answer, rule, drawn)
    if rule.kind == "status_0":
        return Answer(STATUS_LOST, {}, answer.model)
    if rule.kind == "missing":
        return Answer(STATUS_MISSING, {}, answer.model)
    errors = {
        "error_400": ApiError(400, "The request could not be processed (injected by the sandbox's scenario)."),
        "error_429": rate_limited(answer.model),
        "error_500": server_error(),
        "error_503": overloaded(),
        "quota_row": insufficient_quota(),
        "top_level_error": server_error(),
    }
    error = errors.get(rule.kind)
    if error is None:
        return _spoiled_content(answer, rule, drawn)
    return Answer(error.status, error.envelope(), answer.model)


def told(result: dict[str, Any], answer: Answer, met: tuple[RowRule, int] | None) -> tuple[bytes, bytes]:
    """Return the lines that tell of an answer, for the output and for the error file; either may be empty.

    Args:
        result: the row as the Batch API tells it.
        answer: the answer that is told, `STATUS_MISSING` excluded.
        met: the rule that the row met and its drawn number, where it met one.
    """
    line = orjson.dumps(result, option=orjson.OPT_APPEND_NEWLINE)
    rule, drawn = (None, 0) if met is None else met
    if rule is not None and rule.kind == "top_level_error":
        return b"", orjson.dumps(result | {"response": None, "error": _TOP_LEVEL}, option=orjson.OPT_APPEND_NEWLINE)
    if answer.status != _OK:
        return (line, b"") if rule is not None and rule.file == "output" else (b"", line)
    if rule is not None and rule.kind in _FLAWED_LINES:
        return _flawed(result, line, rule, drawn)
    return line, b""


def _flawed(result: dict[str, Any], line: bytes, rule: RowRule, drawn: int) -> tuple[bytes, bytes]:
    if rule.kind == "blank_line":
        return line + b"\n", b""
    variant = _variant(rule, drawn)
    if rule.kind == "bad_line":
        return (line[: len(line) // 2] if variant == "cut" else line[:-2] + b', "\\x": }') + b"\n", b""
    again = result | {"id": f"{result['id']}d"}
    if variant == "output":
        return line + orjson.dumps(again, option=orjson.OPT_APPEND_NEWLINE), b""
    again["response"] = result["response"] | {"status_code": 500, "body": server_error().envelope()}
    return line, orjson.dumps(again, option=orjson.OPT_APPEND_NEWLINE)


def _variant(rule: RowRule, drawn: int) -> Variant:
    every = VARIANTS[rule.kind]
    return rule.variant or every[drawn % len(every)]


def _without_usage(answer: Answer, rule: RowRule, drawn: int) -> Answer:
    body = {name: value for name, value in answer.body.items() if name != "usage"}
    if _variant(rule, drawn) == "null":
        body["usage"] = None
    return Answer(answer.status, body, answer.model, answer.prompt_tokens, answer.completion_tokens)


def _spoiled_content(answer: Answer, rule: RowRule, drawn: int) -> Answer:
    if "choices" not in answer.body:
        return answer
    choice = answer.body["choices"][0]
    message = dict(choice["message"])
    calls = message.pop("tool_calls", None)
    if rule.kind == "refusal":
        message |= {"content": None, "refusal": "I'm sorry, but I can't help with that."}
        return _with_message(answer, message, "stop")
    if rule.kind == "content_filter":
        return _with_message(answer, message | {"content": None}, "content_filter")
    if rule.kind == "no_tool_call":
        text = "I would rather not call a function: the match looks fair to me."
        return _with_message(answer, message | {"content": text}, "stop")
    if not calls:
        return answer
    calls, finish_reason = _spoiled_calls(calls, rule, drawn, choice["finish_reason"])
    return _with_message(answer, message | {"tool_calls": calls}, finish_reason)


def _spoiled_calls(
    calls: list[dict[str, Any]], rule: RowRule, drawn: int, finish_reason: str
) -> tuple[list[dict[str, Any]], str]:
    call = calls[0]
    arguments = call["function"]["arguments"]
    if rule.kind == "two_tool_calls":
        other = call["function"] | {"arguments": _with_first_number(arguments, 0)}
        return [call, call | {"id": f"{call['id']}b", "function": other}], finish_reason
    if rule.kind == "length":
        arguments, finish_reason = arguments[: len(arguments) // 2], "length"
    else:
        arguments = _invalid(arguments, _variant(rule, drawn))
    return [call | {"function": call["function"] | {"arguments": arguments}}], finish_reason


def _with_message(answer: Answer, message: dict[str, Any], finish_reason: str) -> Answer:
    choice = answer.body["choices"][0] | {"message": message, "finish_reason": finish_reason}
    body = answer.body | {"choices": [choice]}
    return Answer(answer.status, body, answer.model, answer.prompt_tokens, answer.completion_tokens)


def _invalid(arguments: str, variant: Variant) -> str:
    if variant == "bad_json":
        return arguments[:-1] + ', "\\x": }'
    values = orjson.loads(arguments)
    if variant == "missing_field" or not values:
        return orjson.dumps(dict(list(values.items())[1:])).decode()
    return _with_first_number(arguments, 1234)


def _with_first_number(arguments: str, number: int) -> str:
    values = orjson.loads(arguments)
    if not values:
        return arguments
    first = next((name for name, value in values.items() if isinstance(value, int | float)), next(iter(values)))
    return orjson.dumps(values | {first: number}).decode()
