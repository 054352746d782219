"""How old models are, and how far logs are ahead of the store's clock. Wrong clocks do not hide a dead learner here.

While a log is ahead of the clock, differences of ids and clocks mean nothing. The time since this worker first saw the
learner's position then counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from edgewise.store import Head
from edgewise.types import Milliseconds, PolicyRef, StreamId
from edgewise.wall_clock import now_ms

_NOISE: Milliseconds = 1000
"""A log is not ahead if it is by less than this, because two clocks never agree exactly."""


class LogTimes:
    """The store's time, and the learner's position in each log with the time when it was first seen."""

    def __init__(self, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._elapsed = elapsed
        self._offset: Milliseconds = 0
        self._positions: dict[PolicyRef, tuple[StreamId, float]] = {}

    def set_store_time(self, store_time: Milliseconds) -> None:
        """Learn how far the store's clock is from the clock of this machine."""
        self._offset = store_time - now_ms()

    @property
    def store_time(self) -> Milliseconds:
        """The time by the store's clock, estimated."""
        return now_ms() + self._offset

    def observe(self, heads: Mapping[PolicyRef, Head]) -> None:
        """Note the learner's positions."""
        now, known = self._elapsed(), self._positions
        self._positions = {
            ref: seen if (seen := known.get(ref)) is not None and seen[0] == head.position else (head.position, now)
            for ref, head in heads.items()
        }

    def ahead(self, position: StreamId) -> Milliseconds:
        """How far a log with this entry is ahead of the store's clock. 0 if it is not."""
        ahead = position.ms - self.store_time
        return ahead if ahead > _NOISE else 0

    def age(self, ref: PolicyRef, position: StreamId) -> Milliseconds:
        """The time since the entry at this position of the learner was appended."""
        if not self.ahead(position):
            return max(0, self.store_time - position.ms)
        latest, seen_at = self._positions.get(ref, (position, self._elapsed()))
        return max(0, latest.ms - position.ms) + int((self._elapsed() - seen_at) * 1000)

    def lag(self, ref: PolicyRef, position: StreamId, last: StreamId) -> Milliseconds:
        """The time span of the log's entries after this position, up to the last one."""
        if last <= position:
            return 0
        span = last.ms - position.ms
        return max(span, self.age(ref, position)) if self.ahead(last) else span

    def delay(self, close: Milliseconds, position: StreamId) -> Milliseconds:
        """The time since a reward window closed, for a model with this position."""
        return max(0, self.store_time + self.ahead(position) - close)
