"""Chat completions: which requests the models refuse, and the body of an answer.

What belongs here: one request body in, one `Answer` out, without side effects; the same for a line of a batch and for
a synchronous call. What does not: scores (`answers.py`), faults (`openai_faults.py`), the journal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from scoring_pipeline.sandbox.answers import SCORE_KEYS, SCORE_TOOL, score
from scoring_pipeline.sandbox.openai_errors import ApiError, missing_parameter, model_not_found
from scoring_pipeline.sandbox.openai_models import OWNER, ModelCard, find_model
from scoring_pipeline.sandbox.openai_schemas import least_json, tools_problem
from scoring_pipeline.sandbox.openai_tokens import TokenCounter, static_tokens

_MESSAGE_OVERHEAD = 4
_EFFORTS = ("none", "low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True)
class Context:
    """What an answer depends on besides the request: Unix seconds now, the counter, and the body's digest in hex."""

    now: float
    count: TokenCounter
    digest: str


@dataclass(frozen=True)
class Answer:
    """One answered request: HTTP status, body, and what it is billed (0 and 0 unless the status is 200)."""

    status: int
    body: dict[str, Any]
    model: str
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True)
class _Reply:
    """The assistant's message before it is wrapped: exactly one of content and tool call."""

    content: str | None
    tool: str | None
    arguments: str
    finish_reason: str


def refused(error: ApiError, model: object) -> Answer:
    """Return the answer that says why nothing was answered."""
    return Answer(error.status, error.envelope(), model if isinstance(model, str) else "")


def answer_chat(body: Mapping[str, Any], context: Context) -> Answer:
    """Answer one body of `/v1/chat/completions`."""
    try:
        card, tools = _checked(body, context.now)
        return _completed(body, card, tools, context)
    except ApiError as error:
        return refused(error, body.get("model"))


def _checked(body: Mapping[str, Any], now: float) -> tuple[ModelCard, bytes]:
    name = body.get("model")
    if name is None:
        raise missing_parameter("model")
    card = find_model(name, now)
    if card is None or card.kind != "chat":
        raise model_not_found(name)
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise missing_parameter("messages")
    if not all(isinstance(message, dict) and isinstance(message.get("role"), str) for message in messages):
        raise ApiError(400, "Invalid type for 'messages[0]': expected an object with a role.", param="messages")
    if body.get("stream"):
        raise ApiError(400, "This sandbox does not stream.", param="stream", code="unsupported_value")
    if not isinstance(body.get("tools") or [], list):
        raise ApiError(400, "Invalid type for 'tools': expected an array of objects.", param="tools")
    tools = orjson.dumps(body["tools"]) if body.get("tools") else b""
    if card.reasons:
        _check_reasoning(body, card, with_tools=bool(tools))
    _check_tools(tools)
    return card, tools


def _check_reasoning(body: Mapping[str, Any], card: ModelCard, *, with_tools: bool) -> None:
    effort = body.get("reasoning_effort")
    if with_tools and effort != "none":
        raise ApiError(
            400,
            f"Function tools with reasoning_effort are not supported for {card.id} in /v1/chat/completions. "
            "To use function tools, use /v1/responses or set reasoning_effort to 'none'.",
            param="reasoning_effort",
        )
    if body.get("max_tokens") is not None:
        raise ApiError(
            400,
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            param="max_tokens",
            code="unsupported_parameter",
        )
    if effort is not None and effort not in _EFFORTS:
        raise ApiError(
            400,
            f"Unsupported value: 'reasoning_effort' does not support '{effort}' with this model. "
            f"Supported values are: {', '.join(map(repr, _EFFORTS))}.",
            param="reasoning_effort",
            code="unsupported_value",
        )
    temperature = body.get("temperature")
    if effort != "none" and temperature not in (None, 1):
        raise ApiError(
            400,
            f"Unsupported value: 'temperature' does not support {temperature} with this model. "
            "Only the default (1) value is supported.",
            param="temperature",
            code="unsupported_value",
        )


