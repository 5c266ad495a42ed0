"""What an adapter makes of one raw posting, before the steps that are the same for every provider.

What belongs here: the adapters' input and output types, the error for a posting that does not fit, and the readers of
JSON fields that raise it. What does not: anything that knows one provider (`adapters/`) or enriches (`normalize.py`).
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from scoring_pipeline.listings.model import Compensation, EmploymentType, Place, Provider, RemotePolicy
from scoring_pipeline.listings.text import clean_line

MAX_ID = 200
MAX_HTML = 8 * 1024 * 1024
MAX_LINE = 2000
_ID = re.compile(r"[^\s/\x00-\x1f\x7f]+")
_URL = re.compile(r"https?://[^\s<>\"\x00-\x1f]+", re.IGNORECASE)


class PostingError(Exception):
    """A posting that cannot be read: which field, and what about it."""

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"{field}: {reason}")


@dataclass(frozen=True)
class BoardContext:
    """What is known of a posting's board besides the posting.

    Args:
        provider: the board's provider.
        board: the board's name at the provider.
        company: the display name from configuration, if any.
        envelope: facts the board's answer states once, such as Workable's company `name`.
    """

    provider: Provider
    board: str
    company: str | None = None
    envelope: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Draft:
    """One posting in the project's terms, without what is read off its text (language, skills, seniority)."""

    posting_id: str
    title: str
    company: str
    description: str
    url: str
    apply_url: str
    places: tuple[Place, ...] = ()
    remote_policy: RemotePolicy = "unknown"
    remote_evidence: str | None = None
    posted_at: datetime | None = None
    employment_type: EmploymentType | None = None
    employment_raw: str | None = None
    department: str | None = None
    compensation: tuple[Compensation, ...] = ()
    source: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Excluded:
    """A posting that is deliberately not a listing, by a named rule."""

    rule: str


def _wrong(field: str, wanted: str, value: Any) -> PostingError:
    return PostingError(field, f"must be {wanted}, is {type(value).__name__}")


def posting_id(payload: Mapping[str, Any], name: str) -> str:
    """Return an identifier, given as text or integer, as text.

    Raises:
        PostingError: if it is absent, empty, longer than 200 characters, or holds white space or a slash.
    """
    value = payload.get(name)
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise _wrong(name, "text or an integer", value)
    text = str(value)
    if len(text) > MAX_ID or not _ID.fullmatch(text) or clean_line(text) != text:
        raise PostingError(name, f"must be 1 to {MAX_ID} characters without white space or slashes")
    return text


def line(payload: Mapping[str, Any], name: str) -> str | None:
    """Return a field of one line of text, trimmed and cleaned; None where it is absent, null or empty.

    Raises:
        PostingError: if it is something other than text, or longer than 2,000 characters.
    """
    value = payload.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise _wrong(name, "text or null", value)
    if len(value) > MAX_LINE:
        raise PostingError(name, f"is longer than {MAX_LINE} characters")
    return clean_line(value) or None


def required_line(payload: Mapping[str, Any], name: str) -> str:
    """Return a field of one line of text.

    Raises:
        PostingError: as `line`, and if there is none.
    """
    value = line(payload, name)
    if value is None:
        raise PostingError(name, "must be text, is absent or empty")
    return value


def markup(payload: Mapping[str, Any], name: str) -> str:
    """Return a field of HTML as it is; the empty text where it is absent or null.

    Raises:
        PostingError: if it is something other than text, or longer than 8 MiB.
    """
    value = payload.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(name, "text or null", value)
    if len(value) > MAX_HTML:
        raise PostingError(name, f"is longer than {MAX_HTML} characters")
    return value


def mapping(payload: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a field that is an object; an empty one where it is absent or null.

    Raises:
        PostingError: if it is something else.
    """
    value = payload.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _wrong(name, "an object or null", value)
    return value


def items(payload: Mapping[str, Any], name: str) -> list[Any]:
    """Return a field that is a list; an empty one where it is absent or null.

    Raises:
        PostingError: if it is something else.
    """
    value = payload.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise _wrong(name, "a list or null", value)
    return value


def objects(payload: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return a field that is a list of objects.

    Raises:
        PostingError: if it is not a list, or holds something other than objects.
    """
    found = items(payload, name)
    for item in found:
        if not isinstance(item, Mapping):
            raise _wrong(name, "a list of objects", item)
    return found


def flag(payload: Mapping[str, Any], name: str) -> bool | None:
    """Return a boolean field; None where it is absent or null.

    Raises:
        PostingError: if it is something else.
    """
    value = payload.get(name)
    if value is not None and not isinstance(value, bool):
        raise _wrong(name, "true, false or null", value)
    return value


def number(payload: Mapping[str, Any], name: str) -> float | None:
    """Return a number given as a number or as text such as `"45000.00"`; None where it is absent, null or empty.

    Raises:
        PostingError: if it is neither, or not finite.
    """
    value = payload.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise _wrong(name, "a number, or text that is one", value)
    try:
        result = float(value)
    except (ValueError, OverflowError):
        raise PostingError(name, "must be a number, or text that is one") from None
    if not math.isfinite(result):
        raise PostingError(name, "must be a finite number")
    return result


def link(payload: Mapping[str, Any], name: str) -> str | None:
    """Return a web address; None where it is absent, null or empty.

    Raises:
        PostingError: if it is not an http or https address.
    """
    value = line(payload, name)
    if value is None:
        return None
    address = value.replace(" ", "%20")  # a board's name may hold spaces, and not every link escapes them
    if not _URL.fullmatch(address):
        raise PostingError(name, "must be an http or https address")
    return address


def required_link(payload: Mapping[str, Any], name: str) -> str:
    """Return a web address.

    Raises:
        PostingError: if there is none, or it is not an http or https address.
    """
    value = link(payload, name)
    if value is None:
        raise PostingError(name, "must be an http or https address, is absent or empty")
    return value


def company(context: BoardContext, stated: str | None) -> str:
    """Return the company: what the posting or its envelope states, else the configured name, else the board's name."""
    found = stated or context.company or clean_line(context.board)
    if not found:
        raise PostingError("company", "is stated neither by the posting, nor by configuration, nor by the board's name")
    return found
