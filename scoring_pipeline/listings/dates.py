"""The providers' five ways of writing a moment, to aware UTC.

What belongs here: one reader for each format, and the bounds of what can be true. What does not: which field holds
which.
"""

import re
from datetime import UTC, date, datetime, time, timedelta

from scoring_pipeline.listings.draft import PostingError

EARLIEST = datetime(1995, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _bounded(field: str, moment: datetime) -> datetime:
    if not EARLIEST <= moment < LATEST:
        raise PostingError(field, f"must lie between {EARLIEST.year} and {LATEST.year}, is in {moment.year}")
    return moment.astimezone(UTC)


def iso(field: str, value: object) -> datetime | None:
    """Return the moment of ISO 8601 text with an offset or `Z` (Greenhouse, Ashby, Workable v3); None for null or "".

    Raises:
        PostingError: if it is not such text, has no offset, or lies before 1995 or after 2099.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise PostingError(field, f"must be text, is {type(value).__name__}")
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            return _bounded(field, moment)
    except (ValueError, OverflowError):
        raise PostingError(field, "must be a time in ISO 8601") from None
    raise PostingError(field, "has no offset from UTC")


def epoch_milliseconds(field: str, value: object) -> datetime | None:
    """Return the moment of milliseconds since 1970 (Lever); None for null.

    Raises:
        PostingError: if it is not an integer, or lies before 1995 or after 2099 (seconds do).
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise PostingError(field, f"must be an integer of milliseconds, is {type(value).__name__}")
    try:
        return _bounded(field, _EPOCH + timedelta(milliseconds=value))
    except OverflowError:
        raise PostingError(field, "must be milliseconds since 1970") from None


def day(field: str, value: object) -> datetime | None:
    """Return midnight UTC of `YYYY-MM-DD` (Workable's widget); None for null or "".

    Raises:
        PostingError: if it is not a date, or lies before 1995 or after 2099.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise PostingError(field, "must be a date, YYYY-MM-DD")
    try:
        return _bounded(field, datetime.combine(date.fromisoformat(value), time(), UTC))
    except ValueError:
        raise PostingError(field, "must be a date, YYYY-MM-DD") from None


def utc_words(field: str, value: object) -> datetime | None:
    """Return the moment of `YYYY-MM-DD HH:MM:SS UTC` (Recruitee); None for null or "".

    Raises:
        PostingError: if it is not such text, or lies before 1995 or after 2099.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise PostingError(field, f"must be text, is {type(value).__name__}")
    try:
        return _bounded(field, datetime.strptime(value, "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC))
    except ValueError:
        raise PostingError(field, "must be a time, YYYY-MM-DD HH:MM:SS UTC") from None
