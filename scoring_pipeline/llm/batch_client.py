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
from openai.types import Batch
from pydantic import BaseModel, ConfigDict

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
        return self._shaped(uploaded, openai.types.FileObject, "an uploaded file").id

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
        with provider_call(f"listing batches at {self.name}"):
            for batch in self._api().batches.list(limit=100):
                remote = self._remote(batch)
                if remote.created_at < not_before:
                    return
                yield remote

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
            return {model.id: model.model_dump() for model in self._api().models.list()}

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
            self._client = openai.OpenAI(
                api_key=self._key(),
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
        return RemoteBatch.model_validate(self._shaped(batch, Batch, "a batch").model_dump())

    def _shaped(self, value: Any, kind: type[_T], what: str) -> _T:
        # A proxy's page with status 200 comes back from the client as a plain string.
        if not isinstance(value, kind):
            raise TransientProviderError(f"{self.name} answered with {type(value).__name__} instead of {what}")
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
