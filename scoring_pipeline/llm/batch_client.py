"""One provider's Files and Batch API: the calls the pipeline makes, their shapes checked, their failures classified.

What belongs here: HTTP through the `openai` client, one method a call, no decisions. What does not: when to call, and
what an answer means (`batches/`). A batch is created without the client's own retries: the API has no idempotency key,
so a retried create buys twice; whoever is in doubt lists and adopts.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import openai
from openai.types import Batch, FileObject
from pydantic import BaseModel, ConfigDict, ValidationError

from scoring_pipeline.llm.errors import (
    PermanentProviderError,
    ProviderError,
    StopProviderError,
    TransientProviderError,
    provider_call,
)
from scoring_pipeline.settings import LlmProvider

ENDPOINT: Final = "/v1/chat/completions"
TERMINAL_STATUSES = frozenset({"completed", "failed", "expired", "cancelled"})
SANDBOX_OWNER = "scoring-pipeline-sandbox"

_T = TypeVar("_T")

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_UPLOAD_PATIENCE = 10
_CHUNK = 1 << 18
_PAGE = 100


class RemoteBatch(BaseModel):
    """A batch as the provider describes it. `status` is the provider's own word, known or not."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    status: str
    created_at: int
    input_file_id: str
    output_file_id: str | None = None
    error_file_id: str | None = None
    request_counts: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None
    errors: dict[str, Any] | None = None
    metadata: dict[str, str] | None = None


