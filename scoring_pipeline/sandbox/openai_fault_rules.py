"""The rules of a scenario: what may be written in its file, and which row, batch, upload or call a rule means.

What belongs here: models of rules, their fields and bounds. What does not: what the kinds mean and where they were
seen (the table in `openai_faults.py`), and carrying them out (`openai_fault_rows.py`, `openai_fault_batches.py`,
`openai_fault_replies.py`).
"""

from hashlib import blake2b
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from scoring_pipeline.sandbox.openai_models import MODELS

RowKind = Literal[
    "error_400", "error_429", "error_500", "error_503", "quota_row", "status_0", "top_level_error", "missing",
    "invalid_arguments", "refusal", "length", "content_filter", "no_tool_call", "two_tool_calls", "no_usage",
    "bad_line", "blank_line", "duplicate",
]  # fmt: skip
Variant = Literal[
    "bad_json", "out_of_bounds", "missing_field", "absent", "null", "cut", "bad_escape", "output", "error"
]
Operation = Literal[
    "upload_file", "list_files", "retrieve_file", "delete_file", "file_content", "create_batch", "list_batches",
    "retrieve_batch", "cancel_batch", "chat", "embeddings", "list_models", "retrieve_model",
]  # fmt: skip

OPERATIONS: tuple[Operation, ...] = get_args(Operation)
VARIANTS: dict[RowKind, tuple[Variant, ...]] = {
    "invalid_arguments": ("bad_json", "out_of_bounds", "missing_field"),
    "no_usage": ("absent", "null"),
    "bad_line": ("cut", "bad_escape"),
    "duplicate": ("output", "error"),
}
ERROR_ROWS: tuple[RowKind, ...] = ("error_400", "error_429", "error_500", "error_503", "quota_row", "status_0")
_STATUSES = (
    "validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled",
)  # fmt: skip
_MODEL_RULE = "only these; empty: every model"


def drawn_number(seed: int, position: int, key: str) -> int:
    """Return 64 bits that follow from seed, the rule's position in its section, and a key; always the same."""
    return int.from_bytes(blake2b(f"{seed}/{position}/{key}".encode(), digest_size=8).digest())


class Rule(BaseModel):
    """A part of a scenario: immutable, and unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Choosing(Rule):
    """Which of a numbered sequence a rule means: those that any of the four ways of choosing names."""

    first: int | None = Field(default=None, ge=1, description="the first so many")
    every: int | None = Field(default=None, ge=1, description="each so-manieth")
    numbers: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(), description="these, counted from 1")
    share: float | None = Field(default=None, gt=0, le=1, description="this part of them, by a hash")

    @model_validator(mode="after")
    def _says_which(self) -> "Choosing":
        if self.first is None and self.every is None and not self.numbers and self.share is None:
            raise ValueError("say which: give `first`, `every` or `numbers`, or a `share`")
        return self

    def applies(self, number: int, drawn: int | None = None) -> bool:
        """Return whether the rule means the one with that number (from 1) and that `drawn_number`.

        What has the number 0 is not part of the sequence, and only a share can mean it.
        """
        return (
            (self.first is not None and 0 < number <= self.first)
            or (self.every is not None and number > 0 and number % self.every == 0)
            or number in self.numbers
            or (self.share is not None and drawn is not None and drawn >> 16 < self.share * 2**48)
        )


class OfModels(Choosing):
    """A choice that can be narrowed to models."""

    models: tuple[str, ...] = Field(default=(), description=_MODEL_RULE)

    @field_validator("models")
    @classmethod
    def _known_models(cls, models: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(models) - set(MODELS))
        if unknown:
            raise ValueError(f"the sandbox has no model {', '.join(unknown)}; it has {', '.join(MODELS)}")
        return models

    def means_model(self, model: str | None) -> bool:
        """Return whether the rule is for that model; one that names models is never for an unknown one."""
        return not self.models or model in self.models


class RowRule(OfModels):
    """Rows that go wrong in one way: numbered by their line in the batch's file, or a share by hash of `custom_id`."""

    kind: RowKind
    batches: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(), description="only in these batches, numbered in order of creation; empty: everywhere"
    )
    variant: Variant | None = Field(default=None, description="which form of the kind; None: each in turn")
    file: Literal["error", "output"] = Field(default="error", description="where the row of an error lies")

    @model_validator(mode="after")
    def _fields_fit_the_kind(self) -> "RowRule":
        allowed = VARIANTS.get(self.kind, ())
        if self.variant is not None and self.variant not in allowed:
            choices = f"`variant` of {self.kind} is one of {', '.join(allowed)}"
            others = ", ".join(VARIANTS)
            raise ValueError(choices if allowed else f"`variant` goes with kinds {others} only")
        if self.file == "output" and self.kind not in ERROR_ROWS:
            raise ValueError(f"`file` goes with kinds {', '.join(ERROR_ROWS)} only")
        return self


class OfBatch(OfModels):
    """Batches, numbered from 1 in order of creation; of rules with the same aspect the first that applies decides."""

    aspect: ClassVar[str]
    kind: str


class ExpireRule(OfBatch):
    """Batches that reach the end of their window with only a share of their rows answered."""

    aspect: ClassVar[str] = "course"
    kind: Literal["expire"]
    answered_share: float = Field(default=0.5, ge=0, lt=1)
    after_seconds: float = Field(default=86_400, gt=0, description="the window, in virtual seconds")


