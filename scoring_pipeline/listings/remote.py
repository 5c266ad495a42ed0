"""How a posting is worked: remote, hybrid, on site, and on which words that rests.

What belongs here: reading labels and titles, the providers' own values, and flags that do not exclude each other. What
does not: which fields of a provider say it (`adapters/`).
"""

import re
from typing import TypeAlias

from scoring_pipeline.listings.draft import PostingError
from scoring_pipeline.listings.model import RemotePolicy

Finding: TypeAlias = tuple[RemotePolicy, str | None]
UNKNOWN: Finding = ("unknown", None)

_VALUES: dict[str, RemotePolicy] = {
    "remote": "remote",
    "hybrid": "hybrid",
    "onsite": "onsite",
    "inoffice": "onsite",
    "office": "onsite",
    "unspecified": "unknown",
    "": "unknown",
}
_NOT_REMOTE = re.compile(r"\b(?:not?|non|isn't)[\s-]+(?:a\s+)?(?:fully\s+)?remote\b", re.IGNORECASE)
_REMOTE = re.compile(
    r"\b(?:remote(?:ly)?|work from home|wfh|telecommut\w+|home[- ]?office|anywhere|t[eé]l[eé]travail|teletrabajo"
    r"|us-rem)\b",
    re.IGNORECASE,
)
_HYBRID = re.compile(r"\bhybrid(?:e|o)?\b", re.IGNORECASE)
_ONSITE = re.compile(r"\b(?:on[- ]?site|in[- ]office|in[- ]person)\b", re.IGNORECASE)
# In a title only a way of working set apart counts: "Remote Sensing Engineer" is not remote.
_TITLE = re.compile(
    r"[(\[][^()\[\]]{0,60}\b(remote|hybrid|on-?site)\b[^()\[\]]{0,60}[)\]]"
    r"|[-\u2013\u2014|,/]\s*(?:[\w.]+\s+){0,2}(remote|hybrid|on-?site)\s*(?:\([^)]*\)\s*)?$",
    re.IGNORECASE,
)


def from_value(field: str, value: str | None) -> Finding:
    """Return the policy for a provider's own value, such as Lever's `workplaceType`.

    Raises:
        PostingError: for a value that is not known.
    """
    if value is None:
        return UNKNOWN
    policy = _VALUES.get(re.sub(r"[\s_-]", "", value).casefold())
    if policy is None:
        raise PostingError(field, "must be remote, hybrid, onsite or unspecified")
    return UNKNOWN if policy == "unknown" else (policy, f"{field}: {value}")


def from_label(field: str, text: str | None) -> Finding:
    """Return the policy a label states. Of several, the freest counts, except that hybrid limits a bare `remote`."""
    if not text:
        return UNKNOWN
    evidence = f"{field}: {text}"
    hybrid = _HYBRID.search(text) is not None
    if _REMOTE.search(text) and not _NOT_REMOTE.search(text):
        either = hybrid and re.search(r"\bor\b|/|;|\|", text, re.IGNORECASE) is None
        return ("hybrid" if either else "remote", evidence)
    if hybrid:
        return ("hybrid", evidence)
    return ("onsite", evidence) if _ONSITE.search(text) else UNKNOWN


def from_title(title: str) -> Finding:
    """Return the policy a title states in brackets or at its end."""
    found = _TITLE.search(title)
    return from_label("title", found.group()) if found else UNKNOWN


def from_flags(*, remote: bool | None, hybrid: bool | None, onsite: bool | None) -> Finding:
    """Return the policy for flags that do not exclude each other: the freest that is offered."""
    stated = [name for name, value in (("remote", remote), ("hybrid", hybrid), ("on_site", onsite)) if value]
    if not stated:
        return UNKNOWN
    policy: RemotePolicy = "remote" if remote else "hybrid" if hybrid else "onsite"
    return policy, ", ".join(stated)


def first(*findings: Finding) -> Finding:
    """Return the first finding that says something."""
    return next((finding for finding in findings if finding[0] != "unknown"), UNKNOWN)
