"""Who uses a folder's sandbox: a lock that every user shares, so that the server ends with the last of them.

What belongs here: that lock. What does not: starting and ending servers (`process.py`). The system releases a lock when
its process dies, however it dies. A server ends once it gets the lock for itself; who comes then waits until it has.
"""

import fcntl
import os
import signal
import threading
import time
from pathlib import Path
from typing import IO

_LOCK = "users.lock"
_CHECK_SECONDS = 0.5


def begin_use(folder: Path) -> IO[bytes]:
    """Return the folder's lock, shared, waiting where a server that nobody used is about to end; close it to leave."""
    lock = (folder / _LOCK).open("wb")
    fcntl.flock(lock, fcntl.LOCK_SH)
    return lock


def taken_alone(lock: IO[bytes]) -> bool:
    """Take the lock for oneself if nobody else has it; return whether that was so."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def end_when_unused(folder: Path) -> None:
    """Tell this process to end once nobody uses the folder's server; does not return."""
    # Open until the process is gone: the lock must not be free before the port is.
    lock = (folder / _LOCK).open("wb")
    while not taken_alone(lock):
        time.sleep(_CHECK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait()
