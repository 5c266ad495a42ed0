from collections.abc import Iterator
from typing import Any

import httpx2
import orjson
import pytest
from openai import BadRequestError, NotFoundError
from openai.types import CreateEmbeddingResponse, Model
from openai.types.chat import ChatCompletion
from openai_kit import SCORE_TOOL, Running, chat_body, serving


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


def _post(sandbox: Running, path: str, body: Any) -> httpx2.Response:
    with httpx2.Client(trust_env=False, headers={"authorization": "Bearer x"}) as client:
        return client.post(f"{sandbox.url}/v1/{path}", json=body)


def _complete(sandbox: Running, **changes: Any) -> ChatCompletion:
    response = _post(sandbox, "chat/completions", chat_body(**changes))
    assert response.status_code == 200, response.text
    return ChatCompletion.model_validate_json(response.content, strict=True)


def _arguments(completion: ChatCompletion) -> Any:
    (call,) = completion.choices[0].message.tool_calls or ()
    assert call.type == "function"
    return orjson.loads(call.function.arguments)


def test_a_forced_tool_is_called_with_the_arguments_in_the_schema_s_order(sandbox: Running) -> None:
    completion = _complete(sandbox)
    choice = completion.choices[0]
    assert (choice.finish_reason, choice.message.content, choice.message.refusal) == ("stop", None, None)
    parameters: Any = SCORE_TOOL["function"]
    assert list(_arguments(completion)) == list(parameters["parameters"]["properties"])
    assert completion.system_fingerprint == "scoring-pipeline-sandbox"
    usage = completion.usage
    assert usage is not None
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.prompt_tokens_details is not None
    assert usage.prompt_tokens_details.cached_tokens == 0


def test_the_typed_client_accepts_the_answer(sandbox: Running) -> None:
    completion = sandbox.client.chat.completions.create(**chat_body())
    assert completion.choices[0].message.tool_calls


def test_a_required_tool_ends_with_tool_calls_and_a_named_one_with_stop(sandbox: Running) -> None:
    assert _complete(sandbox, tool_choice="required").choices[0].finish_reason == "tool_calls"
    assert _complete(sandbox).choices[0].finish_reason == "stop"


def test_another_tool_is_answered_with_the_least_that_fits_its_schema(sandbox: Running) -> None:
    parameters = {
        "type": "object",
        "properties": {
            "label": {"type": "string", "enum": ["b", "a"]},
            "at_least": {"type": "integer", "minimum": 3},
            "maybe": {"type": ["string", "null"]},
            "items": {"type": "array", "items": {"$ref": "#/$defs/item"}, "minItems": 1},
        },
        "required": ["label", "at_least", "maybe", "items"],
        "additionalProperties": False,
        "$defs": {
            "item": {
                "type": "object",
                "properties": {"ok": {"type": "boolean"}},
                "required": ["ok"],
                "additionalProperties": False,
            }
        },
    }
    tool = {"type": "function", "function": {"name": "emit", "strict": True, "parameters": parameters}}
    completion = _complete(sandbox, tools=[tool], tool_choice={"type": "function", "function": {"name": "emit"}})
    assert _arguments(completion) == {"label": "b", "at_least": 3, "maybe": None, "items": [{"ok": False}]}


def test_too_few_completion_tokens_cut_the_arguments_short(sandbox: Running) -> None:
    completion = _complete(sandbox, max_completion_tokens=20)
    assert completion.choices[0].finish_reason == "length"
    assert completion.usage is not None
    assert completion.usage.completion_tokens == 20
    with pytest.raises(orjson.JSONDecodeError):
        _arguments(completion)


def _loose_tool() -> dict[str, Any]:
    function: Any = SCORE_TOOL["function"]
    parameters = {key: value for key, value in function["parameters"].items() if key != "additionalProperties"}
    return {"type": "function", "function": function | {"parameters": parameters}}


