"""Embeddings: word hashing, so that texts which share words lie near each other.

What belongs here: one body of `/v1/embeddings` in, one `Answer` out. What does not: the journal and the routes.
"""

import base64
import math
import sys
from array import array
from collections.abc import Mapping
from typing import Any
from zlib import crc32

from scoring_pipeline.sandbox.openai_completions import Answer, Context, refused
from scoring_pipeline.sandbox.openai_errors import ApiError, missing_parameter, model_not_found
from scoring_pipeline.sandbox.openai_models import ModelCard, find_model

MAX_INPUTS = 2048
MAX_TOKENS = 8192
MAX_REQUEST_TOKENS = 300_000


def answer_embeddings(body: Mapping[str, Any], context: Context) -> Answer:
    """Answer one body of `/v1/embeddings`: floats by default, base64 of little-endian float32 where asked for."""
    try:
        return _embedded(body, context)
    except ApiError as error:
        return refused(error, body.get("model"))


def _embedded(body: Mapping[str, Any], context: Context) -> Answer:
    if body.get("model") is None:
        raise missing_parameter("model")
    card = find_model(body["model"], context.now)
    if card is None or card.kind != "embedding":
        raise model_not_found(body["model"])
    encoding = body.get("encoding_format") or "float"
    if encoding not in ("float", "base64"):
        raise ApiError(400, f"Invalid value: '{encoding}'. Supported values are: 'float' and 'base64'.")
    size = _size(body.get("dimensions"), card)
    inputs = embedding_inputs(body.get("input"))
    tokens = _counted(inputs, context)
    data = [
        {"object": "embedding", "index": index, "embedding": _encoded(_vector(item, size), encoding)}
        for index, item in enumerate(inputs)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return Answer(200, {"object": "list", "model": card.id, "data": data, "usage": usage}, card.id, tokens)


def _size(dimensions: Any, card: ModelCard) -> int:
    if dimensions is None:
        return card.dimensions
    if not isinstance(dimensions, int) or not 1 <= dimensions <= card.dimensions:
        raise ApiError(
            400, f"Invalid value for 'dimensions': must be between 1 and {card.dimensions}.", param="dimensions"
        )
    return dimensions


def embedding_inputs(given: Any) -> list[str | list[int]]:
    """Return the inputs of a request as a list of texts or of token lists.

    Raises:
        ApiError: 400, where `input` is absent, empty, too long or of another type.
    """
    if given is None:
        raise missing_parameter("input")
    is_single = isinstance(given, str) or (isinstance(given, list) and bool(given) and isinstance(given[0], int))
    inputs = [given] if is_single else given
    good = isinstance(inputs, list) and 0 < len(inputs) <= MAX_INPUTS
    if not good or not all(isinstance(item, str | list) and len(item) > 0 for item in inputs):
        raise ApiError(
            400, f"'$.input' is invalid: give 1 to {MAX_INPUTS} texts or token lists, none empty.", param="input"
        )
    return inputs


def _counted(inputs: list[str | list[int]], context: Context) -> int:
    counts = [context.count(item) if isinstance(item, str) else len(item) for item in inputs]
    if max(counts) > MAX_TOKENS:
        raise ApiError(
            400,
            f"This model's maximum context length is {MAX_TOKENS} tokens, however you requested {max(counts)} tokens.",
            param="input",
            code="context_length_exceeded",
        )
    if sum(counts) > MAX_REQUEST_TOKENS:
        raise ApiError(
            400, f"Requested {sum(counts)} tokens, max {MAX_REQUEST_TOKENS} tokens per request.", param="input"
        )
    return sum(counts)


def _vector(item: str | list[int], size: int) -> list[float]:
    words = item.casefold().split() if isinstance(item, str) else map(str, item)
    vector = [0.0] * size
    for word in words:
        mark = crc32(word.encode())
        vector[(mark >> 1) % size] += 1.0 if mark & 1 else -1.0
    length = math.sqrt(sum(part * part for part in vector))
    if length == 0.0:
        vector[0] = length = 1.0
    return [part / length for part in vector]


def _encoded(vector: list[float], encoding: str) -> list[float] | str:
    if encoding == "float":
        return vector
    packed = array("f", vector)
    if sys.byteorder == "big":
        packed.byteswap()
    return base64.b64encode(packed.tobytes()).decode()
