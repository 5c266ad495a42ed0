"""What several providers' readings have in common.

What belongs here: the reading of a board that comes in one response, and naming a later request's failure. What does
not: any provider's URLs or shapes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from scoring_pipeline.ats.errors import BoardGone, PermanentFetchError
from scoring_pipeline.ats.model import Conversation, Reading
from scoring_pipeline.ats.urls import without_secrets


async def read_in_one(
    talk: Conversation, url: str, parse: Callable[[Any], Reading], etag: str | None
) -> Reading | None:
    """Read a board that one response holds; None where the server says that nothing changed since `etag`."""
    answer = await talk.get(url, etag=etag)
    if answer.not_modified:
        return None
    with naming(url):
        return replace(parse(answer.body), etag=answer.etag)


@contextmanager
def naming(url: str) -> Iterator[None]:
    """Put `url` before the message of a shape that is not the expected one."""
    try:
        yield
    except PermanentFetchError as error:
        raise PermanentFetchError(f"{without_secrets(url)}: {error}") from error


@contextmanager
def later_request() -> Iterator[None]:
    """Let a 404 inside fail the board: only its first request can say that the board is gone."""
    try:
        yield
    except BoardGone as error:
        raise PermanentFetchError(f"{error} (while the board itself answered)", status=error.status) from error
