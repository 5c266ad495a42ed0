"""The language of a description.

What belongs here: detection, restricted to languages that postings are written in. What does not: what a board says of
itself; boards set one language and post in others. The detector and its model are loaded on first use.
"""

from functools import lru_cache
from typing import Any

MINIMUM = 100
PREFIX = 500
LANGUAGES = (
    *("ar", "bg", "ca", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "he", "hi", "hr", "hu", "id", "it", "ja"),
    *("ko", "lt", "lv", "ms", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sr", "sv", "th", "tr", "uk", "vi", "zh"),
)


@lru_cache(maxsize=1)
def _identifier() -> Any:
    # Imported here: it loads numpy, and not everything that imports this room detects languages.
    import numpy as np  # noqa: PLC0415
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    identifier.set_languages(LANGUAGES)
    identifier.nb_ptc = np.ascontiguousarray(identifier.nb_ptc)  # rows side by side in memory: half the time
    return identifier


def detect(text: str) -> str | None:
    """Return the ISO 639-1 code of `text`, judged by its first 500 characters; None for under 100 characters."""
    if len(text) < MINIMUM:
        return None
    return str(_identifier().classify(text[:PREFIX])[0])
