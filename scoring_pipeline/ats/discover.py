"""Finding the board behind a careers page on an employer's own domain.

What belongs here: which addresses in a page name a board, and the question that only a Recruitee domain answers. What
does not: the providers' own addresses (`boards.py`), fetching (`careers_page.py`), reading the board that was found.
"""

import asyncio
import re
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import quote, urlsplit

import httpx2
from selectolax.lexbor import LexborHTMLParser

from scoring_pipeline.ats.boards import HOSTS, LEVER_EU, TENANTS, BoardReference, UnrecognisedBoard, recognise
from scoring_pipeline.ats.careers_page import fetch_page, page_url
from scoring_pipeline.ats.client import AtsClient
from scoring_pipeline.ats.errors import PermanentFetchError, TransientFetchError
from scoring_pipeline.ats.model import Target
from scoring_pipeline.ats.providers import BY_NAME
from scoring_pipeline.settings import Ats, Board, ProviderName

# A host of a provider and what follows it, wherever it stands: in an attribute, in a script, in JSON.
_TENANT = r"[a-z0-9-]+\.(?:" + "|".join(map(re.escape, TENANTS)) + ")"
_ADDRESS = re.compile(
    r"(?:(?:https?:)?//|(?<![\w.@%/:-]))(?P<rest>(?:"
    + "|".join(map(re.escape, HOSTS))
    + f"|{_TENANT}"
    + r")(?![\w.-])(?:[/?][^\s\"'`<>{}()\\^|$,;]*)?)",
    re.IGNORECASE,
)
# First path segments and subdomains of the providers' own, where a board's name could stand.
_NOT_BOARDS: dict[ProviderName, frozenset[str]] = {
    "greenhouse": frozenset({"assets", "embed", "javascripts", "packs", "static", "users", "v1"}),
    "lever": frozenset({"assets", "css", "img", "js", "parse", "search", "static", "v0"}),
    "ashby": frozenset({"_next", "api", "assets", "embed", "meeting", "static"}),
    "workable": frozenset({"api", "assets", "cdn", "embed", "j", "static", "workablehr"}),
    "recruitee": frozenset({"analytics", "assets", "blog", "careers-analytics", "cdn", "images", "static", "status"}),
}
_FILE = re.compile(r"\.(?:css|gif|ico|jpe?g|js|json|map|mjs|png|svg|txt|webp|woff2?|xml)$", re.IGNORECASE)
_ESCAPES = (("\\/", "/"), ("\\u002f", "/"), ("\\u002F", "/"), ("\\u0026", "&"), ("&amp;", "&"))
_RECRUITEE_PATH = "/api/offers"
# What careers domains begin with; the label after it is the company's.
_GENERIC_LABELS = frozenset(
    {"www", "career", "careers", "carriere", "carrieres", "empleo", "hiring", "job", "jobs", "join", "karriere"}
    | {"recruiting", "talent", "team", "vacatures", "werken", "werkenbij", "work"}
)


class NoBoardFound(LookupError):  # noqa: N818 - named for the state
    """A careers page names no board of the five providers, or more than one; the message says what to do."""


def discover_board(ats: Ats, url: str, *, now: datetime) -> BoardReference:
    """Return the board that an address stands for: read off the address itself, else found on the page there.

    Args:
        ats: the limits.
        url: a careers page, a posting or an API call, of a provider or on the employer's own domain.
        now: the time, for `Retry-After` dates.

    Raises:
        UnrecognisedBoard: for a provider's address that names no board.
        NoBoardFound: if the page names none, or several.
        FetchError: if the page could not be fetched.
    """
    try:
        return recognise(url)
    except UnrecognisedBoard:
        if _is_providers(url):
            raise
    return asyncio.run(_behind(ats, page_url(url), now))


async def _behind(ats: Ats, address: httpx2.URL, now: datetime) -> BoardReference:
    if address.path.rstrip("/").startswith(_RECRUITEE_PATH):
        return await _recruitee(ats, address, now)
    page = await fetch_page(ats, address, now=now)
    if page.board is not None:
        return page.board
    found = boards_in(page.html)
    if len(found) > 1:
        several = ", ".join(f"{address_of(board)} ({board.provider})" for board in found)
        raise NoBoardFound(f"{page.url} names {len(found)} boards; give the address of the one you mean: {several}")
    return found[0] if found else await _recruitee(ats, page.url, now)


