"""Faults on purpose: the scenario file, and which row, batch, upload or call meets which rule.

What belongs here: the scenario, and the table of its kinds. What does not: the fields of rules
(`openai_fault_rules.py`, `openai_fault_calls.py`) and what they do to a row (`openai_fault_rows.py`), to how a batch
is shown (`openai_fault_batches.py`), to its course (`openai_batches.py`) and to a call (`openai_fault_replies.py`).

A scenario is YAML or JSON. A rule says which it means by `first`, `every`, `numbers` or `share` (of a hash, always the
same), narrowed by `models`:

    seed: 7
    shuffled: true              # result files in another order than the input, as the provider writes them
    limits: {creates_per_hour: 2000, enqueued_tokens: {gpt-6-luna: 2000000}}
    rows:                       # numbered by line in each batch; the first rule that matches a row decides
      - {kind: error_500, share: 0.02}
      - {kind: invalid_arguments, share: 0.01, models: [gpt-6-luna], variant: out_of_bounds}
      - {kind: duplicate, first: 3, batches: [1]}
    batches:                    # numbered from 1 in order of creation; one rule of each aspect, the first that applies
      - {kind: expire, numbers: [2], answered_share: 0.4}
      - {kind: error_file_id, every: 1, value: ""}
    files:                      # uploads, numbered from 1
      - {kind: late_file, first: 1, seconds: 2}
    creates:                    # calls of POST /v1/batches, numbered from 1; before the rules under `calls`
      - {kind: rate_limited, first: 2, retry_after: 1}
      - {kind: lost_reply, every: 10}
    calls:                      # every operation is numbered for itself
      - {kind: bad_gateway, every: 5, operations: [retrieve_batch, list_batches]}

Seconds are virtual but for `retry_after`, `pause_seconds` and those of `slow_reply`. The tables say what a kind does
and where it comes from: a thread (`owner/repo#n`), "OBS" for what was seen of the real API or a compatible one, "docs"
for what the provider documents, or "guard" for what no report was found of and a client should survive all the same.

rows (billed as answered: everything with status 200, however it is told)
    error_400, error_429,   body.error with that status, top-level error null             openai/openai-openapi#302
    error_500, error_503    `file: output`: in the output file                            artefactory/artefactual#332
    quota_row               429 insufficient_quota as a row                               guard
    status_0                status_code 0, body {}, in the error file; counted completed  tidyverse/ellmer#830
    top_level_error         response null, error {code, message}         ProjectTech4DevAI/kaapi-backend#757
    missing                 in neither file; counted completed, not billed                tidyverse/ellmer#830
    bad_line                no JSON: line `cut` in half or with a `bad_escape`; billed    tidyverse/ellmer#845
    blank_line              an empty line after the row                                   OBS (Azure)
    duplicate               the id again in the `output`, or failed in the `error` file;  llm-d/llm-d-batch-gateway#147
                            answered and billed once
    invalid_arguments       `bad_json`, `out_of_bounds`, `missing_field`                  567-labs/instructor#1092
    refusal                 message.refusal, no content, finish_reason stop               docs
    length                  arguments cut, finish_reason length                           docs
    content_filter          no content, no call, finish_reason content_filter             docs
    no_tool_call            text instead of the call that was forced                      guard
    two_tool_calls          the call twice, with different arguments                      guard
    no_usage                usage `absent` or `null`; billed                              guard
batches
    course                  one of the following four
      expire                ends `expired`, paid rows kept, the rest `batch_expired`      warmbly/warmbly#333
      fail_validation       created, then `failed` with `code` and `message`              openai/openai-python#2084
      cannot_find_file      created, then `failed`: Cannot find file                      bespokelabsai/curator#116
      stuck                 stays `status` until cancelled, or until it `expires`         bespokelabsai/curator#287
    validation_delay        validates for `seconds`                                       OBS (20 s to 15 min)
    unknown_status          shows `status` for `seconds` after validation, idle meanwhile OBS (compatible servers)
    slow_cancel             `cancelling` for `seconds`; with `names_unreached` also       OBS (10 min);
                            `batch_cancelled` rows                                        BerriAI/litellm#36034
    error_file_id           null, "", `absent`, or an `empty_file` on a clean batch       tobert/kaibo#93
    counts                  request_counts that lie, or null                              tidyverse/ellmer#830; Azure
    usage                   a total that is not that of its rows                          OBS (null); guard
    late_results            404 on the content of result files for `seconds`              guard
    list_lag                absent from the list for `seconds`                            guard
    vanish                  404 and absent from the list; runs on and is billed           guard (key of another project)
files
    late_file               404 for `seconds`; a batch on it meanwhile: Cannot find file  bespokelabsai/curator#406
creates, calls: nothing done
    rate_limited            429 with retry-after, retry-after-ms, x-should-retry          bytedance/deer-flow#4294
    insufficient_quota      429 that means stop                                           docs
    unauthorized            401 invalid_api_key                                           docs
    server_error            500 or 503                                                    docs
    bad_gateway             502 with a page                                               guard
    html_200                200 with a page                                               guard (the client returns it)
    no_reply                connection closed                                             guard
    payload_too_large       413 with a page (uploads)                                     bespokelabsai/curator#610
    cannot_find_file        400 (creates)                                                 OBS
creates, calls: done
    lost_reply              connection closed before the reply                            apache/airflow#72416
    slow_reply              reply after `seconds`                                         ogx-ai/ogx#3144
    error_after_commit      500, 502, 503 or 504                                          QwenLM/qwen-code#11874
    html_after_commit       200 with a page                                               guard
    cut_content             content breaks off within a line (contents)                   guard
    slow_content            content in pieces with pauses (contents)                      guard
limits
    creates_per_hour        429 for creates beyond                                        BerriAI/litellm#23901
    enqueued_tokens         created, then `failed`: token_limit_exceeded; tokens are      openai/openai-python#1643
                            released when a batch ends

What needs no rule, because requests bring it about: a batch of failing rows only (completed, no output file), a model
past its shutdown date, tools with reasoning, `max_tokens`, a named tool_choice that finishes with stop.
"""

