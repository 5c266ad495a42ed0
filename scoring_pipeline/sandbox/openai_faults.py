"""Faults on purpose: the scenario file, which request meets which fault, and what a fault does to an answer.

What belongs here: rules and their pure effects. What does not: carrying out what happens to a batch or a connection
(`openai_worker.py`, `openai_routes.py`), which ask this module what is due.

A scenario is YAML or JSON:

    seed: 7
    rows:                       # the first rule that matches a row decides
      - {kind: error_500, share: 0.02}
      - {kind: invalid_arguments, share: 0.01, models: [gpt-6-luna], variant: out_of_bounds}
    batches:                    # numbered from 1 in order of creation
      - {kind: expire, numbers: [2], answered_share: 0.4}
      - {kind: fail_validation, first: 1, code: token_limit_exceeded, message: Enqueued token limit reached.}
    creates:                    # calls of POST /v1/batches, numbered from 1
      - {kind: rate_limited, first: 2, retry_after: 1}
      - {kind: lost_reply, every: 10}
"""

from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import orjson
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from scoring_pipeline.sandbox.openai_completions import Answer
from scoring_pipeline.sandbox.openai_errors import ApiError, rate_limited, server_error

RowKind = Literal[
    "error_400", "error_429", "error_500", "status_0", "missing", "invalid_arguments", "refusal", "length"
]
Variant = Literal["bad_json", "out_of_bounds", "missing_field"]

STATUS_LOST = 0
STATUS_MISSING = -1
_VARIANTS: tuple[Variant, ...] = ("bad_json", "out_of_bounds", "missing_field")


class ScenarioError(Exception):
    """A scenario file that cannot be used; the message names the file and each field at fault."""


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RowRule(_Rule):
    """A share of rows, chosen by a hash of `custom_id`, that goes wrong in one way."""

    kind: RowKind
    share: float = Field(gt=0, le=1)
    models: tuple[str, ...] = Field(default=(), description="only these; empty: every model")
    variant: Variant | None = Field(default=None, description="of invalid_arguments; None: each in turn")

    @model_validator(mode="after")
    def _only_arguments_have_variants(self) -> "RowRule":
        if self.variant is not None and self.kind != "invalid_arguments":
            raise ValueError("`variant` goes with kind invalid_arguments only")
        return self


class _Numbered(_Rule):
    first: int | None = Field(default=None, ge=1, description="the first so many")
    every: int | None = Field(default=None, ge=1, description="each so-manieth")
    numbers: tuple[int, ...] = Field(default=(), description="these, counted from 1")

    @model_validator(mode="after")
    def _says_which(self) -> "_Numbered":
        if self.first is None and self.every is None and not self.numbers:
            raise ValueError("say which: give `first`, `every` or `numbers`")
        return self

    def applies(self, number: int) -> bool:
        """Return whether the rule means the batch or call with that number (from 1)."""
        return (
            (self.first is not None and number <= self.first)
            or (self.every is not None and number % self.every == 0)
            or number in self.numbers
        )


class ExpireRule(_Numbered):
    """Batches that reach the end of their window with only a share of their rows answered."""

    kind: Literal["expire"]
    answered_share: float = Field(default=0.5, ge=0, lt=1)
    after_seconds: float = Field(default=86_400, gt=0, description="the window, in virtual seconds")


class FailRule(_Numbered):
    """Batches that fail validation although their file is good."""

    kind: Literal["fail_validation"]
    code: str = "token_limit_exceeded"
    message: str = "Enqueued token limit reached. Please try again once some in_progress batches have been completed."


class LostReplyRule(_Numbered):
    """Calls that create a batch and then lose the connection before the reply."""

    kind: Literal["lost_reply"]


class RateLimitRule(_Numbered):
    """Calls that are refused with 429 and a `Retry-After` in real seconds."""

    kind: Literal["rate_limited"]
    retry_after: float = Field(default=1.0, ge=0)


class QuotaRule(_Numbered):
    """Calls that are refused with 429 `insufficient_quota`."""

    kind: Literal["insufficient_quota"]


