"""Small pieces of HTML and plain text that the providers' formats are put together from.

What belongs here: functions from plain text to markup that more than one format needs. What does not: what a provider
calls a field or how it nests them.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape as _escape
from uuid import UUID

from scoring_pipeline.sandbox.pay import Pay
from scoring_pipeline.sandbox.postings import Posting
from scoring_pipeline.values import digest

SYMBOLS = {"USD": "$", "CAD": "CA$", "GBP": "£", "EUR": "€", "INR": "₹"}


def escape(text: str) -> str:
    """Return `text` as HTML text: `&`, `<` and `>` as entities."""
    return _escape(text, quote=False)


def paragraphs(texts: Iterable[str], tag: str = "p") -> str:
    """Return one element for each text."""
    return "".join(f"<{tag}>{escape(text)}</{tag}>" for text in texts)


def items(texts: Iterable[str]) -> str:
    """Return `<li>` elements without the list around them."""
    return paragraphs(texts, "li")


def bullets(texts: Iterable[str]) -> str:
    """Return an unordered list."""
    return f"<ul>{items(texts)}</ul>"


def plain_bullets(texts: Iterable[str]) -> str:
    """Return one line an item, each with a hyphen."""
    return "\n".join(f"- {text}" for text in texts)


def sections(posting: Posting) -> list[tuple[str, tuple[str, ...]]]:
    """Return the three lists that say what the job is: duties, needs, extras, each with its heading."""
    return [
        (posting.headings["duties"], posting.duties),
        (posting.headings["needs"], posting.needs),
        (posting.headings["extras"], posting.extras),
    ]


def uuid_of(key: str) -> str:
    """Return a UUID (version 4 in form) that depends on nothing but `key`."""
    return str(UUID(hex=digest(key.encode()), version=4))


def milliseconds(moment: datetime) -> int:
    """Return milliseconds since 1970 UTC."""
    return int(moment.timestamp()) * 1000


def figure(value: float) -> str:
    """Return `62,000` for whole amounts and `24.50` for others."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def money(value: float, currency: str) -> str:
    """Return an amount as an English reader writes it: `$62,000`, `€24.50`."""
    return f"{SYMBOLS[currency]}{figure(value)}"


def amount(value: float) -> int | float:
    """Return whole amounts as int, as JSON of the providers has them."""
    return int(value) if value == int(value) else value


def pay_sentence(pay: Pay) -> str:
    """Return the range as a sentence for formats that have no field for it."""
    return f"{money(pay.minimum, pay.currency)} - {money(pay.maximum, pay.currency)} per {pay.period}"


def joined(parts: Sequence[str]) -> str:
    """Return non-empty parts separated by an empty line."""
    return "\n\n".join(part for part in parts if part)
