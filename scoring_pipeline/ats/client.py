"""One small HTTP client for all providers: polite, bounded, and suspicious of what comes back.

What belongs here: retries, deadlines, limits, redirects, conditional requests, and the checks made before a body is
parsed. What does not: any provider's URLs or shapes, and what a failure means for the day.
"""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Self

import httpx2

from scoring_pipeline.ats.errors import (
    FetchError,
    PermanentFetchError,
    TransientFetchError,
    exchange_error,
    status_error,
)
from scoring_pipeline.ats.hosts import TOO_MANY_REQUESTS, HostGate
from scoring_pipeline.ats.model import Answer, JsonObject
from scoring_pipeline.ats.retry_after import seconds_to_wait
from scoring_pipeline.ats.shapes import decode
from scoring_pipeline.ats.urls import is_loopback, may_follow, without_secrets
from scoring_pipeline.settings import Ats, AtsProvider

LONGEST_BACKOFF_SECONDS = 30.0
CONNECT_SECONDS = 10.0
KEEPS_METHOD = frozenset({httpx2.codes.TEMPORARY_REDIRECT, httpx2.codes.PERMANENT_REDIRECT})


@dataclass(frozen=True)
class _Request:
    method: str
    url: httpx2.URL
    body: JsonObject | None
    headers: dict[str, str]
    conditional: bool


@dataclass(frozen=True)
class _Response:
    """What one hop brought: a body, a 304 (`body` is None), or where to go instead."""

    body: bytes | None
    etag: str | None
    location: httpx2.URL | None = None
    keeps_method: bool = False


