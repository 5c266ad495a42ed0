"""Rows of a recorded board, as normalizing takes them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scoring_pipeline.listings.model import Provider


@dataclass(frozen=True)
class RecordedRow:
    """One posting of a board."""

    provider: Provider
    board: str
    posting_id: str
    row: int
    payload: Mapping[str, Any]
    envelope: Mapping[str, Any]
    company: str | None = None


def ashby_rows(path: Path) -> Iterator[RecordedRow]:
    """Yield the rows of a recorded Ashby board."""
    content = json.loads(path.read_bytes())
    envelope = {name: value for name, value in content.items() if isinstance(value, str)}
    for number, posting in enumerate(content["jobs"]):
        yield RecordedRow("ashby", path.stem, posting["id"], number, posting, envelope)
