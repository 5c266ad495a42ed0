"""JSON schemas of tools and response formats: what strict mode refuses, and the least JSON that fits.

What belongs here: pure functions of a schema. What does not: the pipeline's own tool (`answers.py`).
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import orjson

_MAX_DEPTH = 10
_SAMPLES: dict[str, Any] = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "email": "nobody@example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _children(schema: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[Any, tuple[str, ...]]]:
    for group in ("properties", "$defs"):
        for name, child in _mapping(schema.get(group)).items():
            yield child, (*path, group, name)
    if "items" in schema:
        yield schema["items"], (*path, "items")
    for position, child in enumerate(schema.get("anyOf") or ()):
        yield child, (*path, "anyOf", str(position))


def _object_problem(schema: Mapping[str, Any]) -> str | None:
    if schema.get("additionalProperties") is not False:
        return "'additionalProperties' is required to be supplied and to be false."
    absent = [name for name in _mapping(schema.get("properties")) if name not in (schema.get("required") or ())]
    if absent:
        return (
            "'required' is required to be supplied and to be an array including every key in properties. "
            f"Missing '{absent[0]}'."
        )
    return None


def _problem(schema: Any, path: tuple[str, ...]) -> str | None:
    context = f"In context=({', '.join(map(repr, path))}), "
    if not isinstance(schema, dict):
        return f"{context}a schema must be an object."
    for word in ("allOf", "oneOf", "not", "if", "dependentRequired", "dependentSchemas"):
        if word in schema:
            return f"{context}'{word}' is not permitted."
    if schema.get("type") == "object" and (problem := _object_problem(schema)):
        return context + problem
    return next((found for child, where in _children(schema, path) if (found := _problem(child, where))), None)


def strict_problem(parameters: Any) -> str | None:
    """Return what strict mode refuses in a function's parameters, or None."""
    if not isinstance(parameters, dict) or parameters.get("type") != "object":
        return "schema must be a JSON Schema of 'type: \"object\"'."
    return _problem(parameters, ())


@lru_cache(maxsize=64)
def tools_problem(tools: bytes) -> tuple[int, str, str] | None:
    """Return the first strict tool that is refused, as (position, function name, problem), or None.

    Args:
        tools: the request's `tools` as JSON; requests of a batch share it, so each is looked at once.
    """
    for position, tool in enumerate(orjson.loads(tools)):
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            return position, "", "a tool needs a function with a name."
        if function.get("strict") and (problem := strict_problem(function.get("parameters"))):
            return position, function["name"], problem
    return None


def least_json(schema: Any) -> Any:
    """Return a small value that fits `schema`: all properties, first choices, lower bounds."""
    return _least(schema, schema, 0)


def _least(schema: Any, root: Any, depth: int) -> Any:  # noqa: PLR0911 - one return a kind of schema
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return None
    if "$ref" in schema:
        return _least(_resolve(schema["$ref"], root), root, depth + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    if schema.get("anyOf"):
        return _least(schema["anyOf"][0], root, depth + 1)
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = "null" if "null" in kind else kind[0]
    if kind == "object":
        return {name: _least(child, root, depth + 1) for name, child in _mapping(schema.get("properties")).items()}
    if kind == "array":
        return [_least(schema.get("items"), root, depth + 1) for _ in range(schema.get("minItems", 0))]
    return _least_scalar(kind, schema)


def _least_scalar(kind: Any, schema: Mapping[str, Any]) -> Any:
    if kind == "string":
        return _SAMPLES.get(schema.get("format", ""), "x" * schema.get("minLength", 0))
    if kind in ("integer", "number"):
        above = schema.get("exclusiveMinimum")
        return above + 1 if above is not None else schema.get("minimum", 0)
    return False if kind == "boolean" else None


def _resolve(reference: Any, root: Any) -> Any:
    found = root
    for step in str(reference).lstrip("#/").split("/"):
        if step:
            found = found.get(step) if isinstance(found, dict) else None
    return found
