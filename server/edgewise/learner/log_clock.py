"""The time of a log. It goes on while the store's clock is behind the log.

The store never gives an entry an id below the last one. After its clock was set back, new entries therefore share the
millisecond of the last id until the clock has caught up. Meanwhile the learner appends ticks with later ids. The fold
still knows no time but ids.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from edgewise.types import Milliseconds

TICK_EVERY: Milliseconds = 250
"""The time between two ticks in a log that is ahead of the clock and has open decisions. Its windows are so exact."""


class LogClock:
    """The time of one log, from its last id and the elapsed time. `elapsed` is in seconds and never goes back."""

    def __init__(self, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._elapsed = elapsed
        self._start: tuple[Milliseconds, float] | None = None

    def read(self, last: Milliseconds, store_time: Milliseconds) -> Milliseconds:
        """The time of a log with this last id: the store's time, or the last id and the time since it was first read.

        Call this for as long as decisions are open, and `stop` when none is. Then a decision's window never begins
        before the decision.
        """
        if last <= store_time:
            self._start = None
            return store_time
        now = self._elapsed()
        if self._start is None or last > self._at(now, self._start):
            self._start = last, now
        return self._at(now, self._start)

    def stop(self) -> None:
        """Forget the elapsed time. The next `read` starts at the last id."""
        self._start = None

    @staticmethod
    def _at(now: float, start: tuple[Milliseconds, float]) -> Milliseconds:
        last, read_at = start
        return last + int((now - read_at) * 1000)
