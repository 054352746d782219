from __future__ import annotations

from edgewise.learner.log_clock import LogClock


class Elapsed:
    """Seconds that pass only when a test adds them."""

    def __init__(self) -> None:
        self.seconds = 50.0

    def __call__(self) -> float:
        return self.seconds


def test_log_time_is_the_stores_time_while_the_clock_is_ahead_of_the_log() -> None:
    clock = LogClock()
    assert [clock.read(last, 2000) for last in (1000, 1999, 2000)] == [2000, 2000, 2000]


def test_log_time_goes_on_by_elapsed_time_while_the_clock_is_behind_the_log() -> None:
    elapsed = Elapsed()
    clock = LogClock(elapsed)
    assert clock.read(9000, 2000) == 9000
    elapsed.seconds += 1.5
    assert clock.read(9000, 3500) == 10_500
    elapsed.seconds += 1
    assert clock.read(10_500, 4500) == 11_500, "its own tick does not start it again"
    assert clock.read(20_000, 4500) == 20_000, "another writer moved the log further"
    elapsed.seconds += 1
    assert clock.read(20_000, 5500) == 21_000
    assert clock.read(20_000, 30_000) == 30_000, "the clock has caught up"
    elapsed.seconds += 60
    assert clock.read(31_000, 5000) == 31_000, "the clock was set back again"


def test_log_time_does_not_pass_while_no_decision_is_open() -> None:
    elapsed = Elapsed()
    clock = LogClock(elapsed)
    clock.read(9000, 2000)
    clock.stop()
    elapsed.seconds += 3600
    assert clock.read(9000, 2000) == 9000
