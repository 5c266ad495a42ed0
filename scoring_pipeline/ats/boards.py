"""Recognising a job board from the address of a careers page.

What belongs here: pure reading of URLs of the five providers. What does not: asking whether the board exists.
"""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from scoring_pipeline.settings import ProviderName

LEVER_EU = "https://api.eu.lever.co"
# Domains whose subdomains are accounts, and those that are not.
TENANTS: dict[str, tuple[ProviderName, frozenset[str]]] = {
    "workable.com": ("workable", frozenset({"www", "apply", "jobs", "help", "resources", "developers", "id", "api"})),
    "recruitee.com": ("recruitee", frozenset({"www", "api", "app", "docs", "career", "support", "auth"})),
}


class UnrecognisedBoard(ValueError):  # noqa: N818 - named for the state
    """An address that does not name a board of one of the five providers; the message says what would."""


@dataclass(frozen=True)
class BoardReference:
    """A board as settings name it; `base_url` is None where the provider's default serves it."""

    provider: ProviderName
    board: str
    base_url: str | None = None


def recognise(url: str) -> BoardReference:
    """Return the board that the address of a careers page, a posting or an API call belongs to.

    Args:
        url: with or without its scheme; case and percent-encoding of the board's name are understood.

    Raises:
        UnrecognisedBoard: if no board can be read from it.
    """
    text = url.strip()
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host = (parts.hostname or "").rstrip(".")
    except ValueError as error:
        raise UnrecognisedBoard(f"{text[:200]!r} is not an address: {error}") from error
    if parts.scheme not in {"http", "https"}:
        raise UnrecognisedBoard(f"{text[:200]!r} is not an http or https address")
    reader = HOSTS.get(host) or _tenant_reader(host)
    if reader is None:
        raise UnrecognisedBoard(
            f"{host[:200]!r} is not a host of Greenhouse, Lever, Ashby, Workable or Recruitee; for a board on the "
            "employer's own domain, name the provider and the board in the configuration"
        )
    found = reader(parts)
    if found is None or not found.board.strip() or "/" in found.board:
        raise UnrecognisedBoard(f"{text[:200]!r} names no board; expected for example https://{_example(host)}")
    return found


def _segments(parts: SplitResult) -> list[str]:
    return [unquote(segment) for segment in parts.path.split("/") if segment]


def _after(prefix: str, provider: ProviderName, base_url: str | None = None) -> "Reader":
    """Return a reader for the segment that follows `prefix`, a path without slashes at its ends."""
    wanted = prefix.split("/") if prefix else []

    def read(parts: SplitResult) -> BoardReference | None:
        segments = _segments(parts)
        if len(segments) <= len(wanted) or segments[: len(wanted)] != wanted:
            return None
        return BoardReference(provider, segments[len(wanted)], base_url)

    return read


def _greenhouse_board(parts: SplitResult) -> BoardReference | None:
    segments = _segments(parts)
    if segments[:1] == ["embed"]:
        named = parse_qs(parts.query).get("for")
        return BoardReference("greenhouse", named[0]) if named else None
    return _after("", "greenhouse")(parts)


def _workable_board(parts: SplitResult) -> BoardReference | None:
    segments = _segments(parts)
    if segments[:1] == ["api"]:
        if "accounts" not in segments[:-1]:
            return None
        return BoardReference("workable", segments[segments.index("accounts") + 1])
    # apply.workable.com/j/{shortcode} holds no account.
    return None if segments[:1] == ["j"] else _after("", "workable")(parts)


def _tenant_reader(host: str) -> "Reader | None":
    name, _, domain = host.partition(".")
    tenants = TENANTS.get(domain)
    if tenants is None or not name:
        return None
    provider, reserved = tenants
    return lambda _: None if name in reserved else BoardReference(provider, name)


def _example(host: str) -> str:
    domain = host.partition(".")[2]
    return EXAMPLES.get(host) or (f"acme.{domain}" if domain in TENANTS and host not in HOSTS else f"{host}/acme")


Reader = Callable[[SplitResult], BoardReference | None]

HOSTS: dict[str, Reader] = {
    "boards.greenhouse.io": _greenhouse_board,
    "boards.eu.greenhouse.io": _greenhouse_board,
    "job-boards.greenhouse.io": _greenhouse_board,
    "job-boards.eu.greenhouse.io": _greenhouse_board,
    "boards-api.greenhouse.io": _after("v1/boards", "greenhouse"),
    "api.greenhouse.io": _after("v1/boards", "greenhouse"),
    "jobs.lever.co": _after("", "lever"),
    "jobs.eu.lever.co": _after("", "lever", LEVER_EU),
    "api.lever.co": _after("v0/postings", "lever"),
    "api.eu.lever.co": _after("v0/postings", "lever", LEVER_EU),
    "jobs.ashbyhq.com": _after("", "ashby"),
    "api.ashbyhq.com": _after("posting-api/job-board", "ashby"),
    "apply.workable.com": _workable_board,
    "www.workable.com": _after("api/accounts", "workable"),
}
EXAMPLES = {
    "boards-api.greenhouse.io": "boards-api.greenhouse.io/v1/boards/acme/jobs",
    "api.greenhouse.io": "api.greenhouse.io/v1/boards/acme/jobs",
    "api.lever.co": "api.lever.co/v0/postings/acme",
    "api.eu.lever.co": "api.eu.lever.co/v0/postings/acme",
    "api.ashbyhq.com": "api.ashbyhq.com/posting-api/job-board/acme",
    "www.workable.com": "www.workable.com/api/accounts/acme",
}
