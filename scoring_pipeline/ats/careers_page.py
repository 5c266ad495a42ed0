"""Fetching one careers page that a person named, with the limits that readings of boards have.

What belongs here: the request, where its redirects may lead, and what counts as a page. What does not: what a page says
about boards (`discover.py`).
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime

import httpx2

from scoring_pipeline.ats.boards import BoardReference, UnrecognisedBoard, recognise
from scoring_pipeline.ats.client import CONNECT_SECONDS
from scoring_pipeline.ats.errors import FetchError, PermanentFetchError, exchange_error, status_error
from scoring_pipeline.ats.retry_after import seconds_to_wait
from scoring_pipeline.ats.urls import SCHEMES, is_loopback, without_secrets
from scoring_pipeline.settings import Ats

PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml"})


@dataclass(frozen=True)
class CareersPage:
    """What a careers address led to.

    `url` is where the page was found in the end; `html` is empty where it redirected to `board`'s own pages instead.
    """

    url: httpx2.URL
    html: str
    board: BoardReference | None = None


def page_url(text: str) -> httpx2.URL:
    """Return the address of a page as people write it, `https://` added where there is no scheme.

    Raises:
        PermanentFetchError: if it is not an http or https address of a host, or holds a user name.
    """
    text = text.strip()
    try:
        url = httpx2.URL(text if "://" in text else f"https://{text}")
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise PermanentFetchError(f"{without_secrets(text)[:200]!r} is not an address: {error}") from error
    if url.scheme not in SCHEMES or not url.host or url.userinfo:
        raise PermanentFetchError(
            f"{without_secrets(text)[:200]!r} cannot be asked: it must be http(s)://host[/path], without a user name"
        )
    return url


async def fetch_page(ats: Ats, url: httpx2.URL, *, now: datetime) -> CareersPage:
    """Return the page at `url`, asked for once.

    Redirects are followed within the host, to and from its `www.`, to hosts below it, and up from http to https. One to
    a provider's own pages is an answer and not followed; one to anywhere else is refused, and named.

    Raises:
        FetchError: if there is no such page within the limits of `ats` (time, size, redirects), or it is not HTML.
    """
    origin = url
    # The environment's proxies serve other hosts, never this machine.
    async with httpx2.AsyncClient(
        headers={"User-Agent": ats.user_agent, "Accept": "text/html, application/xhtml+xml"},
        timeout=httpx2.Timeout(ats.timeout_seconds, connect=min(ats.timeout_seconds, CONNECT_SECONDS)),
        follow_redirects=False,
        trust_env=not is_loopback(url.host),
    ) as client:
        for _ in range(ats.max_redirects + 1):
            found = await _hop(client, ats, url, now)
            if isinstance(found, str):
                return CareersPage(url, found)
            board = _board_at(found)
            if board is not None:
                return CareersPage(url, "", board)
            _check(origin, url, found)
            url = found
    raise PermanentFetchError(f"{without_secrets(str(origin))} redirected more than {ats.max_redirects} times")


async def _hop(client: httpx2.AsyncClient, ats: Ats, url: httpx2.URL, now: datetime) -> str | httpx2.URL:
    """Return the page at `url`, or where it redirects to."""
    shown = without_secrets(str(url))
    try:
        async with asyncio.timeout(ats.timeout_seconds), client.stream("GET", url) as response:
            if response.has_redirect_location:
                return url.join(response.headers["Location"])
            if response.status_code != httpx2.codes.OK:
                raise _refused(response, shown, now)
            kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            if kind not in PAGE_TYPES:
                raise PermanentFetchError(f"{shown} answered 200 with content type {kind[:60]!r}, a page was expected")
            return await _text(response, shown, ats.max_response_bytes)
    except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, UnicodeError) as error:
        raise exchange_error(error, shown) from error


def _refused(response: httpx2.Response, shown: str, now: datetime) -> FetchError:
    if response.status_code == httpx2.codes.NOT_FOUND:
        return PermanentFetchError(f"{shown} answered 404: there is no such page", status=response.status_code)
    headers = response.headers
    asked = seconds_to_wait(headers.get("Retry-After"), date_header=headers.get("Date"), now=now)
    return status_error(response.status_code, shown, asked)


async def _text(response: httpx2.Response, shown: str, limit: int) -> str:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > limit:
            raise PermanentFetchError(f"{shown} answered with more than ats.max_response_bytes ({limit})")
    try:
        return body.decode(response.charset_encoding or "utf-8", "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


def _board_at(url: httpx2.URL) -> BoardReference | None:
    try:
        return recognise(str(url))
    except UnrecognisedBoard:
        return None


def _check(origin: httpx2.URL, url: httpx2.URL, target: httpx2.URL) -> None:
    shown = f"{without_secrets(str(url))} redirected to {without_secrets(str(target))[:200]}"
    if target.scheme not in SCHEMES or (url.scheme == "https" and target.scheme == "http"):
        raise PermanentFetchError(f"{shown}, which is not https")
    home = origin.host.removeprefix("www.")
    same_site = target.host.removeprefix("www.") == home or target.host.endswith(f".{home}")
    if not same_site or target.port not in {None, origin.port}:
        raise PermanentFetchError(f"{shown}, another host: give that address if it is the company's")
