"""Token counts without a network.

What belongs here: counting text, and the measured overhead of chat format and tools. What does not: prices, limits.
Counting costs some 40 us per 1,000 characters, so callers count a text once and keep the number.
"""

from functools import cache

import bpe_openai

# Chat format: a few tokens around each message. The tool schema is counted as its JSON text.
MESSAGE_OVERHEAD = 4
REPLY_OVERHEAD = 3


@cache
def _encoding() -> bpe_openai.Encoding:
    return bpe_openai.get_encoding("o200k_base")


def count_tokens(text: str) -> int:
    """Return the number of `o200k_base` tokens of `text`, special tokens read as plain text."""
    return len(_encoding().encode_ordinary(text))
