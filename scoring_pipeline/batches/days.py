"""One day's state in the store, and the pure decision of what to do next for it.

What belongs here: the `partitions` documents (gate, setbacks, whether finalized), the facts read for a decision, and
the decision that both the sensor and the command line follow. What does not: carrying it out.

States: `gated` (a work set is there, its checks have not passed), `open` (money may be spent), `finalized` (every item
has ended and the day's assets were materialized for this revision).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from scoring_pipeline.batches.lease import is_held
from scoring_pipeline.batches.model import ENDED, TERMINAL, UNSENT, is_live
from scoring_pipeline.settings import Clock
from scoring_pipeline.storage.port import Document, DocumentStore, Move
from scoring_pipeline.values import from_utc_text, utc_text

Action = Literal["collect", "submit", "finalize", "wait", "nothing"]

_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(minutes=30)
_SAMPLE = 500


@dataclass(frozen=True)
class DayFacts:
    """What the decision about one day rests on.

    `waiting_on` holds the statuses of the requests that the day's items wait on, sampled, and only where nothing of the
    day's own is under way.
    `resting` is why submission rests while it is `paused`, in the provider's words, and `halted` whether a person must
    act before it can go on. `files_awaited` is set for a while after a terminal batch whose files are not there yet.
    """

    partition: str
    status: str
    terminal_batches: int
    live_batches: int
    unsent_batches: int
    vanished_batches: int
    pending_requests: bool
    waiting_on: frozenset[str]
    held: bool
    paused: bool
    resting: str | None = None
    halted: bool = False
    files_awaited: bool = False


def decide(day: DayFacts) -> Action:  # noqa: PLR0911 - one line a rule, in order
    """Return what to do next for a day: collect before submitting, finalize when nothing waits.

    `wait` means that somebody else (the provider, another process, another day's batch, the clock) has to move first;
    `nothing` that the day is done or may not go on.
    """
    if day.status != "open":
        return "nothing"
    if day.held:
        return "wait"
    if day.terminal_batches and not day.files_awaited:
        return "collect"
    if (day.unsent_batches or day.pending_requests) and not day.paused:
        return "submit"
    if day.live_batches or day.unsent_batches or day.pending_requests or day.vanished_batches or day.terminal_batches:
        return "wait"
    if not day.waiting_on:
        return "finalize"
    if "pending" in day.waiting_on and not day.paused:
        return "submit"
    # An answer that no item has noticed is settled by a collecting pass; nothing else here can move by itself.
    return "wait" if day.waiting_on <= {"planned", "pending"} else "collect"


def read_day(store: DocumentStore, partition: str, clock: Clock) -> DayFacts:
    """Read the facts about one day, each by an index."""
    day = store.get("partitions", partition)
    paused = _is_ahead(day, "retry_at", clock)
    counts = store.group_count("batches", "status", {"partition": partition})
    pending = store.exists("requests", {"status": "pending", "partition": partition})
    idle = not pending and set(counts) <= {*ENDED}
    return DayFacts(
        partition=partition,
        status=day["status"] if day else "absent",
        terminal_batches=sum(counts.get(status, 0) for status in TERMINAL),
        live_batches=sum(count for status, count in counts.items() if is_live({"status": status})),
        unsent_batches=sum(counts.get(status, 0) for status in UNSENT),
        vanished_batches=counts.get("vanished", 0),
        pending_requests=pending,
        waiting_on=_waited_on(store, partition) if idle else frozenset(),
        held=is_held(store.get("leases", partition), clock),
        paused=paused,
        resting=day.get("resting") if day and paused else None,
        halted=bool(day and paused and day.get("halted")),
        files_awaited=_is_ahead(day, "files_at", clock),
    )


def _is_ahead(day: Document | None, name: str, clock: Clock) -> bool:
    return bool(day and day.get(name) and from_utc_text(day[name]) > clock.now())


def _waited_on(store: DocumentStore, partition: str) -> frozenset[str]:
    items = store.page("work_items", {"partition": partition, "status": "waiting"}, limit=_SAMPLE)
    requests = store.get_many("requests", sorted({item["request_key"] for item in items}))
    return frozenset(request["status"] for request in requests.values())


def open_days(store: DocumentStore) -> Sequence[str]:
    """Return the days that money may be spent for and that are not finalized, the oldest first."""
    return [doc["_id"] for doc in store.scan("partitions", {"status": "open"})]


def begin_day(store: DocumentStore, partition: str, *, now: datetime) -> int:
    """Note that the day has a (new) work set whose checks have not passed yet; return its revision."""
    day = store.get("partitions", partition) or {"_id": partition, "revision": 0}
    revision = int(day["revision"]) + 1
    fresh: Document = {
        "_id": partition,
        "status": "gated",
        "revision": revision,
        "gate": None,
        "setbacks": 0,
        "retry_at": None,
        "began_at": utc_text(now),
    }
    store.upsert("partitions", [fresh])
    return revision


def open_day(store: DocumentStore, partition: str, *, gate: Document, now: datetime) -> None:
    """Let money be spent for the day: its checks passed for the revision that `gate` names."""
    assign = {"status": "open", "gate": gate, "opened_at": utc_text(now)}
    store.compare_and_set("partitions", Move(partition, {"revision": gate["revision"]}, assign))


def close_day(store: DocumentStore, partition: str, revision: int) -> bool:
    """Take the permission to spend back, because a person did not agree; nobody submits until the day is run again."""
    assign = {"status": "gated", "gate": None}
    return store.compare_and_set("partitions", Move(partition, {"status": "open", "revision": revision}, assign))


def finalize_day(store: DocumentStore, partition: str, revision: int, *, now: datetime) -> bool:
    """Mark the day done; False where it was planned anew meanwhile."""
    expect = {"status": "open", "revision": revision}
    assign = {"status": "finalized", "finalized_at": utc_text(now)}
    return store.compare_and_set("partitions", Move(partition, expect, assign))


def pause_day(
    store: DocumentStore,
    partition: str,
    *,
    now: datetime,
    pause: timedelta = _FIRST_PAUSE,
    why: str | None = None,
    halted: bool = False,
) -> None:
    """Let the day's submission rest: `why` in the provider's words, `halted` where only a person can mend it."""
    day = store.get("partitions", partition)
    if day is not None:
        assign = {"retry_at": utc_text(now + pause), "resting": why, "halted": halted}
        store.compare_and_set("partitions", Move(partition, {"revision": day["revision"]}, assign))


def await_files(store: DocumentStore, partition: str, *, now: datetime) -> None:
    """Let collecting rest for a moment: a batch has ended whose files the provider does not hand out yet."""
    store.compare_and_set("partitions", Move(partition, {}, {"files_at": utc_text(now + _FIRST_PAUSE)}))


def note_progress(store: DocumentStore, partition: str, *, answered: int, now: datetime) -> None:
    """Remember whether a batch brought answers; after one that brought none, submission pauses, ever longer."""
    day = store.get("partitions", partition)
    if day is None:
        return
    setbacks = 0 if answered else day["setbacks"] + 1
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (setbacks - 1)) if setbacks else None
    # Whatever submission rested for before is over: a batch has ended since.
    rest = {"retry_at": utc_text(now + pause) if pause else None, "resting": None, "halted": False}
    assign = {"setbacks": setbacks, **rest}
    store.compare_and_set("partitions", Move(partition, {"revision": day["revision"]}, assign))