def boards_in(html: str) -> list[BoardReference]:
    """Return every board that a page links to or embeds, each once, in order of appearance.

    Attributes and scripts are searched; text and comments are not: what is only mentioned is not what is used.
    """
    found: dict[BoardReference, None] = {}
    for text in _texts(html):
        for escaped, plain in _ESCAPES:
            text = text.replace(escaped, plain)  # noqa: PLW2901 - the same text, readable
        for match in _ADDRESS.finditer(text):
            board = _board(match["rest"].rstrip("."))
            if board is not None:
                found[board] = None
    return list(found)


def address_of(reference: BoardReference) -> str:
    """Return an address of a board that `recognise` understands, fit to be shown to a person."""
    name = quote(reference.board, safe="")
    if reference.provider == "recruitee":
        return reference.base_url or f"https://{name}.recruitee.com"
    lever = "https://jobs.eu.lever.co" if reference.base_url == LEVER_EU else "https://jobs.lever.co"
    hosts: dict[ProviderName, str] = {
        "greenhouse": "https://job-boards.greenhouse.io",
        "lever": lever,
        "ashby": "https://jobs.ashbyhq.com",
        "workable": "https://apply.workable.com",
    }
    return f"{hosts[reference.provider]}/{name}"


def company_guess(board: str) -> str:
    """Return a display name made from a board's name, for providers that send none: `rose-rocket` is Rose Rocket."""
    words = board.removesuffix(".com").replace("-", " ").replace("_", " ").split()
    # A name that has capitals has them where its company wants them.
    return " ".join(word if word != word.lower() else word[:1].upper() + word[1:] for word in words) or board


def _is_providers(url: str) -> bool:
    """Whether the address is at a provider's host, or none at all: there is no page to look at then."""
    try:
        host = (urlsplit(url if "://" in url else f"https://{url.strip()}").hostname or "").rstrip(".")
    except ValueError:
        return True
    return not host or host in HOSTS or host.partition(".")[2] in TENANTS


def _texts(html: str) -> Iterator[str]:
    root = LexborHTMLParser(html).root
    if root is None:
        return
    for node in root.traverse(include_text=False):
        yield from (value for value in node.attributes.values() if value)
        if node.tag in {"script", "noscript", "template"}:
            yield node.text(deep=True) or ""


def _board(address: str) -> BoardReference | None:
    try:
        found = recognise(address)
    except (UnrecognisedBoard, ValueError):
        return None
    path = urlsplit(f"https://{address}").path
    by_host = address.partition("/")[0].lower() not in HOSTS
    not_one = found.board.lower() in _NOT_BOARDS[found.provider] or not found.board.isprintable()
    if not_one or _FILE.search(path if by_host else found.board):
        return None
    return found


async def _recruitee(ats: Ats, page: httpx2.URL, now: datetime) -> BoardReference:
    """Return the board of a Recruitee careers site on the company's own domain, if `page` is on one."""
    base = str(page.copy_with(path="/", query=None, fragment=None)).rstrip("/")
    provider = BY_NAME["recruitee"]
    board = Board(name=_company_label(page.host), base_url=base)
    section = ats.provider("recruitee")
    try:
        async with AtsClient(ats, section, now=lambda: now) as client:
            await provider.read(client.talk(), Target(board, provider.base(section, board), section.page_size), None)
    except TransientFetchError as error:
        raise TransientFetchError(
            f"{page} names no board, and whether it is a Recruitee site cannot be said: {error}", status=error.status
        ) from error
    except PermanentFetchError as error:
        raise NoBoardFound(
            f"{page} shows no board of Greenhouse, Lever, Ashby, Workable or Recruitee (a page may load it by a script "
            "of its own): open a posting there, and give the address of its application form"
        ) from error
    return BoardReference("recruitee", board.name, base)


def _company_label(host: str) -> str:
    """Return the label of a careers domain that most likely names the company."""
    if ":" in host or host.replace(".", "").isdigit():
        return host
    labels = host.split(".")
    kept = [label for label in labels[:-1] if label not in _GENERIC_LABELS]
    return kept[0] if kept else labels[0]
