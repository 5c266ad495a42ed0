"""Request keys and bodies: what would be bought, and how it looks on the wire.

What belongs here: the identity of a request and its rendering in the Batch API's JSONL form. What does not: which
model and parameters (`routing/`), and which requests share a file (`batches/`).
"""

from collections.abc import Mapping
from typing import Any

import orjson

from scoring_pipeline.llm.batch_client import ENDPOINT
from scoring_pipeline.llm.tokens import MESSAGE_OVERHEAD, REPLY_OVERHEAD
from scoring_pipeline.scoring.rubric import FUNCTION_NAME, Rubric
from scoring_pipeline.values import canonical_json, digest


def request_key(*, listing: str, profile: str, rubric: str, generation: str) -> str:
    """Return the identity of what would be bought, from the digests of its parts.

    The model is not part of it: an answer from any tier satisfies the request. `generation` separates answers that
    must not satisfy each other: the sandbox's from a provider's, a rescore's from what it replaces.
    """
    return digest(canonical_json([listing, profile, rubric, generation]))


def prompt_tokens(rubric: Rubric, profile_tokens: int, listing_tokens: int) -> int:
    """Return the prompt tokens of one request: exact for text, chat and tool overhead estimated."""
    return rubric.tokens + profile_tokens + listing_tokens + 2 * MESSAGE_OVERHEAD + REPLY_OVERHEAD


def prompt_bytes(profile: str, listing: str) -> int:
    """Return the bytes that the texts of two views take in a line of a batch file."""
    return sum(len(orjson.dumps(text)) - 2 for text in (profile, listing))


def render_body(
    rubric: Rubric, profile: str, listing: str, *, model: str, parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a chat completion body: the static part first, so that provider prompt caching can work.

    Args:
        rubric: instructions and function schema.
        profile: a profile view's text.
        listing: a listing view's text, fenced.
        model: the provider's model id.
        parameters: further body fields, such as `reasoning_effort` and `max_completion_tokens`.
    """
    return {
        "model": model,
        "messages": [
            {"role": "system", "content": rubric.system},
            {"role": "user", "content": f"{profile}\n\n{listing}"},
        ],
        "tools": [rubric.function],
        "tool_choice": {"type": "function", "function": {"name": FUNCTION_NAME}},
        "parallel_tool_calls": False,
        **parameters,
    }


def render_line(custom_id: str, body: Mapping[str, Any]) -> tuple[bytes, str]:
    """Return one line of a batch input file, newline included, and the digest of the body in it."""
    encoded = orjson.dumps(body)
    line = {"custom_id": custom_id, "method": "POST", "url": ENDPOINT, "body": orjson.Fragment(encoded)}
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE), digest(encoded)
