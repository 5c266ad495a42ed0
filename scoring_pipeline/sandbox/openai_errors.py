"""Errors as the API words them: one exception, one envelope.

What belongs here: the envelope and the errors that several routes share. What does not: errors of one line of a batch
file (`openai_validation.py`) and injected faults (`openai_faults.py`).
"""

from typing import Any

INVALID_REQUEST = "invalid_request_error"


class ApiError(Exception):
    """An answer other than 200.

    Args:
        status: the HTTP status.
        message: what is wrong, as the API words it.
        kind: the envelope's `type`.
        param: the parameter at fault, or None.
        code: the machine-readable code, or None.
        headers: further response headers.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = INVALID_REQUEST,
        param: str | None = None,
        code: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.status = status
        self.message = message
        self.kind = kind
        self.param = param
        self.code = code
        self.headers = headers or {}
        super().__init__(message)

    def envelope(self) -> dict[str, Any]:
        """Return the response body: `error` with its four keys."""
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}


def model_not_found(name: object) -> ApiError:
    """Return the 404 for a model that is unknown or past its shutdown date."""
    return ApiError(404, f"The model `{name}` does not exist or you do not have access to it.", code="model_not_found")


def missing_parameter(name: str) -> ApiError:
    """Return the 400 for a parameter that must be there."""
    return ApiError(400, f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")


def invalid_api_key() -> ApiError:
    """Return the 401 for a key that is not, or no longer, good."""
    return ApiError(
        401,
        "Incorrect API key provided: sk-sand****. You can find your API key at the provider's account page.",
        code="invalid_api_key",
    )


def insufficient_quota() -> ApiError:
    """Return the 429 that means stop, not wait."""
    return ApiError(
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        kind="insufficient_quota",
        code="insufficient_quota",
    )


def rate_limited(what: str, headers: dict[str, str] | None = None) -> ApiError:
    """Return the 429 that means wait; `what` names what was asked too often."""
    return ApiError(
        429,
        f"Rate limit reached for {what}. Please try again later.",
        kind="requests",
        code="rate_limit_exceeded",
        headers=headers,
    )


def overloaded() -> ApiError:
    """Return the 503 of a provider with too much to do."""
    return ApiError(
        503,
        "The server is currently overloaded with other requests. Sorry about that! Please retry later.",
        kind="server_error",
        code="server_error",
    )


def server_error() -> ApiError:
    """Return the 500 of a provider that had an accident."""
    return ApiError(
        500,
        "The server had an error while processing your request. Sorry about that!",
        kind="server_error",
        code="server_error",
    )
