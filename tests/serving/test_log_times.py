from __future__ import annotations

import pytest

from edgewise.serving.log_times import LogTimes
from edgewise.store import Head
from edgewise.types import PolicyRef, StreamId
from edgewise.wall_clock import now_ms

REF = PolicyRef("shop", "hero")
HOUR = 3_600_000


def head(position: StreamId) -> Head:
    return Head(
        epoch=1,
        position=position,
        read_again=position,
        shape=b"",
        shape_since=position,
        policy_version=b"",
        oldest_close=0,
        newest_close=0,
    )


def watching(seconds: list[float], store_ahead: int = 0) -> LogTimes:
    times = LogTimes(lambda: seconds[0])
    times.set_store_time(now_ms() + store_ahead)
    return times


@pytest.mark.parametrize("store_ahead", [0, HOUR, -HOUR])
def test_age_and_lag_follow_the_stores_clock_whatever_this_machines_is(store_ahead: int) -> None:
    times = watching([0.0], store_ahead)
    position = StreamId(now_ms() + store_ahead - 5000, 0)
    assert times.ahead(position) == 0
    assert 5000 <= times.age(REF, position) < 6000
    assert times.lag(REF, position, StreamId(position.ms + 700, 0)) == 700
    assert times.lag(REF, position, position) == 0
    assert 2000 <= times.delay(position.ms + 3000, position) < 3000


def test_age_and_lag_grow_by_elapsed_time_while_the_log_is_ahead() -> None:
    seconds = [0.0]
    times = watching(seconds)
    position = StreamId(now_ms() + HOUR, 4)
    times.observe({REF: head(position)})
    seconds[0] = 90.0
    times.observe({REF: head(position)})
    assert HOUR - 1000 < times.ahead(position) <= HOUR
    assert times.age(REF, position) == 90_000
    assert times.lag(REF, position, StreamId(position.ms, 5)) == 90_000
    assert times.lag(REF, position, position) == 0
    assert times.delay(position.ms - 300, position) == 300
    times.observe({REF: head(StreamId(position.ms, 5))})
    assert times.age(REF, StreamId(position.ms, 5)) == 0
