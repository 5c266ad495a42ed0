"""Store URLs as they may be shown.

What belongs here: hiding the secret in a URL. What does not: reading one.
"""

import re

_PASSWORD = re.compile(r"(?P<before>[A-Za-z][A-Za-z0-9+.-]*://[^/@\s]*?:)(?P<password>[^/\s]*)@")


def redacted(text: str) -> str:
    """Return `text` with the password of every URL in it replaced by `***`."""
    return _PASSWORD.sub(lambda found: f"{found['before']}***@", text)
