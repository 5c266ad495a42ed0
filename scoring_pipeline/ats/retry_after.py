"""Reading the `Retry-After` header, in each form servers send.

What belongs here: the header's text to seconds. What does not: deciding whether to wait that long (`client.py`).
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_DIGITS = 9


def seconds_to_wait(header: str | None, *, date_header: str | None, now: datetime) -> float | None:
    """Return the seconds a server asked to wait; None where it did not ask, or not in a form that can be read.

    Args:
        header: the value of `Retry-After`: seconds, or an HTTP date.
        date_header: the response's own `Date`, against which an HTTP date is measured: clocks differ.
        now: used where there is no readable `Date`.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text) if len(text) <= LONGEST_DIGITS else float("inf")
    until = _http_date(text)
    if until is None:
        return None
    return max(0.0, (until - (_http_date(date_header or "") or now)).total_seconds())


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
