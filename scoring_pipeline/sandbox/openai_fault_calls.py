"""Rules for calls: what may happen to one HTTP exchange.

What belongs here: models of the rules in the sections `creates` and `calls`. What does not: what the kinds mean and
where they were seen (the table in `openai_faults.py`), and carrying them out (`openai_fault_replies.py`).

A rule says whether the operation is carried out (`acts`): that is what tells a refusal from a lost acknowledgement.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from scoring_pipeline.sandbox.openai_fault_rules import OPERATIONS, OfModels, Operation


class OfCall(OfModels):
    """Calls of some operations, each operation numbered from 1 over all restarts.

    Only creates, chat completions and embeddings have a model: a rule with `models` means no other call.
    """

    acts: ClassVar[bool] = False
    only: ClassVar[tuple[Operation, ...]] = OPERATIONS
    kind: str
    operations: tuple[Operation, ...] = Field(default=(), description="empty: every one that the kind can hit")

    @model_validator(mode="after")
    def _operations_fit_the_kind(self) -> "OfCall":
        if not set(self.operations) <= set(self.only):
            raise ValueError(f"{self.kind} can hit {', '.join(self.only)} only")
        return self

    def means_operation(self, operation: Operation) -> bool:
        """Return whether the rule is for calls of that operation."""
        return operation in (self.operations or self.only)


class LostReplyRule(OfCall):
    """Calls that do what was asked and then lose the connection before the reply."""

    acts: ClassVar[bool] = True
    kind: Literal["lost_reply"]


class SlowReplyRule(OfCall):
    """Calls that do what was asked and reply after so many real seconds, or to nobody if the client has gone."""

    acts: ClassVar[bool] = True
    kind: Literal["slow_reply"]
    seconds: float = Field(default=30, ge=0, le=600)


class ErrorAfterRule(OfCall):
    """Calls that do what was asked and answer 500 all the same."""

    acts: ClassVar[bool] = True
    kind: Literal["error_after_commit"]
    status: Literal[500, 502, 503, 504] = 500


class HtmlAfterRule(OfCall):
    """Calls that do what was asked and answer 200 with the page of a proxy."""

    acts: ClassVar[bool] = True
    kind: Literal["html_after_commit"]


class HtmlRule(OfCall):
    """Calls that never reach the API: a proxy answers 200 with a page."""

    kind: Literal["html_200"]


class BadGatewayRule(OfCall):
    """Calls that never reach the API: a proxy answers 502 with a page."""

    kind: Literal["bad_gateway"]


class NoReplyRule(OfCall):
    """Calls whose connection is closed before anything was done."""

    kind: Literal["no_reply"]


class ServerErrorRule(OfCall):
    """Calls that the API fails before anything was done."""

    kind: Literal["server_error"]
    status: Literal[500, 503] = 500


class UnauthorizedRule(OfCall):
    """Calls that are answered 401 although the key is the one that was good before."""

    kind: Literal["unauthorized"]


class RateLimitRule(OfCall):
    """Calls that are refused with 429 and told, in real seconds, how long to wait."""

    kind: Literal["rate_limited"]
    retry_after: float | None = Field(default=1.0, ge=0, description="None: no such header")
    form: Literal["seconds", "http_date", "milliseconds"] = Field(
        default="seconds", description="`Retry-After` as number or date, or `retry-after-ms`"
    )
    should_retry: bool | None = Field(default=None, description="`x-should-retry`; None: no such header")


class QuotaRule(OfCall):
    """Calls that are refused with 429 `insufficient_quota`."""

    kind: Literal["insufficient_quota"]
    should_retry: bool | None = Field(default=None, description="`x-should-retry`; None: no such header")


class TooLargeRule(OfCall):
    """Uploads that a proxy refuses with 413 and a page."""

    only: ClassVar[tuple[Operation, ...]] = ("upload_file",)
    kind: Literal["payload_too_large"]


class MissingFileRule(OfCall):
    """Creates that answer 400: the file, which is there, cannot be found."""

    only: ClassVar[tuple[Operation, ...]] = ("create_batch",)
    kind: Literal["cannot_find_file"]


class CutContentRule(OfCall):
    """Contents that break off in the middle of a line."""

    acts: ClassVar[bool] = True
    only: ClassVar[tuple[Operation, ...]] = ("file_content",)
    kind: Literal["cut_content"]
    transfer: Literal["length", "chunked"] = Field(
        default="length", description="the whole length is promised, or chunks come without an end"
    )
    sent_share: float = Field(default=0.5, ge=0, lt=1)


class SlowContentRule(OfCall):
    """Contents that come in pieces with a pause of so many real seconds after each."""

    acts: ClassVar[bool] = True
    only: ClassVar[tuple[Operation, ...]] = ("file_content",)
    kind: Literal["slow_content"]
    pieces: int = Field(default=10, ge=2, le=10_000)
    pause_seconds: float = Field(default=1.0, ge=0, le=600)


CallRule = Annotated[
    LostReplyRule
    | SlowReplyRule
    | ErrorAfterRule
    | HtmlAfterRule
    | HtmlRule
    | BadGatewayRule
    | NoReplyRule
    | ServerErrorRule
    | UnauthorizedRule
    | RateLimitRule
    | QuotaRule
    | TooLargeRule
    | MissingFileRule
    | CutContentRule
    | SlowContentRule,
    Field(discriminator="kind"),
]
