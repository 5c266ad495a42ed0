"""The classes into which a provider's failures fall, decided once.

What belongs here: the types, and the one function that maps the client library's exceptions to them. What does not:
what to do about a failure (`batches/`), and failures of single rows of a batch (`scoring/answers.py`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from json import JSONDecodeError

import httpx2
import openai

STOP_CODES = frozenset(
    {
        "insufficient_quota",
        "billing_hard_limit_reached",
        "billing_not_active",
        "account_deactivated",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
    }
)


class ProviderError(Exception):
    """A call to a model provider failed; the message names the call and quotes the provider."""


class TransientProviderError(ProviderError):
    """The same call may succeed later: timeouts, lost connections, 408, 409, 429 and 5xx."""


class PermanentProviderError(ProviderError):
    """The same call will fail again: the request itself is refused."""


class NotFoundAtProvider(PermanentProviderError):  # noqa: N818 - named for the state
    """A file or batch that the provider does not know (or not yet: a file's content may lag)."""


class StopProviderError(ProviderError):
    """Quota, billing or authentication: submission halts at once, nothing is lost, a person must act."""


@contextmanager
def provider_call(what: str) -> Iterator[None]:
    """Turn the client library's exceptions into the classes above.

    Args:
        what: the call, for the message, e.g. `creating a batch at openai`.
    """
    try:
        yield
    except openai.APIStatusError as e:
        raise _from_status(what, e) from e
    except openai.OpenAIError as e:
        raise TransientProviderError(f"{what}: {type(e).__name__}: {e}") from e
    except httpx2.HTTPError as e:
        raise TransientProviderError(f"{what}: the connection failed: {type(e).__name__}: {e}") from e
    except JSONDecodeError as e:
        raise TransientProviderError(f"{what}: the answer is not JSON: {e}") from e


def _from_status(what: str, error: openai.APIStatusError) -> ProviderError:
    message = f"{what}: HTTP {error.status_code}: {error.message[:500]}"
    if error.code in STOP_CODES or error.type in STOP_CODES:
        return StopProviderError(message)
    if error.status_code in {401, 403}:
        return StopProviderError(f"{message} (check the key named by llm.providers.*.api_key_env, and its project)")
    if error.status_code == httpx2.codes.NOT_FOUND:
        return NotFoundAtProvider(message)
    if error.status_code in {408, 409, 429} or error.status_code >= httpx2.codes.INTERNAL_SERVER_ERROR:
        return TransientProviderError(message)
    return PermanentProviderError(message)