from pathlib import Path

import yaml
from pydantic import ValidationError, model_validator

from scoring_pipeline.sandbox.openai_fault_calls import CallRule, LostReplyRule, OfCall, QuotaRule, RateLimitRule
from scoring_pipeline.sandbox.openai_fault_rows import STATUS_LOST, STATUS_MISSING, spoil
from scoring_pipeline.sandbox.openai_fault_rules import (
    BatchRule,
    ExpireRule,
    FailRule,
    LateFileRule,
    Limits,
    OfBatch,
    Operation,
    RowKind,
    RowRule,
    Rule,
    Variant,
    drawn_number,
)

__all__ = [
    "STATUS_LOST",
    "STATUS_MISSING",
    "BatchRule",
    "CreateRule",
    "ExpireRule",
    "FailRule",
    "LostReplyRule",
    "QuotaRule",
    "RateLimitRule",
    "RowKind",
    "RowRule",
    "Scenario",
    "ScenarioError",
    "Variant",
    "load_scenario",
    "spoil",
]

CreateRule = CallRule


class ScenarioError(Exception):
    """A scenario file that cannot be used; the message names the file and each field at fault."""


class Scenario(Rule):
    """Everything that goes wrong on purpose."""

    seed: int = 0
    shuffled: bool = True
    limits: Limits = Limits()
    rows: tuple[RowRule, ...] = ()
    batches: tuple[BatchRule, ...] = ()
    files: tuple[LateFileRule, ...] = ()
    creates: tuple[CallRule, ...] = ()
    calls: tuple[CallRule, ...] = ()

    @model_validator(mode="after")
    def _creates_are_creates(self) -> "Scenario":
        for rule in self.creates:
            if rule.operations or "create_batch" not in rule.only:
                raise ValueError(
                    f"creates: {rule.kind} there hits POST /v1/batches only: put what names `operations`, or hits "
                    "uploads or contents, under `calls`"
                )
        return self

    def row_rule(self, key: str, model: str, line: int = 0, batch: int = 0) -> tuple[RowRule, int] | None:
        """Return the rule that a row meets and a number drawn for it, or None; the same row always meets the same.

        Args:
            key: the `custom_id`, by which a share is chosen.
            model: the row's model.
            line: its number in the batch's file, from 1; 0 where it has none, so that only shares are chosen.
            batch: the batch's number, from 1; 0 for a synchronous call.
        """
        for position, rule in enumerate(self.rows):
            if not rule.means_model(model) or (rule.batches and batch not in rule.batches):
                continue
            drawn = drawn_number(self.seed, position, key)
            if rule.applies(line, drawn):
                return rule, drawn & 0xFFFF
        return None

    def batch_rules(self, number: int, model: str | None) -> tuple[OfBatch, ...]:
        """Return the rules for the batch created with that number: of each aspect the first that applies."""
        met: dict[str, OfBatch] = {}
        for position, rule in enumerate(self.batches):
            drawn = drawn_number(self.seed, position, f"batch/{number}")
            if rule.aspect not in met and rule.means_model(model) and rule.applies(number, drawn):
                met[rule.aspect] = rule
        return tuple(met.values())

    def file_rule(self, number: int) -> LateFileRule | None:
        """Return the rule for the upload with that number, or None."""
        drawn = ((rule, drawn_number(self.seed, at, f"file/{number}")) for at, rule in enumerate(self.files))
        return next((rule for rule, mark in drawn if rule.applies(number, mark)), None)

    def create_rule(self, number: int, model: str | None = None) -> OfCall | None:
        """Return the rule for the call of POST /v1/batches with that number, or None."""
        return self._call_rule(self.creates, "create_batch", number, model) or self.call_rule(
            "create_batch", number, model
        )

    def call_rule(self, operation: Operation, number: int, model: str | None = None) -> OfCall | None:
        """Return the rule under `calls` for the operation's call with that number, or None."""
        return self._call_rule(self.calls, operation, number, model)

    def _call_rule(
        self, rules: tuple[CallRule, ...], operation: Operation, number: int, model: str | None
    ) -> OfCall | None:
        for position, rule in enumerate(rules):
            drawn = drawn_number(self.seed, position, f"{operation}/{number}")
            if rule.means_operation(operation) and rule.means_model(model) and rule.applies(number, drawn):
                return rule
        return None

    def counts_calls(self, operation: Operation) -> bool:
        """Return whether calls of that operation have to be counted."""
        return operation == "create_batch" or any(rule.means_operation(operation) for rule in self.calls)

    def asks_for_models(self) -> bool:
        """Return whether a rule for batches or calls is narrowed to models."""
        return any(rule.models for rules in (self.batches, self.creates, self.calls) for rule in rules)


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
