"""Building the URLs that are asked, and judging the URLs that a server points to.

What belongs here: pure functions on URLs. What does not: any provider's paths, and any request.
"""

import ipaddress
from urllib.parse import quote

import httpx2

from scoring_pipeline.ats.errors import PermanentFetchError
from scoring_pipeline.settings import AtsProvider, Board

PLACEHOLDER = "{board}"
SCHEMES = ("http", "https")
# Workable documents www.workable.com, which always redirects to the host that answers.
ALSO_ALLOWED = {"www.workable.com": "apply.workable.com"}


def segment(name: str) -> str:
    """Return a board's name as one percent-encoded path segment: case, dots and spaces are kept.

    Raises:
        PermanentFetchError: if the name would change the path around it.
    """
    if "/" in name or "\\" in name or name in {".", ".."} or not name.isprintable():
        raise PermanentFetchError(f"board name {name!r} cannot be used: no slashes, dots alone or control characters")
    return quote(name, safe="")


def base_for(section: AtsProvider, board: Board) -> str:
    """Return the base URL for one board: its own or the provider's, with `{board}` filled in, no slash at the end.

    Raises:
        PermanentFetchError: if the result is not an absolute http or https URL without query and fragment.
    """
    base = (board.base_url or section.base_url).replace(PLACEHOLDER, segment(board.name)).rstrip("/")
    try:
        url = httpx2.URL(base)
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise PermanentFetchError(
            f"base_url {without_secrets(base)!r} for board {board.name!r} is not a URL: {error}"
        ) from error
    if url.scheme not in SCHEMES or not url.host or url.query or url.fragment or "%" in url.host:
        raise PermanentFetchError(
            f"base_url {without_secrets(base)!r} for board {board.name!r} is not usable: "
            "it must be http(s)://host[/path], and a board name that stands in the host must be a host name"
        )
    return base


def without_secrets(url: str) -> str:
    """Return `url` without user name, password and fragment: fit for a log and for the store."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path.partition('#')[0]}"


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine: a proxy could not reach it."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def may_follow(origin: httpx2.URL, target: httpx2.URL) -> bool:
    """Whether a redirect from `origin`, a configured URL, may be followed to `target`.

    Only to the same host and port, or up from http to https; never down, never elsewhere.
    """
    if target.scheme not in SCHEMES or (origin.scheme == "https" and target.scheme == "http"):
        return False
    if target.host == ALSO_ALLOWED.get(origin.host):
        return target.port is None
    return target.host == origin.host and (target.port == origin.port or (target.port is None and origin.port is None))