class BatchClient:
    """The batch lane of one configured provider. Connects at the first call."""

    def __init__(self, name: str, provider: LlmProvider) -> None:
        self.name = name
        self.provider = provider
        self._client: openai.OpenAI | None = None

    @property
    def timeout_seconds(self) -> float:
        """The longest one HTTP exchange may take; a lease must outlast it."""
        return self.provider.timeout_seconds

    def upload(self, path: Path) -> str:
        """Upload a `.jsonl` file for a batch and return its id."""
        client = self._api().with_options(timeout=self.provider.timeout_seconds * _UPLOAD_PATIENCE)
        with provider_call(f"uploading {path.name} to {self.name}"), path.open("rb") as file:
            uploaded = client.files.create(file=(path.name, file), purpose="batch")
        return self._named(uploaded, FileObject, "an uploaded file").id

    def create(self, input_file_id: str, metadata: Mapping[str, str]) -> RemoteBatch:
        """Create a batch. After a `TransientProviderError` it may exist all the same: list, adopt."""
        with provider_call(f"creating a batch at {self.name}"):
            batch = (
                self._api()
                .with_options(max_retries=0)
                .batches.create(
                    input_file_id=input_file_id,
                    endpoint=ENDPOINT,
                    completion_window="24h",
                    metadata=dict(metadata),
                )
            )
        return self._remote(batch)

    def retrieve(self, batch_id: str) -> RemoteBatch:
        """Return one batch.

        Raises:
            NotFoundAtProvider: if the provider does not know it.
        """
        with provider_call(f"reading batch {batch_id} at {self.name}"):
            return self._remote(self._api().batches.retrieve(batch_id))

    def recent(self, *, not_before: int) -> Iterator[RemoteBatch]:
        """Yield batches, newest first, until one was created before `not_before` (Unix seconds)."""
        after: str | openai.Omit = openai.omit
        with provider_call(f"listing batches at {self.name}"):
            more = True
            while more:
                reply = self._api().batches.with_raw_response.list(limit=_PAGE, after=after)
                batches, more = self._listed(reply.http_response.json(), "batches")
                remotes = [self._described(batch) for batch in batches]
                # A provider that takes no notice of `after` gives the same page for ever.
                more = more and remotes[-1].id != after
                for remote in remotes:
                    if remote.created_at < not_before:
                        return
                    yield remote
                    after = remote.id

    def cancel(self, batch_id: str) -> None:
        """Ask the provider to cancel a batch; finished rows stay and are paid."""
        with provider_call(f"cancelling batch {batch_id} at {self.name}"):
            self._api().with_options(max_retries=0).batches.cancel(batch_id)

    def lines(self, file_id: str) -> Iterator[bytes]:
        """Yield the lines of an output or error file as they arrive; blank lines are skipped.

        Raises:
            NotFoundAtProvider: if there is no content, which may be a lag.
            TransientProviderError: if the stream is cut; lines already yielded were whole.
        """
        with (
            provider_call(f"reading file {file_id} at {self.name}"),
            self._api().files.with_streaming_response.content(file_id) as response,
        ):
            rest = b""
            for chunk in response.iter_bytes(_CHUNK):
                *whole, rest = (rest + chunk).split(b"\n")
                yield from (line for line in whole if line.strip())
            if rest.strip():
                yield rest

    def delete_file(self, file_id: str) -> None:
        """Delete a file at the provider."""
        with provider_call(f"deleting file {file_id} at {self.name}"):
            self._api().files.delete(file_id)

    def models(self) -> dict[str, dict[str, Any]]:
        """Return what the provider says of its models, by id."""
        with provider_call(f"listing models at {self.name}"):
            reply = self._api().models.with_raw_response.list()
            models, _ = self._listed(reply.http_response.json(), "models")
        if not all(isinstance(model.get("id"), str) for model in models):
            raise TransientProviderError(f"{self.name} listed models without names")
        return {model["id"]: model for model in models}

    def is_sandbox(self) -> bool:
        """Whether this endpoint is the project's own stand-in: configured so, or a loopback server that says so."""
        if self.provider.sandbox:
            return True
        if urlsplit(self.provider.base_url).hostname not in _LOOPBACK:
            return False
        try:
            models = self.models()
        except PermanentProviderError:
            # A server that does not list models is not ours.
            return False
        return any(model.get("owned_by") == SANDBOX_OWNER for model in models.values())

    def _api(self) -> openai.OpenAI:
        if self._client is None:
            loopback = urlsplit(self.provider.base_url).hostname in _LOOPBACK
            key = self._key()
            # What OPENAI_* variables hold for an account is not for the stand-in to see.
            sandbox = self.provider.sandbox
            self._client = openai.OpenAI(
                api_key=key,
                organization="" if sandbox else None,
                project="" if sandbox else None,
                default_headers={"Authorization": f"Bearer {key}"} if sandbox else None,
                base_url=self.provider.base_url,
                timeout=self.provider.timeout_seconds,
                http_client=openai.DefaultHttpxClient(trust_env=not loopback),
            )
        return self._client

    def _key(self) -> str:
        if self.provider.sandbox:
            return "sandbox"
        key = os.environ.get(self.provider.api_key_env, "")
        if not key:
            raise StopProviderError(
                f"{self.provider.api_key_env} is not set: llm.providers.{self.name}.api_key_env names the variable "
                "that holds the key"
            )
        return key

    def _remote(self, batch: Batch) -> RemoteBatch:
        return self._described(self._named(batch, Batch, "a batch").model_dump())

    def _described(self, batch: Mapping[str, Any]) -> RemoteBatch:
        try:
            return RemoteBatch.model_validate(batch)
        except ValidationError as e:
            fields = ", ".join(sorted({str(item["loc"][0]) for item in e.errors()}))
            raise TransientProviderError(f"{self.name} described a batch without a usable {fields}") from e

    def _listed(self, page: Any, what: str) -> tuple[list[dict[str, Any]], bool]:
        """Return the items of a page and whether there are more; what is no page is a failure, never an empty one."""
        items = page.get("data") if isinstance(page, dict) else None
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise TransientProviderError(f"{self.name} answered with something else instead of a list of {what}")
        return items, bool(items) and page.get("has_more") is not False

    def _named(self, value: Any, kind: type[_T], what: str) -> _T:
        # A proxy's page with status 200 comes back from the client as a plain string, any JSON object as any kind.
        if not isinstance(value, kind) or not isinstance(getattr(value, "id", None), str):
            raise TransientProviderError(f"{self.name} answered with something else instead of {what}")
        return value


class Providers:
    """The batch clients of a configuration, made when first asked for."""

    def __init__(self, providers: Mapping[str, LlmProvider]) -> None:
        self._providers = dict(providers)
        self._clients: dict[str, BatchClient] = {}

    def batch(self, name: str) -> BatchClient:
        """Return the client of one provider.

        Raises:
            ProviderError: if no provider has that name.
        """
        if name not in self._providers:
            raise ProviderError(f"no provider {name!r} under llm.providers, only {', '.join(self._providers)}")
        if name not in self._clients:
            self._clients[name] = BatchClient(name, self._providers[name])
        return self._clients[name]
