"""The reference of every setting, as a Markdown table, read off the settings themselves.

What belongs here: turning models into rows. What does not: the settings. `docs/configuration.md` holds its output,
and a test keeps it so.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from scoring_pipeline.settings import PROJECT, PROVIDERS, Board, LlmProvider, Settings

_HEAD = ("| setting | default | meaning |", "| --- | --- | --- |")


def settings_table() -> str:
    """Return a row for every setting: its path in the file, default and meaning."""
    return "\n".join([*_HEAD, *(f"| `{path}` | {default} | {meaning} |" for path, default, meaning in _rows(Settings))])


def _rows(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    for name, field in model.model_fields.items():
        if name in PROVIDERS[1:]:
            continue
        # The five have the same settings, shown once; Workable's own defaults are lower.
        path = f"{prefix}<provider>" if name == PROVIDERS[0] else f"{prefix}{name}"
        section = _section(field.annotation)
        if section is Board:
            yield path, "none", "boards, each a name or a mapping of:"
            yield from _rows(Board, f"{path}[].")
        elif section is LlmProvider:
            yield path, "`openai`", "endpoints by name, each a mapping of:"
            yield from _rows(LlmProvider, f"{path}.<name>.")
        elif section is not None:
            yield from _rows(section, f"{path}.")
        else:
            yield path, _default(field), field.description or ""


def _section(annotation: Any) -> type[BaseModel] | None:
    candidates = [annotation, *get_args(annotation)] if get_origin(annotation) else [annotation]
    models = [item for item in candidates if isinstance(item, type) and issubclass(item, BaseModel)]
    return models[0] if models else None


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=False)
    if field.is_required():
        return "required"
    if value is None or value == "":
        return "none"
    if isinstance(value, Path):
        return f"`{value.relative_to(PROJECT) if value.is_relative_to(PROJECT) else value}`"
    return f"`{value}`"
