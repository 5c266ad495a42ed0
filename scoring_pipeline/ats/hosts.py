"""Being polite to hosts: how many requests at once, how often, and when to stop asking.

What belongs here: the gate that every request to one host passes. What does not: what is requested.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiolimiter import AsyncLimiter

from scoring_pipeline.ats.errors import FetchError, TransientFetchError

TOO_MANY_REQUESTS = 429


class HostGate:
    """The gate before one host. A 429 holds every request to the host, since it is the caller who is throttled.

    Args:
        host: for messages.
        concurrency: simultaneous requests.
        requests_per_second: rate, spread evenly.
        refusals: readings in a row given up for 429 after which the host is not asked again by this client.
        sleep: waits the given seconds.
    """

    def __init__(
        self,
        host: str,
        *,
        concurrency: int,
        requests_per_second: float,
        refusals: int,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._host = host
        self._slots = asyncio.Semaphore(concurrency)
        self._rate = AsyncLimiter(1, 1 / requests_per_second)
        self._limit = refusals
        self._refused = 0
        self._held_until = 0.0
        self._sleep = sleep

    @asynccontextmanager
    async def passage(self) -> AsyncIterator[None]:
        """Hold one of the host's slots, once its rate and its last 429 allow it.

        Raises:
            TransientFetchError: if the host has refused too many readings in a row.
        """
        async with self._slots:
            wait = self._held_until - asyncio.get_running_loop().time()
            if wait > 0:
                await self._sleep(wait)
            if self._refused >= self._limit:
                raise TransientFetchError(
                    f"{self._host} was not asked: it refused {self._limit} readings in a row with 429",
                    status=TOO_MANY_REQUESTS,
                    retry_after=float("inf"),
                )
            await self._rate.acquire()
            yield

    def hold(self, seconds: float) -> None:
        """Let nobody pass for `seconds`."""
        self._held_until = max(self._held_until, asyncio.get_running_loop().time() + seconds)

    def gave_up(self, error: FetchError) -> None:
        """Note that a reading ended with `error`, for good."""
        self._refused = self._refused + 1 if error.status == TOO_MANY_REQUESTS else 0

    def answered(self) -> None:
        """Note that the host answered."""
        self._refused = 0