class FailRule(OfBatch):
    """Batches that fail validation although their file is good."""

    aspect: ClassVar[str] = "course"
    kind: Literal["fail_validation"]
    code: str = "token_limit_exceeded"
    message: str = "Enqueued token limit reached. Please try again once some in_progress batches have been completed."
    param: str | None = None


class FileNotFoundRule(OfBatch):
    """Batches that are created and then fail because their file, which is there, cannot be found."""

    aspect: ClassVar[str] = "course"
    kind: Literal["cannot_find_file"]


class StuckRule(OfBatch):
    """Batches that stay in one status until they are cancelled, past the end of their window too."""

    aspect: ClassVar[str] = "course"
    kind: Literal["stuck"]
    status: Literal["validating", "in_progress", "finalizing"] = "in_progress"
    answered_share: float = Field(default=0.5, ge=0, le=1, description="how far it gets, if it is stuck in_progress")
    expires: bool = Field(default=False, description="whether the end of the window ends it all the same")


class ValidationDelayRule(OfBatch):
    """Batches whose validation takes so many virtual seconds; everything after it comes as much later."""

    aspect: ClassVar[str] = "validation_delay"
    kind: Literal["validation_delay"]
    seconds: float = Field(default=900, gt=0)


class UnknownStatusRule(OfBatch):
    """Batches that, after validation, show a status nobody has heard of, and make no progress meanwhile."""

    aspect: ClassVar[str] = "unknown_status"
    kind: Literal["unknown_status"]
    status: str = Field(default="paused", min_length=1)
    seconds: float = Field(default=3600, gt=0)

    @field_validator("status")
    @classmethod
    def _is_unknown(cls, status: str) -> str:
        if status in _STATUSES:
            raise ValueError(f"{status} is a status that the API has; name one that it has not")
        return status


class SlowCancelRule(OfBatch):
    """Batches that, once cancelled, stay `cancelling` so long."""

    aspect: ClassVar[str] = "cancel"
    kind: Literal["slow_cancel"]
    seconds: float = Field(default=600, ge=0)
    keeps_answering: bool = Field(default=False, description="rows due meanwhile are still answered, and billed")
    names_unreached: bool = Field(default=False, description="the error file has a `batch_cancelled` row for the rest")


class ErrorFileRule(OfBatch):
    """Batches without a failed row, whose `error_file_id` says so in an odd way."""

    aspect: ClassVar[str] = "error_file_id"
    kind: Literal["error_file_id"]
    value: Literal["", "absent", "empty_file"] | None = Field(description="null is what is usual")


class CountsRule(OfBatch):
    """Batches whose `request_counts`, once answering has begun, are not those of their rows."""

    aspect: ClassVar[str] = "counts"
    kind: Literal["counts"]
    says: Literal["all_completed", "all_failed", "zero", "null", "null_values"]


class UsageRule(OfBatch):
    """Batches whose `usage` is not the sum of their rows'."""

    aspect: ClassVar[str] = "usage"
    kind: Literal["usage"]
    says: Literal["scaled", "zero", "null", "absent"] = "scaled"
    factor: float = Field(default=1.5, ge=0, description="of scaled")


class LateResultsRule(OfBatch):
    """Batches whose result files are named at once, but have no content for so many virtual seconds."""

    aspect: ClassVar[str] = "late_results"
    kind: Literal["late_results"]
    seconds: float = Field(default=60, gt=0)


class ListLagRule(OfBatch):
    """Batches that the list shows only so many virtual seconds after they were created."""

    aspect: ClassVar[str] = "list_lag"
    kind: Literal["list_lag"]
    seconds: float = Field(default=60, gt=0)


class VanishRule(OfBatch):
    """Batches that become unknown to retrieve, list and cancel; they run on and are billed."""

    aspect: ClassVar[str] = "vanish"
    kind: Literal["vanish"]
    after_seconds: float = Field(default=0, ge=0, description="virtual seconds after creation")
    for_seconds: float | None = Field(default=None, gt=0, description="None: for ever")


BatchRule = Annotated[
    ExpireRule
    | FailRule
    | FileNotFoundRule
    | StuckRule
    | ValidationDelayRule
    | UnknownStatusRule
    | SlowCancelRule
    | ErrorFileRule
    | CountsRule
    | UsageRule
    | LateResultsRule
    | ListLagRule
    | VanishRule,
    Field(discriminator="kind"),
]


class LateFileRule(Choosing):
    """Uploads, numbered from 1, that are answered 200 but unknown for so many virtual seconds."""

    kind: Literal["late_file"]
    seconds: float = Field(default=1, gt=0)


class Limits(Rule):
    """Limits of the account; None and absent models mean no limit."""

    creates_per_hour: int | None = Field(default=None, ge=1, description="batches created in 3600 virtual seconds")
    enqueued_tokens: dict[str, Annotated[int, Field(ge=1)]] = Field(
        default={}, description="by model: prompt tokens of all its batches between validation and their end"
    )

    @field_validator("enqueued_tokens")
    @classmethod
    def _known_models(cls, limits: dict[str, int]) -> dict[str, int]:
        unknown = sorted(set(limits) - set(MODELS))
        if unknown:
            raise ValueError(f"the sandbox has no model {', '.join(unknown)}; it has {', '.join(MODELS)}")
        return limits
