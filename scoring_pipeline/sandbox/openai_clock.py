"""The sandbox's clock: virtual seconds that pass `speed` times as fast as real ones and survive a restart.

What belongs here: time. What does not: what is due when (`openai_batches.py`).
"""

import threading
import time

from scoring_pipeline.sandbox.journal import Journal


class VirtualClock:
    """Virtual Unix time, anchored in the journal; time goes on while the sandbox is down."""

    def __init__(self, journal: Journal, speed: float) -> None:
        self._journal = journal
        self._lock = threading.Lock()
        real = time.time()
        anchor = journal.clock()
        self._real, self._virtual, self._speed = anchor if anchor is not None else (real, real, speed)
        if anchor is None or speed != self._speed:
            self._anchor(speed)

    @property
    def speed(self) -> float:
        """Virtual seconds in a real second."""
        return self._speed

    def now(self) -> float:
        """Return virtual Unix seconds."""
        with self._lock:
            return self._virtual + max(0.0, time.time() - self._real) * self._speed

    def change(self, *, advance: float = 0.0, speed: float | None = None) -> None:
        """Let `advance` virtual seconds pass at once, and go on at `speed`."""
        self._anchor(self._speed if speed is None else speed, advance)

    def _anchor(self, speed: float, advance: float = 0.0) -> None:
        virtual = self.now() + advance
        with self._lock:
            self._real, self._virtual, self._speed = time.time(), virtual, speed
            self._journal.set_clock(self._real, self._virtual, self._speed)
