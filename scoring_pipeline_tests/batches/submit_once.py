"""One of several processes that submit the same day. Usage: submit_once.py FOLDER URL DAY.

Says "ready", waits for a line, submits once, and says what came of it.
"""

import sys
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[1]
sys.path.extend(str(_TESTS / room) for room in ("sandbox", "scoring", "batches"))

from day_kit import settings_at  # noqa: E402 - the path has to be set first

from scoring_pipeline.batches.engine import Engine  # noqa: E402
from scoring_pipeline.batches.lease import LeaseHeldError  # noqa: E402
from scoring_pipeline.storage.opening import open_store  # noqa: E402


def main() -> None:
    """Submit."""
    folder, url, day = sys.argv[1:]
    engine = Engine.of(settings_at(Path(folder), url), open_store(f"sqlite:///{folder}/store.db"))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    try:
        created = len(engine.submit(day).submission.created)
        sys.stdout.write(f"created {created}\n")
    except LeaseHeldError:
        sys.stdout.write("held\n")


main()
