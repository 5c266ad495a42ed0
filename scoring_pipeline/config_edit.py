"""Adding boards to the text of a configuration file without disturbing anything else in it.

What belongs here: where in the YAML a board goes, in the style that the list there has already. What does not: files
(`config_file.py`), and what a board is (`settings.py`).

The text is edited, not dumped anew: comments, order, quotes and line ends stay byte for byte. The edited text is read
again, and must hold what it held plus the boards.
"""

import copy
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scoring_pipeline.settings import Board, ConfigError, ProviderName

STEP = 2
WIDTH = 120
BOM = "\ufeff"
# The same reader in C, where the wheel has it: a list of thousands of boards is read several times.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN = re.compile(r"\w(?:[\w. -]*[\w.])?")

Placed = tuple[ProviderName, Board]


class _NotEditable(Exception):  # noqa: N818 - named for the state
    """The text has no place of a known form for the boards."""


@dataclass(frozen=True)
class _Place:
    """The deepest node on the way to a list of boards, and the keys still missing below it.

    `column` is that of the key that holds the node, `flow` whether it stands inside braces or brackets.
    """

    node: yaml.Node | None
    missing: tuple[str, ...]
    column: int
    flow: bool


def with_boards(text: str, boards: Sequence[Placed], path: Path) -> str:
    """Return the YAML `text` of a configuration with boards added at the ends of their lists.

    Args:
        text: the whole file.
        boards: what to add.
        path: the file's name, for messages.

    Raises:
        ConfigError: if a board of that name is there already, or the text cannot be edited without changing more.
    """
    mark = BOM if text.startswith(BOM) else ""
    before = text.removeprefix(BOM)
    expected = _expected(before, boards, path)
    after = before
    try:
        for provider in dict.fromkeys(provider for provider, _ in boards):
            after = _with_list(after, provider, [board for name, board in boards if name == provider])
        safe = yaml.load(after, Loader=_LOADER) == expected  # noqa: S506 - a safe loader
    except (yaml.YAMLError, _NotEditable):
        safe = False
    if not safe:
        lines = [f"ats.{provider}.boards: - {_inline(board)}" for provider, board in boards[:20]]
        raise ConfigError(
            [f"{path}: is written in a way that cannot be added to safely; add by hand: {'; '.join(lines)}"]
        )
    return mark + after


def _expected(text: str, boards: Sequence[Placed], path: Path) -> dict[str, Any]:
    """Return what the file should hold afterwards."""
    try:
        data = yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader
    except yaml.YAMLError as e:
        raise ConfigError([f"{path}: is not YAML: {str(e).replace(chr(10), ' ')}"]) from e
    # Not what an anchor shares: a board added to one list must not be expected in another.
    data = _unshared(data) or {}
    if not isinstance(data, dict):
        raise ConfigError([f"{path}: holds a {type(data).__name__} where a mapping of settings is expected"])
    ats = data["ats"] = data.get("ats") or {}
    names: dict[str, set[str]] = {}
    for provider, board in boards:
        section = ats[provider] = ats.get(provider) or {}
        listed = section["boards"] = section.get("boards") or []
        known = names.setdefault(provider, {item if isinstance(item, str) else item["name"] for item in listed})
        if board.name in known:
            raise ConfigError([f"{path}: ats.{provider}.boards: {board.name!r} is there already"])
        known.add(board.name)
        listed.append(_value(board))
    return data