class AtsClient:
    """An asynchronous client for one provider's hosts; use it as a context manager, in one event loop.

    Args:
        ats: timeouts, attempts and limits.
        section: the provider's concurrency and rate, each for one host.
        now: the clock, for `Retry-After` dates.
        sleep: waits the given seconds between tries.
        jitter: picks a number between its two arguments.
    """

    def __init__(
        self,
        ats: Ats,
        section: AtsProvider,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._ats = ats
        self._section = section
        self._now = now
        self._sleep = sleep
        self._jitter = jitter
        self._gates: dict[tuple[str, int | None], HostGate] = {}
        self._clients: dict[bool, httpx2.AsyncClient] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients.values():
            await client.aclose()

    def talk(self) -> "Talk":
        """Return a conversation for reading one board, which counts what it receives."""
        return Talk(self)

    async def ask(
        self, method: str, url: str, *, body: JsonObject | None, etag: str | None, bearer: str | None
    ) -> tuple[Answer, int]:
        """Return the answer to one request and the bytes received for it, trying again as far as settings allow."""
        headers = {"If-None-Match": etag} if etag else {}
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        try:
            request = _Request(method, httpx2.URL(url), body, headers, conditional=bool(etag))
        except httpx2.InvalidURL as error:
            raise exchange_error(error, without_secrets(url)) from error
        gate = self._gate(request.url)
        for attempt in itertools.count(1):
            try:
                answer = await self._exchange(request)
            except TransientFetchError as error:
                pause = self._pause(error, attempt)
                if pause is None:
                    gate.gave_up(error)
                    raise
                if error.status == TOO_MANY_REQUESTS:
                    gate.hold(pause)
                else:
                    await self._sleep(pause)
            except FetchError as error:
                gate.gave_up(error)
                raise
            else:
                gate.answered()
                return answer
        raise AssertionError  # pragma: no cover - the last try returns or raises

    def _pause(self, error: TransientFetchError, attempt: int) -> float | None:
        """Return the seconds before the next try, None where there is to be none."""
        asked = error.retry_after or 0.0
        if attempt >= self._ats.attempts or asked > self._ats.max_retry_after_seconds:
            return None
        ceiling = min(LONGEST_BACKOFF_SECONDS, self._ats.backoff_seconds * 2 ** (attempt - 1))
        return asked + self._jitter(0.0, ceiling)

    async def _exchange(self, request: _Request) -> tuple[Answer, int]:
        origin, hops = request.url, 0
        while True:
            response, received = await self._hop(request)
            if response.location is None:
                return self._answer(response, request.url), received
            hops += 1
            self._check_redirect(origin, request, response, hops)
            request = _Request(request.method, response.location, request.body, request.headers, request.conditional)

    def _check_redirect(self, origin: httpx2.URL, request: _Request, response: _Response, hops: int) -> None:
        shown = without_secrets(str(origin))
        target = without_secrets(str(response.location))
        if hops > self._ats.max_redirects:
            raise PermanentFetchError(f"{shown} redirected more than {self._ats.max_redirects} times")
        if response.location is None or not may_follow(origin, response.location):
            raise PermanentFetchError(f"{shown} redirected to {target[:200]}, which is not the configured host")
        if request.method != "GET" and not response.keeps_method:
            raise PermanentFetchError(f"{shown} redirected a {request.method} to {target[:200]}")

    async def _hop(self, request: _Request) -> tuple[_Response, int]:
        shown = without_secrets(str(request.url))
        try:
            async with self._gate(request.url).passage(), asyncio.timeout(self._ats.timeout_seconds):
                client = self._client(request.url)
                async with client.stream(
                    request.method, request.url, json=request.body, headers=request.headers
                ) as response:
                    result = await self._receive(request, response, shown)
                    return result, response.num_bytes_downloaded
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, UnicodeError) as error:
            raise exchange_error(error, shown) from error

    async def _receive(self, request: _Request, response: httpx2.Response, shown: str) -> _Response:
        etag = response.headers.get("ETag")
        if response.has_redirect_location:
            location = request.url.join(response.headers["Location"])
            return _Response(None, None, location, keeps_method=response.status_code in KEEPS_METHOD)
        if response.status_code == httpx2.codes.NOT_MODIFIED and request.conditional:
            return _Response(None, etag)
        if response.status_code != httpx2.codes.OK:
            asked = seconds_to_wait(
                response.headers.get("Retry-After"), date_header=response.headers.get("Date"), now=self._now()
            )
            raise status_error(response.status_code, shown, asked)
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if not (kind.endswith(("/json", "+json"))):
            raise PermanentFetchError(f"{shown} answered 200 with content type {kind[:60]!r}, JSON was expected")
        return _Response(await self._read(response, shown), etag)

    async def _read(self, response: httpx2.Response, shown: str) -> bytes:
        """Return the decompressed body, giving up as soon as it is larger than allowed."""
        limit = self._ats.max_response_bytes
        declared = response.headers.get("Content-Length", "")
        body = bytearray()
        if not (declared.isdigit() and int(declared) > limit):
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > limit:
                    break
            else:
                return bytes(body)
        raise PermanentFetchError(f"{shown} answered with more than ats.max_response_bytes ({limit})")

    def _answer(self, response: _Response, url: httpx2.URL) -> Answer:
        if response.body is None:
            return Answer(body=None, etag=response.etag, not_modified=True)
        try:
            return Answer(body=decode(response.body), etag=response.etag)
        except PermanentFetchError as error:
            raise PermanentFetchError(f"{without_secrets(str(url))}: {error}") from error

    def _gate(self, url: httpx2.URL) -> HostGate:
        key = (url.host, url.port)
        if key not in self._gates:
            self._gates[key] = HostGate(
                url.host,
                concurrency=self._section.concurrency,
                requests_per_second=self._section.requests_per_second,
                refusals=self._ats.host_refusals,
                sleep=self._sleep,
            )
        return self._gates[key]

    def _client(self, url: httpx2.URL) -> httpx2.AsyncClient:
        """Return the client for `url`: the environment's proxies serve other hosts, never this machine."""
        trust_env = not is_loopback(url.host)
        if trust_env not in self._clients:
            seconds = self._ats.timeout_seconds
            client = httpx2.AsyncClient(
                headers={"User-Agent": self._ats.user_agent, "Accept": "application/json"},
                timeout=httpx2.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS), pool=None),
                follow_redirects=False,
                trust_env=trust_env,
                # Sessions of one board are no business of the next.
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            )
            self._clients[trust_env] = client
        return self._clients[trust_env]


class Talk:
    """The `Conversation` about one board; `received_bytes` counts bodies as they crossed the wire."""

    def __init__(self, client: AtsClient) -> None:
        self._client = client
        self.received_bytes = 0

    async def get(self, url: str, *, etag: str | None = None, bearer: str | None = None) -> Answer:
        """Return the JSON at `url`; see `Conversation`."""
        return await self._ask("GET", url, body=None, etag=etag, bearer=bearer)

    async def post(self, url: str, body: JsonObject, *, bearer: str | None = None) -> Answer:
        """Return the JSON that `url` answers to `body`; see `Conversation`."""
        return await self._ask("POST", url, body=body, etag=None, bearer=bearer)

    async def _ask(
        self, method: str, url: str, *, body: JsonObject | None, etag: str | None, bearer: str | None
    ) -> Answer:
        answer, received = await self._client.ask(method, url, body=body, etag=etag, bearer=bearer)
        self.received_bytes += received
        return answer
