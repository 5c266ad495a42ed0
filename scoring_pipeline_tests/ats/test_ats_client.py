"""What the shared client waits for, and where it lets itself be sent."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from ats_server import AtsServer, Reply

from scoring_pipeline.ats.client import AtsClient
from scoring_pipeline.ats.errors import PermanentFetchError, TransientFetchError
from scoring_pipeline.ats.retry_after import seconds_to_wait
from scoring_pipeline.ats.urls import is_loopback, may_follow
from scoring_pipeline.settings import Ats, AtsProvider

NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)


def ask(server: AtsServer, **limits: Any) -> list[float]:
    """Ask for /x until the client is done, and return what it slept."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def run() -> None:
        section = AtsProvider(base_url=server.url, requests_per_second=10_000)
        # The longest jitter every time: what is recorded is the ceiling.
        async with AtsClient(
            Ats(**limits), section, now=lambda: NOW, sleep=sleep, jitter=lambda _, high: high
        ) as client:
            await client.talk().get(f"{server.url}/x")

    try:
        asyncio.run(run())
    except TransientFetchError:
        slept.append(float("inf"))
    return slept


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param(None, None, id="not sent"),
        pytest.param("120", 120.0, id="seconds"),
        pytest.param(" 0 ", 0.0, id="no wait, with spaces"),
        pytest.param("9" * 500, float("inf"), id="more digits than a float can hold"),
        pytest.param("Fri, 20 Nov 2026 06:01:30 GMT", 90.0, id="an HTTP date"),
        pytest.param("Fri, 20 Nov 2026 05:00:00 GMT", 0.0, id="an HTTP date that has passed"),
        pytest.param("Friday, 20-Nov-26 06:01:30 GMT", 90.0, id="the old form of an HTTP date"),
        pytest.param("soon", None, id="garbage"),
        pytest.param("-5", None, id="a negative number"),
        pytest.param("1.5", None, id="a fraction, which the header does not have"),
        pytest.param("\u0663", None, id="a digit of another script"),
        pytest.param("Fri, 99 Nov 2026 06:01:30 GMT", None, id="a date that is none"),
    ],
)
def test_retry_after_is_read_in_every_form(header: str | None, seconds: float | None) -> None:
    assert seconds_to_wait(header, date_header=None, now=NOW) == seconds


def test_a_date_is_measured_against_the_servers_own_clock() -> None:
    header, own = "Fri, 20 Nov 2026 07:00:30 GMT", "Fri, 20 Nov 2026 07:00:00 GMT"
    assert seconds_to_wait(header, date_header=own, now=NOW) == 30.0
    assert seconds_to_wait(header, date_header="yesterday", now=NOW) == 3630.0


def test_pauses_double_and_are_jittered_from_zero(server: AtsServer) -> None:
    server.script["GET /x"] = [Reply(b"", status=503)]
    assert ask(server, attempts=4, backoff_seconds=0.5) == [0.5, 1.0, 2.0, float("inf")]
    picked: list[tuple[float, float]] = []

    async def run() -> None:
        async def sleep(_: float) -> None: ...

        def jitter(low: float, high: float) -> float:
            picked.append((low, high))
            return low

        async with AtsClient(Ats(), AtsProvider(), now=lambda: NOW, sleep=sleep, jitter=jitter) as client:
            await client.talk().get(f"{server.url}/x")

    with pytest.raises(TransientFetchError, match="/x answered 503"):
        asyncio.run(run())
    assert picked == [(0.0, 0.5), (0.0, 1.0)]


def test_a_short_retry_after_is_waited_for_and_a_long_one_is_not(server: AtsServer) -> None:
    server.script["GET /x"] = [Reply(b"", status=503, headers={"Retry-After": "60"}), Reply({})]
    assert ask(server, max_retry_after_seconds=60) == [60.5]
    server.script["GET /x"] = [Reply(b"", status=503, headers={"Retry-After": "61"}), Reply({})]
    assert ask(server, max_retry_after_seconds=60) == [float("inf")]


def test_a_429_holds_the_whole_host(server: AtsServer) -> None:
    server.script["GET /x"] = [Reply(b"", status=429, headers={"Retry-After": "20"}), Reply({})]
    slept: list[float] = []

    async def run() -> None:
        async def sleep(seconds: float) -> None:
            slept.append(round(seconds))

        section = AtsProvider(concurrency=1, requests_per_second=10_000)
        server.script["GET /y"] = [Reply({})]
        async with AtsClient(Ats(), section, now=lambda: NOW, sleep=sleep, jitter=lambda low, _: low) as client:
            await client.talk().get(f"{server.url}/x")
            await client.talk().get(f"{server.url}/y")

    asyncio.run(run())
    assert slept == [20, 20]


def test_a_connection_that_is_refused_is_transient(server: AtsServer) -> None:
    server.close()
    assert ask(server, attempts=2, backoff_seconds=0.5) == [0.5, float("inf")]


def test_a_post_is_not_repeated_elsewhere_as_a_get(server: AtsServer) -> None:
    server.script["POST /x"] = [Reply(b"", status=302, headers={"Location": "/y"})]

    async def run() -> None:
        async with AtsClient(Ats(), AtsProvider(), now=lambda: NOW) as client:
            await client.talk().post(f"{server.url}/x", {})

    with pytest.raises(PermanentFetchError, match="redirected a POST"):
        asyncio.run(run())


@pytest.mark.parametrize(
    ("origin", "target", "allowed"),
    [
        pytest.param("https://a.example/x", "https://a.example/y", True, id="same host"),
        pytest.param("http://a.example/x", "https://a.example/y", True, id="up to https"),
        pytest.param("https://a.example/x", "http://a.example/y", False, id="down to http"),
        pytest.param("https://a.example/x", "https://b.example/y", False, id="another host"),
        pytest.param("https://a.example/x", "https://a.example.evil.example/y", False, id="a host that looks alike"),
        pytest.param("https://a.example/x", "https://a.example@b.example/y", False, id="the host as a user name"),
        pytest.param("http://127.0.0.1:80/x", "http://127.0.0.1:8080/y", False, id="another port"),
        pytest.param("https://www.workable.com/a", "https://apply.workable.com/b", True, id="Workable's own redirect"),
        pytest.param("https://apply.workable.com/a", "https://www.workable.com/b", False, id="and not its reverse"),
        pytest.param("https://a.example/x", "javascript:alert(1)", False, id="another scheme"),
    ],
)
def test_redirects_are_followed_to_the_configured_host_only(origin: str, target: str, allowed: bool) -> None:
    assert may_follow(httpx2.URL(origin), httpx2.URL(target)) is allowed


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        pytest.param("localhost", True, id="by name"),
        pytest.param("ats.localhost", True, id="below that name"),
        pytest.param("127.8.9.1", True, id="the whole IPv4 block"),
        pytest.param("::1", True, id="IPv6"),
        pytest.param("127.0.0.1.example", False, id="a name that begins like an address"),
        pytest.param("10.0.0.1", False, id="a private address is another machine"),
    ],
)
def test_loopback_is_recognised(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
