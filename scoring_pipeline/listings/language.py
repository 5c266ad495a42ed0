"""The language of a description.

What belongs here: detection, restricted to languages that postings are written in. What does not: what a board says of
itself; boards set one language and post in others. The detector and its model are loaded on first use.
"""

from collections import Counter
from functools import lru_cache
from typing import Any

MINIMUM = 100
PREFIX = 500
LANGUAGES = (
    *("ar", "bg", "ca", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "he", "hi", "hr", "hu", "id", "it", "ja"),
    *("ko", "lt", "lv", "ms", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sr", "sv", "th", "tr", "uk", "vi", "zh"),
)
_REACH = 6  # bytes of the longest of the model's n-grams: its automaton's state depends on no more than those before


@lru_cache(maxsize=1)
def _identifier() -> Any:
    # Imported here: it loads numpy, and not everything that imports this room detects languages.
    import numpy as np  # noqa: PLC0415
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    identifier.set_languages(LANGUAGES)
    # Rows side by side in memory, and no conversion from half floats at every use: the same sums in less time.
    identifier.nb_ptc = np.ascontiguousarray(identifier.nb_ptc, dtype=np.float32)
    return identifier


@lru_cache(maxsize=1)
def _automaton() -> tuple[Any, Any, Any]:
    """Return the model's moves, the first move of each state, and the n-gram that each state completes, or -1."""
    import numpy as np  # noqa: PLC0415

    model = _identifier()
    moves = np.frombuffer(model.tk_nextmove, dtype=model.tk_nextmove.typecode)
    first = np.asarray(model.tk_row, dtype=np.int64) << 8
    return moves, first, np.asarray(model.tk_output, dtype=np.int64)


def ngrams(data: bytes) -> Counter[int]:
    """Return how often each of the model's n-grams occurs in `data`, in order of first occurrence.

    The library walks its automaton byte by byte; here all positions are walked side by side, from as far back as can
    matter.
    """
    import numpy as np  # noqa: PLC0415

    moves, first, output = _automaton()
    length = len(data)
    padded = np.frombuffer(bytes(_REACH - 1) + data, dtype=np.uint8)  # no n-gram holds a zero byte
    states = np.zeros(length, dtype=np.int64)
    for offset in range(_REACH):
        states = moves[first[states] + padded[offset : offset + length]]
    found = output[states]
    return Counter(found[found >= 0].tolist())


@lru_cache(maxsize=4096)
def _language(text: str) -> str:
    """Return the language of a prefix; a board's postings often begin with the same words."""
    model = _identifier()
    data = model._encode(text)  # noqa: SLF001 - the library's own steps, but for the walk
    counts = ngrams(data)
    if not counts:
        return str(model.classify(text)[0])
    scores = model._sparse_score(counts, model.nb_ptc)  # noqa: SLF001 - as above
    for one, other in model._alias_pairs:  # noqa: SLF001 - as above
        scores[one] = max(scores[one], scores[other])
    return str(model.nb_classes[int(scores.argmax())])


def detect(text: str) -> str | None:
    """Return the ISO 639-1 code of `text`, judged by its first 500 characters; None for under 100 characters."""
    return _language(text[:PREFIX]) if len(text) >= MINIMUM else None
