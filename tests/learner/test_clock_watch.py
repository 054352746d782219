from __future__ import annotations

import pytest

from edgewise.learner.clock_watch import ClockWatch
from edgewise.types import PolicyRef

REF, OTHER = PolicyRef("shop", "hero"), PolicyRef("shop", "row")
NOW = 1_800_000_000_000


def test_a_log_ahead_of_the_clock_is_logged_once_and_at_its_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    watch = ClockWatch()
    for ahead in (5_000, 3_600_000, 3_500_000, 0, 0):
        watch.check({OTHER: (0, NOW), REF: (ahead, NOW)}, NOW, 0.0)
    warning, end = caplog.messages
    assert warning.startswith("shop/hero: The newest entry of the log is 3600 s ahead of the store's clock")
    assert end == "The store's clock has caught up with the logs."


@pytest.mark.parametrize(("difference", "words"), [(3_600_000, "3600 s ahead of"), (-60_000, "60 s behind")])
def test_clocks_of_two_machines_that_disagree_are_logged_once(
    caplog: pytest.LogCaptureFixture, difference: int, words: str
) -> None:
    caplog.set_level("INFO")
    watch = ClockWatch()
    watch.check({}, NOW, 0.0)
    for seconds, skew in enumerate((0, difference, difference, 500)):
        # The store's clock does not jump here: so much time elapses.
        watch.check({OTHER: (0, NOW), REF: (0, NOW + skew)}, NOW, 1e5 * seconds)
    warning, end = caplog.messages
    assert warning.startswith(f"The store's clock is {words} the clock of this machine.")
    assert end == "The store's clock and the clock of this machine agree again."


def test_a_clock_that_jumps_ahead_is_logged_each_time_and_elapsed_time_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watch = ClockWatch()
    for store_seconds, elapsed in ((0, 50.0), (60, 110.0), (3661, 111.0), (3672, 112.5), (72, 113.0), (3674, 114.0)):
        now = NOW + 1000 * store_seconds
        watch.check({REF: (0, now)}, now, elapsed)
    assert [message.split(",")[0] for message in caplog.messages] == [
        "The store's clock jumped ahead by 3600 s",
        "The store's clock jumped ahead by 3601 s",
    ]
