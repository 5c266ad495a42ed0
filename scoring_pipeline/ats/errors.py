"""Why a board could not be read, as types: decided here once, for every provider.

What belongs here: the failure classes and the two functions that choose among them, from a status and from what the
HTTP library raised. What does not: retrying (`client.py`), and what a failed board means for the day (`raw.py`).
"""

import ssl

import httpx2

RETRIED_STATUSES = frozenset({408, 429})
SERVER_ERRORS = 500


class FetchError(Exception):
    """A board was not read. The message says which URL, what happened and what was expected.

    Args:
        message: one line, without secrets.
        status: the HTTP status, where there was one.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


class TransientFetchError(FetchError):
    """Worth another try: 408, 429, 5xx, timeouts, connections that failed or broke off.

    Args:
        message: one line, without secrets.
        status: the HTTP status, where there was one.
        retry_after: seconds the server asked to wait, where it said so in a form that can be read.
    """

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message, status=status)


class PermanentFetchError(FetchError):
    """Another try would end the same: other 4xx, not JSON, not the provider's shape, too large, a foreign redirect."""


class BoardGone(PermanentFetchError):  # noqa: N818 - named for the state
    """The provider answered 404: the board does not exist, or is no longer public."""


def status_error(status: int, url: str, retry_after: float | None) -> FetchError:
    """Return the failure that an HTTP status other than the expected one stands for."""
    if status in RETRIED_STATUSES or status >= SERVER_ERRORS:
        wait = "" if retry_after is None else f", Retry-After {retry_after:g} seconds"
        return TransientFetchError(f"{url} answered {status}{wait}", status=status, retry_after=retry_after)
    if status == httpx2.codes.NOT_FOUND:
        return BoardGone(f"{url} answered 404: the board does not exist or is no longer public", status=status)
    return PermanentFetchError(f"{url} answered {status}", status=status)


def exchange_error(error: Exception, url: str) -> FetchError:
    """Return the failure that an exception of the HTTP library (or of the deadline around it) stands for."""
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if _certificate_refused(error):
        return PermanentFetchError(f"{url}: the server's certificate was refused ({what})")
    if isinstance(error, (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, UnicodeError)):
        return PermanentFetchError(f"{url} cannot be asked ({what})")
    return TransientFetchError(f"{url} did not answer completely ({what})")


def _certificate_refused(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