def _check_tools(tools: bytes) -> None:
    problem = tools_problem(tools) if tools else None
    if problem is not None:
        position, name, text = problem
        raise ApiError(
            400,
            f"Invalid schema for function '{name}': {text}",
            param=f"tools[{position}].function.parameters",
            code="invalid_function_parameters",
        )


def _completed(body: Mapping[str, Any], card: ModelCard, tools: bytes, context: Context) -> Answer:
    reply = _reply(body, card, context)
    prompt_tokens = prompt_tokens_of(body, tools, context.count)
    completion_tokens = context.count(reply.arguments or reply.content or "") + _MESSAGE_OVERHEAD
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    if isinstance(limit, int) and limit < completion_tokens:
        reply, completion_tokens = _cut(reply, limit / completion_tokens), limit
    return Answer(
        200,
        _wrapped(reply, card.id, context, prompt_tokens, completion_tokens),
        card.id,
        prompt_tokens,
        completion_tokens,
    )


def _cut(reply: _Reply, share: float) -> _Reply:
    content = None if reply.content is None else reply.content[: int(len(reply.content) * share)]
    return _Reply(content, reply.tool, reply.arguments[: int(len(reply.arguments) * share)], "length")


def _reply(body: Mapping[str, Any], card: ModelCard, context: Context) -> _Reply:
    function, finish_reason = _chosen_function(body)
    if function is not None:
        arguments = orjson.dumps(_arguments(function, body, card, context)).decode()
        return _Reply(None, function["name"], arguments, finish_reason)
    wanted = body.get("response_format")
    if isinstance(wanted, dict) and wanted.get("type") == "json_schema":
        schema = _mapping(wanted.get("json_schema")).get("schema")
        return _Reply(orjson.dumps(least_json(schema)).decode(), None, "", "stop")
    return _Reply("This is the sandbox's answer.", None, "", "stop")


def _chosen_function(body: Mapping[str, Any]) -> tuple[dict[str, Any] | None, str]:
    functions = [tool["function"] for tool in body.get("tools") or ()]
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        name = _mapping(choice.get("function")).get("name")
        named = next((function for function in functions if function["name"] == name), None)
        if named is None:
            raise ApiError(
                400, f"Invalid value for 'tool_choice': function '{name}' is not in 'tools'.", param="tool_choice"
            )
        return named, "stop"
    if choice == "required" and functions:
        return functions[0], "tool_calls"
    return None, "stop"


def _arguments(function: dict[str, Any], body: Mapping[str, Any], card: ModelCard, context: Context) -> Any:
    parameters = _mapping(function.get("parameters"))
    properties = _mapping(parameters.get("properties"))
    if function["name"] != SCORE_TOOL or set(properties) != set(SCORE_KEYS):
        return least_json(parameters)
    users = [message for message in body["messages"] if message["role"] == "user"]
    text = _text(users[-1]) if users else ""
    scores = score(text, seed=context.digest, model=card.id, noise=card.noise)
    return {name: scores[name] for name in properties}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return "\n".join(str(part["text"]) for part in content if isinstance(part, dict) and "text" in part)
    return content if isinstance(content, str) else ""


def prompt_tokens_of(body: Mapping[str, Any], tools: bytes, count: TokenCounter) -> int:
    """Return the prompt tokens of a request whose messages are in order; `tools` is its tools as JSON, or empty."""
    total = static_tokens(tools, count) if tools else 0
    for message in body["messages"]:
        text = _text(message)
        total += _MESSAGE_OVERHEAD + (static_tokens(text, count) if message["role"] == "system" else count(text))
    return total


def _wrapped(reply: _Reply, model: str, context: Context, prompt: int, completion: int) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.content, "refusal": None, "annotations": []}
    if reply.tool is not None:
        call = {"name": reply.tool, "arguments": reply.arguments}
        message["tool_calls"] = [{"id": f"call_{context.digest[:24]}", "type": "function", "function": call}]
    return {
        "id": f"chatcmpl-{context.digest}",
        "object": "chat.completion",
        "created": int(context.now),
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reply.finish_reason}],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0, "cache_write_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
        "system_fingerprint": OWNER,
    }