@pytest.mark.parametrize(
    ("changes", "param", "code", "message"),
    [
        pytest.param(
            {"reasoning_effort": None},
            "reasoning_effort",
            None,
            "Function tools with reasoning_effort are not supported for gpt-6-luna in /v1/chat/completions. "
            "To use function tools, use /v1/responses or set reasoning_effort to 'none'.",
            id="tools while reasoning by default",
        ),
        pytest.param(
            {"reasoning_effort": "low"}, "reasoning_effort", None, "Function tools with", id="tools while reasoning"
        ),
        pytest.param(
            {"max_tokens": 10},
            "max_tokens",
            "unsupported_parameter",
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            id="the deprecated token limit",
        ),
        pytest.param(
            {"reasoning_effort": "minimal", "tools": None, "tool_choice": None},
            "reasoning_effort",
            "unsupported_value",
            "'minimal'",
            id="an effort these models do not know",
        ),
        pytest.param(
            {"reasoning_effort": None, "tools": None, "tool_choice": None, "temperature": 0.5},
            "temperature",
            "unsupported_value",
            "does not support 0.5",
            id="a temperature while reasoning",
        ),
        pytest.param(
            {"tools": [_loose_tool()]},
            "tools[0].function.parameters",
            "invalid_function_parameters",
            "'additionalProperties' is required to be supplied and to be false.",
            id="a strict schema that is not strict",
        ),
        pytest.param(
            {"tool_choice": {"type": "function", "function": {"name": "other"}}},
            "tool_choice",
            None,
            "'other'",
            id="a tool that is not there",
        ),
        pytest.param({"messages": []}, "messages", "missing_required_parameter", "messages", id="no messages"),
        pytest.param({"tools": "score"}, "tools", None, "Invalid type for 'tools'", id="tools that are no list"),
    ],
)
def test_a_request_that_the_model_does_not_take_is_refused(
    sandbox: Running, changes: dict[str, Any], param: str, code: str | None, message: str
) -> None:
    with pytest.raises(BadRequestError) as caught:
        sandbox.client.chat.completions.create(**chat_body(**changes))
    assert (caught.value.param, caught.value.code) == (param, code)
    assert message in caught.value.message


def test_older_models_take_max_tokens_and_tools_without_an_effort(sandbox: Running) -> None:
    assert _complete(sandbox, model="gpt-4o-mini", reasoning_effort=None, max_tokens=300, max_completion_tokens=None)


def test_temperature_zero_is_taken_when_not_reasoning(sandbox: Running) -> None:
    assert _complete(sandbox, temperature=0, seed=1)


def test_an_unknown_model_is_not_found(sandbox: Running) -> None:
    with pytest.raises(NotFoundError) as caught:
        sandbox.client.chat.completions.create(**chat_body(model="gpt-unknown"))
    assert caught.value.code == "model_not_found"


def test_embeddings_come_as_floats_and_as_base64_alike(sandbox: Running) -> None:
    texts = ["senior python engineer", "python engineer", "nurse"]
    floats = sandbox.client.embeddings.create(model="text-embedding-3-small", input=texts, encoding_format="float")
    packed = sandbox.client.embeddings.create(model="text-embedding-3-small", input=texts)
    for one, other in zip(floats.data, packed.data, strict=True):
        assert len(one.embedding) == 1536
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
    first, near, far = (item.embedding for item in floats.data)
    assert sum(a * b for a, b in zip(first, near, strict=True)) > sum(a * b for a, b in zip(first, far, strict=True))


def test_the_embedding_response_is_valid_for_the_client_in_strict_mode(sandbox: Running) -> None:
    body = {"model": "text-embedding-3-large", "input": "a b", "dimensions": 4}
    response = _post(sandbox, "embeddings", body)
    CreateEmbeddingResponse.model_validate_json(response.content, strict=True)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param("", id="an empty text"),
        pytest.param([], id="no input at all"),
        pytest.param(["a"] * 2049, id="more inputs than a request may have"),
        pytest.param("word " * 60_000, id="more tokens than an input may have"),
        pytest.param({"a": 1}, id="another type"),
    ],
)
def test_an_embedding_input_out_of_bounds_is_refused(sandbox: Running, given: Any) -> None:
    response = _post(sandbox, "embeddings", {"model": "text-embedding-3-small", "input": given})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "input"


def test_models_say_when_they_shut_down_and_who_owns_them(sandbox: Running) -> None:
    models = {model.id: model for model in sandbox.client.models.list()}
    assert models["gpt-4o"].shutdown_date == "2027-01-14"
    assert models["gpt-6-luna"].shutdown_date is None
    assert {model.owned_by for model in models.values()} == {"scoring-pipeline-sandbox"}
    Model.model_validate(models["gpt-6-luna"].model_dump(), strict=True)
    with pytest.raises(NotFoundError):
        sandbox.client.models.retrieve("gpt-unknown")
