"""A structured line for every attempt that got an outcome, in a file a day.

What belongs here: where the lines go and what is on one. What does not: the attempts themselves, which are in the
store; the log is for tailing, shipping and grepping, and holds no prompt and no answer.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import structlog
from structlog.typing import FilteringBoundLogger

from scoring_pipeline.storage.port import Document

LOGGED = ("request_key", "batch_id", "partition", "provider", "model", "tier", "lane", "round")


@contextmanager
def attempt_log(folder: Path, day: str) -> Iterator[FilteringBoundLogger]:
    """Open the day's log for appending; lines are JSON objects with a UTC timestamp."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"attempts-{day}.jsonl").open("ab") as file:
        yield structlog.wrap_logger(
            structlog.BytesLogger(file),
            processors=[
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.JSONRenderer(serializer=orjson.dumps),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(0),
            cache_logger_on_first_use=True,
        )


def log_attempt(log: FilteringBoundLogger, attempt: Document, outcome: dict[str, Any]) -> None:
    """Write one attempt's line: what it was, what it used and cost, how it ended."""
    about = {name: attempt[name] for name in LOGGED}
    used = {name: value for name, value in outcome.items() if name not in {"score", "sandbox", "spend_day"}}
    log.info("attempt", attempt_id=attempt["_id"], **about, **used)