def _unshared(value: Any) -> Any:
    """Return a copy of `value` in which no list or mapping is shared."""
    if isinstance(value, dict):
        return {key: _unshared(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_unshared(item) for item in value]
    return copy.copy(value)


def _value(board: Board) -> str | dict[str, str]:
    fields = board.model_dump(exclude_none=True)
    return board.name if len(fields) == 1 else fields


def _scalar(text: str) -> str:
    if _PLAIN.fullmatch(text) and yaml.load(text, Loader=_LOADER) == text:  # noqa: S506 - a safe loader
        return text
    return json.dumps(text, ensure_ascii=False)


def _pairs(board: Board) -> list[str]:
    return [f"{key}: {_plain_url(key, text)}" for key, text in board.model_dump(exclude_none=True).items()]


def _plain_url(key: str, text: str) -> str:
    simple = key == "base_url" and re.fullmatch(r"https?://[\w./:-]*[\w/-]", text)
    return text if simple else _scalar(text)


def _inline(board: Board) -> str:
    pairs = _pairs(board)
    return _scalar(board.name) if len(pairs) == 1 else "{" + ", ".join(pairs) + "}"


def _with_list(text: str, provider: ProviderName, boards: list[Board]) -> str:
    place = _find(yaml.compose(text, Loader=_LOADER), ("ats", provider, "boards"))
    node = place.node
    if node is None or _is_blank(node):
        return _fill(text, place, boards)
    if place.missing and isinstance(node, yaml.MappingNode):
        if node.flow_style:
            return _insert(text, _end(node.value[-1][1]), f", {_flow_pair(place.missing, boards)}")
        lines = _block(place.missing, node.start_mark.column, boards)
        return _insert_lines(text, _content_end(text, node), lines)
    if not place.missing and isinstance(node, yaml.SequenceNode):
        return _extend_flow(text, place, node, boards) if node.flow_style else _extend_block(text, node, boards)
    raise _NotEditable


def _find(root: yaml.Node | None, keys: tuple[str, ...]) -> _Place:
    node, column, flow = root, -STEP, False
    for depth, key in enumerate(keys):
        # Of a key that is written twice, the last counts.
        found = [pair for pair in node.value if pair[0].value == key] if isinstance(node, yaml.MappingNode) else []
        if not found:
            return _Place(node, keys[depth:], column, flow)
        flow = flow or (isinstance(node, yaml.CollectionNode) and bool(node.flow_style))
        column, node = found[-1][0].start_mark.column, found[-1][1]
    return _Place(node, (), column, flow)


def _is_blank(node: yaml.Node) -> bool:
    """Whether `node` is nothing, `[]` or `{}`, on one line."""
    if node.start_mark.line != node.end_mark.line:
        return False
    return node.tag == "tag:yaml.org,2002:null" or (isinstance(node, yaml.CollectionNode) and not node.value)


def _fill(text: str, place: _Place, boards: list[Board]) -> str:
    """Write the boards where nothing is."""
    lines = _block(place.missing, place.column + STEP, boards)
    if place.node is None:
        return _insert_lines(text, len(text.rstrip()), lines)
    start, end = place.node.start_mark.index, place.node.end_mark.index
    if place.flow:
        value = _flow_list(boards) if not place.missing else "{" + _flow_pair(place.missing, boards) + "}"
        return f"{text[:start]}{' ' if text[start - 1] == ':' else ''}{value}{text[end:]}"
    stop = _line_end(text, end)
    # A comment behind it stays where it is, in its column.
    comment = text[end:stop] if "#" in text[end:stop] else ""
    kept = f"{text[:start]}{' ' * (end - start)}{comment}" if comment else text[:start].rstrip(" ")
    return _insert_lines(kept + text[stop:], len(kept), lines)


def _extend_block(text: str, node: yaml.SequenceNode, boards: list[Board]) -> str:
    spread = any(isinstance(item, yaml.MappingNode) and not item.flow_style for item in node.value)
    lines = _items(boards, node.start_mark.column, spread=spread)
    return _insert_lines(text, _content_end(text, node), lines)


def _extend_flow(text: str, place: _Place, node: yaml.SequenceNode, boards: list[Board]) -> str:
    if not node.value:
        return _insert(text, node.end_mark.index - 1, ", ".join(map(_inline, boards)))
    items = list(map(_inline, boards))
    end = _end(node.value[-1])
    stop = _line_end(text, end)
    indent = _newline(text) + " " * (place.column + STEP)
    rest = text[end:stop]
    if node.end_mark.index > stop and "]" not in rest.partition("#")[0]:
        # One item a line, with a comment perhaps: the new ones get lines of their own.
        comma = rest.lstrip().startswith(",")
        indent = _newline(text) + " " * node.value[-1].start_mark.column
        added = indent + f",{indent}".join(items) + ("," if comma else "")
        return f"{text[:end]}{'' if comma else ','}{rest}{added}{text[stop:]}"
    line = stop - (text.rfind("\n", 0, end) + 1)
    behind = "".join(f", {item}" for item in items)
    if line + len(behind) > WIDTH:
        behind = "".join(f",{indent}{item}" for item in items)
    return _insert(text, end, behind)


def _flow_list(boards: list[Board]) -> str:
    return "[" + ", ".join(map(_inline, boards)) + "]"


def _flow_pair(keys: tuple[str, ...], boards: list[Board]) -> str:
    inner = f"{keys[-1]}: {_flow_list(boards)}"
    for key in reversed(keys[:-1]):
        inner = f"{key}: {{{inner}}}"
    return inner


def _block(keys: tuple[str, ...], column: int, boards: list[Board]) -> list[str]:
    lines = [f"{' ' * (column + STEP * depth)}{key}:" for depth, key in enumerate(keys)]
    return lines + _items(boards, column + STEP * len(keys), spread=False)


def _items(boards: list[Board], column: int, *, spread: bool) -> list[str]:
    indent = " " * column
    if not spread:
        return [f"{indent}- {_inline(board)}" for board in boards]
    lines = []
    for board in boards:
        pairs = _pairs(board)
        first, *others = pairs if len(pairs) > 1 else [_scalar(board.name)]
        lines += [f"{indent}- {first}", *(f"{indent}  {pair}" for pair in others)]
    return lines


def _end(node: yaml.Node) -> int:
    """Return where the last thing written in `node` ends: a block's own end lies behind the comments after it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _content_end(text: str, node: yaml.Node) -> int:
    return len(text[: _end(node)].rstrip())


def _line_end(text: str, index: int) -> int:
    found = text.find("\n", index)
    stop = len(text) if found < 0 else found
    return stop - 1 if text[index:stop].endswith("\r") else stop


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _insert(text: str, index: int, addition: str) -> str:
    return text[:index] + addition + text[index:]


def _insert_lines(text: str, index: int, lines: list[str]) -> str:
    """Return `text` with lines after the one that holds `index`."""
    newline, stop = _newline(text), _line_end(text, index)
    added = newline.join(lines)
    if not text:
        return added + newline
    # At the very end the file may have no line end of its own; one is left behind what is added.
    return text[:stop] + newline + added + (text[stop:] or newline)
