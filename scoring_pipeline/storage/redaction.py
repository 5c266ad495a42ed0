"""Store URLs as they may be shown.

What belongs here: hiding the secret in a URL. What does not: reading one.
"""

import re

_PASSWORD = re.compile(r"(?P<before>[A-Za-z][A-Za-z0-9+.-]*://[^/@\s]*?:)(?P<secret>[^/\s]*)@")
# Options of a MongoDB URL that hold secrets.
_OPTION = re.compile(r"(?P<before>(?:[A-Za-z]*Password=|AWS_SESSION_TOKEN:))(?P<secret>[^&,\s'\"]*)", re.IGNORECASE)


def redacted(text: str) -> str:
    """Return `text` with every password and token of the URLs in it replaced by `***`."""
    return _OPTION.sub(r"\g<before>***", _PASSWORD.sub(r"\g<before>***@", text))