BatchRule = Annotated[ExpireRule | FailRule, Field(discriminator="kind")]
CreateRule = Annotated[LostReplyRule | RateLimitRule | QuotaRule, Field(discriminator="kind")]
_N = TypeVar("_N", bound=_Numbered)


def _first(rules: tuple[_N, ...], number: int) -> _N | None:
    return next((rule for rule in rules if rule.applies(number)), None)


class Scenario(_Rule):
    """Everything that goes wrong on purpose."""

    seed: int = 0
    rows: tuple[RowRule, ...] = ()
    batches: tuple[BatchRule, ...] = ()
    creates: tuple[CreateRule, ...] = ()

    def row_rule(self, key: str, model: str) -> tuple[RowRule, int] | None:
        """Return the rule that a row meets and a number drawn for it, or None; the same key always meets the same."""
        for position, rule in enumerate(self.rows):
            if rule.models and model not in rule.models:
                continue
            drawn = blake2b(f"{self.seed}/{position}/{key}".encode(), digest_size=8).digest()
            if int.from_bytes(drawn[:6]) < rule.share * 2**48:
                return rule, int.from_bytes(drawn[6:])
        return None

    def batch_rule(self, number: int) -> ExpireRule | FailRule | None:
        """Return the rule for the batch created with that number, or None."""
        return _first(self.batches, number)

    def create_rule(self, number: int) -> LostReplyRule | RateLimitRule | QuotaRule | None:
        """Return the rule for the call of POST /v1/batches with that number, or None."""
        return _first(self.creates, number)


def load_scenario(path: Path | None) -> Scenario:
    """Return the scenario in a file; without a file nothing goes wrong.

    Raises:
        ScenarioError: where the file is absent, is neither YAML nor JSON, or says something unknown.
    """
    if path is None:
        return Scenario()
    try:
        data = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ScenarioError(f"{path}: cannot be read as YAML or JSON: {error}") from error
    try:
        return Scenario.model_validate({} if data is None else data)
    except ValidationError as error:
        lines = [f"{path}: {'.'.join(map(str, item['loc'])) or 'file'}: {item['msg']}" for item in error.errors()]
        raise ScenarioError("\n".join(lines)) from error


def spoil(answer: Answer, rule: RowRule, drawn: int) -> Answer:
    """Return what becomes of a good answer under a rule; an answer that is an error already stays as it is.

    Rows that were lost have status `STATUS_LOST` or `STATUS_MISSING`; like errors they are not billed.
    """
    if answer.status != 200:  # noqa: PLR2004 - HTTP's own number
        return answer
    if rule.kind in ("invalid_arguments", "refusal", "length"):
        return _spoiled_content(answer, rule, drawn)
    if rule.kind == "status_0":
        return Answer(STATUS_LOST, {}, answer.model)
    if rule.kind == "missing":
        return Answer(STATUS_MISSING, {}, answer.model)
    errors = {
        "error_400": ApiError(400, "The request could not be processed (injected by the sandbox's scenario)."),
        "error_429": rate_limited(answer.model),
        "error_500": server_error(),
    }
    error = errors[rule.kind]
    return Answer(error.status, error.envelope(), answer.model)


def _spoiled_content(answer: Answer, rule: RowRule, drawn: int) -> Answer:
    if "choices" not in answer.body:
        return answer
    choice = answer.body["choices"][0]
    message = dict(choice["message"])
    if rule.kind == "refusal":
        message.pop("tool_calls", None)
        message |= {"content": None, "refusal": "I'm sorry, but I can't help with that."}
        return _with_message(answer, message, "stop")
    if not message.get("tool_calls"):
        return answer
    call = message["tool_calls"][0]
    arguments = call["function"]["arguments"]
    if rule.kind == "length":
        arguments, finish_reason = arguments[: len(arguments) // 2], "length"
    else:
        variant = rule.variant or _VARIANTS[drawn % len(_VARIANTS)]
        arguments, finish_reason = _invalid(arguments, variant), choice["finish_reason"]
    message["tool_calls"] = [call | {"function": call["function"] | {"arguments": arguments}}]
    return _with_message(answer, message, finish_reason)


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
    first = next((name for name, value in values.items() if isinstance(value, int | float)), next(iter(values)))
    return orjson.dumps(values | {first: 1234}).decode()
