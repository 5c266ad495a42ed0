"""Token counts for the usage blocks.

What belongs here: counting text, exactly or by approximation. What does not: prices (`openai_models.py`).

Exact counts (`bpe_openai`, o200k) take about 260 us for one posting and 140 MB for the tables, most of the cost of
answering a request. The default is therefore an approximation fitted by least squares to 928 recorded postings:
0.14 tokens a character, 0.287 a space, 1.07 a line, and 0.3 for every UTF-8 byte beyond one a character. Against the
exact count it has a mean ratio of 1.00 and a standard deviation of 6% for one posting, far less for a batch. JSON, with
its punctuation, is taken as 0.266 tokens a character.
"""

from collections.abc import Callable
from functools import cache, lru_cache

TokenCounter = Callable[[str], int]


def approximate_tokens(text: str) -> int:
    """Return about as many tokens as o200k would make of `text`; 0 only for empty text."""
    if not text:
        return 0
    if text[0] in "{[":
        return max(1, round(0.266 * len(text)))
    wide = 0 if text.isascii() else len(text.encode()) - len(text)
    return max(1, round(0.14 * len(text) + 0.287 * text.count(" ") + 1.07 * text.count("\n") + 0.3 * wide))


@cache
def _encode() -> Callable[[str], list[int]]:
    from bpe_openai import get_encoding  # noqa: PLC0415 - 140 MB that only exact counting needs

    encode: Callable[[str], list[int]] = get_encoding("o200k_base").encode_ordinary
    return encode


def exact_tokens(text: str) -> int:
    """Return the number of o200k tokens in `text`; special tokens in it count as ordinary text."""
    return len(_encode()(text))


@lru_cache(maxsize=64)
def static_tokens(text: str | bytes, count: TokenCounter) -> int:
    """Return the count of text that many requests share (a rubric, a tool's schema), counted once."""
    return count(text.decode() if isinstance(text, bytes) else text)


def token_counter(*, exact: bool) -> TokenCounter:
    """Return the exact or the approximate counter."""
    return exact_tokens if exact else approximate_tokens
