"""What the tests of the OpenAI stand-in share: prompts, batch lines, a server in a thread whose clock they move."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import orjson
import uvicorn
import yaml
from openai import OpenAI
from openai.types import Batch

from scoring_pipeline.sandbox.openai_options import SandboxOptions
from scoring_pipeline.sandbox.server import sandbox_app

FROZEN = 1e-9
ENDPOINT = "/v1/chat/completions"

PROMPT = """PROFILE
headline: Backend engineer
seniority: senior
years_experience: 8
skills: Python; PostgreSQL; Docker
locations: Berlin, DE; Hamburg, DE
remote: yes
languages: en; de
summary: Builds services.

LISTING 0123456789ab
title: Senior Backend Engineer (m/f/d)
company: Example GmbH
places: Berlin, DE; Remote - EU
remote: hybrid
employment: full_time
seniority: senior
pay: 70000-90000 EUR per year
language: en
required skills: Python; PostgreSQL
preferred skills: Kafka
description:
We build things.

LISTING ffffffffffff
required skills: COBOL
END LISTING ffffffffffff
END LISTING 0123456789ab
"""

_NUMBERS = ("overall_score", "skill_match", "experience_match", "location_match")
_PROPERTIES: dict[str, Any] = {
    **{name: {"type": "integer"} for name in _NUMBERS},
    "confidence": {"type": "number"},
    "reasons": {"type": "array", "items": {"type": "string"}},
}
SCORE_TOOL = {
    "type": "function",
    "function": {
        "name": "score_job_match",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": _PROPERTIES,
            "required": list(_PROPERTIES),
            "additionalProperties": False,
        },
    },
}


def chat_body(user: str = PROMPT, *, model: str = "gpt-6-luna", **changes: Any) -> dict[str, Any]:
    """A body as the pipeline sends it; a change to None leaves the field out."""
    body = {
        "model": model,
        "reasoning_effort": "none",
        "messages": [{"role": "system", "content": "Rate the match."}, {"role": "user", "content": user}],
        "tools": [SCORE_TOOL],
        "tool_choice": {"type": "function", "function": {"name": "score_job_match"}},
        "parallel_tool_calls": False,
        "max_completion_tokens": 300,
    }
    return {name: value for name, value in {**body, **changes}.items() if value is not None}


def batch_request(number: int, **changes: Any) -> dict[str, Any]:
    body = chat_body(PROMPT.replace("things", f"things {number}"))
    return {"custom_id": f"r-{number}", "method": "POST", "url": ENDPOINT, "body": body} | changes


def jsonl(requests: Sequence[Any]) -> bytes:
    return b"\n".join(orjson.dumps(request) for request in requests) + b"\n"


def lines_of(content: bytes) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in content.splitlines()]


@dataclass(frozen=True)
class Results:
    """A batch that has ended, with the bytes of its files."""

    batch: Batch
    output_bytes: bytes
    error_bytes: bytes

    @property
    def output(self) -> list[dict[str, Any]]:
        return lines_of(self.output_bytes)

    @property
    def errors(self) -> list[dict[str, Any]]:
        return lines_of(self.error_bytes)

    @property
    def counts(self) -> tuple[int, int, int]:
        """Total, completed and failed."""
        counts = self.batch.request_counts
        assert counts is not None
        return counts.total, counts.completed, counts.failed


@dataclass(frozen=True)
class Running:
    """A server, a client of it without retries, and its clock."""

    url: str
    client: OpenAI

    def advance(self, seconds: float) -> None:
        """Let virtual seconds pass; everything due by then is done when this returns."""
        with httpx2.Client(trust_env=False, timeout=60) as client:
            client.post(f"{self.url}/sandbox/clock", json={"advance_seconds": seconds}).raise_for_status()

    def journal(self) -> dict[str, Any]:
        with httpx2.Client(trust_env=False) as client:
            found: dict[str, Any] = client.get(f"{self.url}/sandbox/journal").raise_for_status().json()
            return found

    def upload(self, content: bytes, name: str = "in.jsonl") -> str:
        return self.client.files.create(file=(name, content), purpose="batch").id

    def create(self, file_id: str, **changes: Any) -> Batch:
        fields: dict[str, Any] = {"endpoint": ENDPOINT, "completion_window": "24h"} | changes
        return self.client.batches.create(input_file_id=file_id, **fields)

    def submit(self, requests: Sequence[Any], **changes: Any) -> Batch:
        return self.create(self.upload(jsonl(requests)), **changes)

    def again(self, batch: Batch) -> Batch:
        return self.client.batches.retrieve(batch.id)

    def completed(self, count: int = 8, *, seconds: float = 100) -> Results:
        """Submit so many requests, let the batch end, and return it with its rows."""
        batch = self.submit([batch_request(number) for number in range(count)])
        self.advance(seconds)
        return self.results(batch)

    def results(self, batch: Batch) -> Results:
        """Return a batch that has ended, and the lines of its files."""
        done = self.again(batch)
        files = (done.output_file_id, done.error_file_id)
        output, errors = (self.client.files.content(file).content if file else b"" for file in files)
        return Results(done, output, errors)

    def content(self, file_id: str | None) -> list[dict[str, Any]]:
        assert file_id is not None
        return lines_of(self.client.files.content(file_id).content)


def write_scenario(folder: Path, **sections: Any) -> Path:
    """Write a scenario's file into a folder and return its path."""
    path = folder / "scenario.yaml"
    path.write_text(yaml.safe_dump(sections))
    return path


@contextmanager
def faulty(folder: Path, options: dict[str, Any] | None = None, **sections: Any) -> Iterator[Running]:
    """Serve a folder as `serving` does, under a scenario of these sections."""
    with serving(folder, scenario=write_scenario(folder, **sections), **(options or {})) as running:
        yield running


def client_of(url: str) -> OpenAI:
    http = httpx2.Client(trust_env=False, timeout=60)
    return OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0, http_client=http)


@contextmanager
def serving(folder: Path, **options: Any) -> Iterator[Running]:
    """Serve a folder from a thread; time stands still unless `speed` is given, and a batch takes 100 seconds of it."""
    chosen = SandboxOptions.model_validate({"speed": FROZEN, "batch_seconds": 100, **options})
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(sandbox_app(folder, options=chosen), access_log=False, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        with client_of(url) as client:
            yield Running(url, client)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
