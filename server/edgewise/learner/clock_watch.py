"""Warns about wrong clocks: a log ahead of the store's clock, a clock that jumped, or machines that do not agree."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from edgewise.types import Milliseconds, PolicyRef

log = logging.getLogger(__name__)

TOLERANCE: Milliseconds = 10_000
"""The largest difference between clocks without a warning."""


class ClockWatch:
    """Logs each problem once, and logs its end."""

    def __init__(self) -> None:
        self._is_ahead = False
        self._disagrees = False
        self._last: tuple[Milliseconds, float] | None = None

    def check(
        self, logs: Mapping[PolicyRef, tuple[Milliseconds, Milliseconds]], now: Milliseconds, elapsed: float
    ) -> None:
        """Check how far each log is ahead of the store's clock, and that clock.

        `now` is this machine's time. `elapsed` is in seconds, from a clock that never jumps, at the time of the read.
        """
        if not logs:
            return
        self._check_jump(max(store_time for _, store_time in logs.values()), elapsed)
        ref, (ahead, _) = max(logs.items(), key=lambda item: item[1][0])
        is_ahead = ahead > TOLERANCE
        if is_ahead and not self._is_ahead:
            log.warning(
                "%s/%s: The newest entry of the log is %.0f s ahead of the store's clock, which was set back. Reward "
                "windows close by elapsed time until the clock has caught up. Check the clock of the store's machine.",
                *ref,
                ahead / 1000,
            )
        elif self._is_ahead and not is_ahead:
            log.info("The store's clock has caught up with the logs.")
        self._is_ahead = is_ahead
        difference = max((store_time - now for _, store_time in logs.values()), key=abs)
        disagrees = abs(difference) > TOLERANCE
        if disagrees and not self._disagrees:
            log.warning(
                "The store's clock is %.0f s %s the clock of this machine. Synchronize the clocks of both.",
                abs(difference) / 1000,
                "ahead of" if difference > 0 else "behind",
            )
        elif self._disagrees and not disagrees:
            log.info("The store's clock and the clock of this machine agree again.")
        self._disagrees = disagrees

    def _check_jump(self, store_time: Milliseconds, elapsed: float) -> None:
        """Warn if the store's clock went on by more than the time that has elapsed since the last check."""
        last, self._last = self._last, (store_time, elapsed)
        if last is None:
            return
        jump = store_time - last[0] - int((elapsed - last[1]) * 1000)
        if jump > TOLERANCE:
            log.warning(
                "The store's clock jumped ahead by %.0f s, or this machine was suspended. Open reward windows close "
                "so much earlier, and later outcomes are not learned. Check the clock of the store's machine.",
                jump / 1000,
            )
