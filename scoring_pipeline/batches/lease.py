"""Who works on a partition: a lease in the store, with heartbeat and fencing token.

What belongs here: taking, keeping and checking the lease. What does not: what is done under it. The lease lives in the
store and not in Dagster, because a killed run stays STARTED there for ever. An owner on this machine whose process is
gone is taken over at once; any other only when the lease has run out.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from scoring_pipeline.settings import Clock
from scoring_pipeline.storage.port import DocumentStore, Move, StoreError
from scoring_pipeline.values import from_utc_text, utc_text

DEFAULT_TTL = timedelta(seconds=120)
_HEARTBEATS_PER_TTL = 6


class LeaseHeldError(Exception):
    """Somebody else works on the partition; `owner` says who."""

    def __init__(self, partition: str, owner: str, expires_at: str) -> None:
        self.partition = partition
        self.owner = owner
        super().__init__(f"partition {partition} is being worked on by {owner} (its lease runs until {expires_at})")


class LeaseLostError(Exception):
    """The lease was taken over or ran out; whoever held it must stop writing."""


@dataclass(frozen=True)
class Owner:
    """A process on a machine; `started` tells a reused process id apart."""

    host: str
    pid: int
    started: str

    @classmethod
    def this_process(cls) -> "Owner":
        """Return the calling process."""
        return cls(socket.gethostname(), os.getpid(), _started(os.getpid()))

    @classmethod
    def parse(cls, text: str) -> "Owner":
        """Read what `str()` wrote."""
        host, pid, started = text.rsplit(":", 2)
        return cls(host, int(pid), started)

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}:{self.started}"

    def is_gone(self) -> bool:
        """Whether this owner is known to be dead: on this machine, and its process is not there any more."""
        return self.host == socket.gethostname() and _started(self.pid) != self.started


def _started(pid: int) -> str:
    """Return the process's start time in clock ticks, "" where there is no such process, "?" where nobody can tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    except FileNotFoundError:
        return "?" if not Path("/proc/self/stat").exists() and _is_alive(pid) else ""
    except (OSError, IndexError):
        return ""
    return "" if fields[0] == "Z" else fields[19]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Lease:
    """A lease held by this process; `check` before every write that matters."""

    def __init__(self, store: DocumentStore, partition: str, token: int, clock: Clock, ttl: timedelta) -> None:
        self.partition = partition
        self.token = token
        self._store = store
        self._clock = clock
        self._ttl = ttl

    def check(self, *, left: timedelta = timedelta(0)) -> None:
        """Make sure that the lease is still held, for at least `left`, renewing it where it would not last.

        Raises:
            LeaseLostError: if it was taken over or has run out.
        """
        lease = self._store.get("leases", self.partition)
        now = self._clock.now()
        if lease is None or lease["token"] != self.token or lease["owner"] is None:
            raise LeaseLostError(f"the lease on partition {self.partition} was taken over")
        if from_utc_text(lease["expires_at"]) <= now:
            raise LeaseLostError(f"the lease on partition {self.partition} ran out")
        if from_utc_text(lease["expires_at"]) - now <= left:
            self.renew(for_at_least=left)

    def renew(self, *, for_at_least: timedelta = timedelta(0)) -> None:
        """Extend the lease to its full length, or twice `for_at_least` where that is longer."""
        until = utc_text(self._clock.now() + max(self._ttl, 2 * for_at_least))
        if not self._store.compare_and_set(
            "leases", Move(self.partition, {"token": self.token}, {"expires_at": until})
        ):
            raise LeaseLostError(f"the lease on partition {self.partition} was taken over")

    def release(self) -> None:
        """Give the lease up, if it is still held."""
        freed = {"owner": None, "expires_at": utc_text(self._clock.now())}
        self._store.compare_and_set("leases", Move(self.partition, {"token": self.token}, freed))


def acquire(store: DocumentStore, partition: str, clock: Clock, *, ttl: timedelta = DEFAULT_TTL) -> Lease:
    """Take the lease on a partition.

    Raises:
        LeaseHeldError: if another live owner has it.
    """
    store.insert_absent("leases", [{"_id": partition, "owner": None, "token": 0, "expires_at": ""}])
    current = store.get("leases", partition)
    if current is None:
        raise StoreError(f"the lease on partition {partition} vanished from the store")
    if is_held(current, clock):
        raise LeaseHeldError(partition, current["owner"], current["expires_at"])
    token = current["token"] + 1
    mine = {
        "owner": str(Owner.this_process()),
        "token": token,
        "expires_at": utc_text(clock.now() + ttl),
    }
    if not store.compare_and_set("leases", Move(partition, {"token": current["token"]}, mine)):
        raise LeaseHeldError(partition, "another process that was faster", mine["expires_at"])
    return Lease(store, partition, token, clock, ttl)


def is_held(lease: dict[str, str] | None, clock: Clock) -> bool:
    """Whether a lease document says that a live owner is at work."""
    if lease is None or not lease["owner"] or lease["expires_at"] <= utc_text(clock.now()):
        return False
    return not Owner.parse(lease["owner"]).is_gone()


@contextmanager
def held(store: DocumentStore, partition: str, clock: Clock, *, ttl: timedelta = DEFAULT_TTL) -> Iterator[Lease]:
    """Hold the lease for a block of work, renewing it from a thread.

    Raises:
        LeaseHeldError: if another live owner has it.
    """
    lease = acquire(store, partition, clock, ttl=ttl)
    done = threading.Event()

    def beat() -> None:
        while not done.wait(ttl.total_seconds() / _HEARTBEATS_PER_TTL):
            try:
                lease.renew()
            except LeaseLostError:
                return
            except StoreError:
                # A store that is away for a moment costs one heartbeat; `check` decides before anything is written.
                continue

    thread = threading.Thread(target=beat, name=f"lease-{partition}", daemon=True)
    thread.start()
    try:
        yield lease
    finally:
        done.set()
        thread.join()
        lease.release()
