from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from edgewise.config import values
from edgewise.config.values import DAY

DURATION = values.duration(7 * DAY)

VALID: list[tuple[Callable[[Any], Any], Any, Any]] = [
    (values.short_name, "home-hero_2", "home-hero_2"),
    (values.mapping, {"a": 1}, {"a": 1}),
    (values.boolean, False, False),
    (values.label(3), "abc", "abc"),
    (values.one_of(("first", "sum")), "sum", "sum"),
    (DURATION, "500ms", 500),
    (DURATION, "60s", 60_000),
    (DURATION, "6h", 6 * 3_600_000),
    (DURATION, "7d", 7 * DAY),
    (values.timestamp, datetime(1970, 1, 2, tzinfo=UTC), DAY),
    (values.whole_number(1, 20), 20, 20),
    (values.number, 3, 3.0),
    (values.number_from(0, 0.9), 0.9, 0.9),
    (values.exploration_floor, 1, 1.0),
    (values.interval, [-1, 2], (-1.0, 2.0)),
]
INVALID: list[tuple[Callable[[Any], Any], Any, str]] = [
    (values.short_name, "-hero", 'found "-hero". Start it with a letter or a digit.'),
    (values.mapping, [], "Expected a table, found a list of 0 elements."),
    (values.boolean, 1, "Expected true or false, found 1."),
    (values.label(3), "abcd", 'Expected text of 1 to 3 printable characters, found "abcd".'),
    (values.label(3), "\t", 'Expected text of 1 to 3 printable characters, found "\\t".'),
    (values.one_of(("first", "sum")), "frst", 'one of first, sum, found "frst". Did you mean `first`?'),
    (DURATION, "0s", 'found "0s".'),
    (DURATION, "8d", "Expected a duration of at most 7 days"),
    (values.timestamp, datetime(2026, 11, 27), "found a date and time without an offset."),
    (values.whole_number(1, 20), True, "Expected a whole number from 1 to 20, found true."),
    (values.number, 10**400, "Expected a finite number, found a very large whole number."),
    (values.number_from(0, 0.9), 1, "Expected a number from 0 to 0.9, found 1."),
    (values.exploration_floor, 0, "offline evaluation is impossible."),
    (values.interval, [2, -1], "Expected the lower number first, found [2, -1]."),
]


@pytest.mark.parametrize(("read", "value", "expected"), VALID)
def test_a_valid_value_is_converted(read: Callable[[Any], Any], value: Any, expected: Any) -> None:
    assert read(value) == expected


@pytest.mark.parametrize(("read", "value", "message"), INVALID)
def test_an_invalid_value_raises_with_a_message(read: Callable[[Any], Any], value: Any, message: str) -> None:
    with pytest.raises(ValueError, match="Expected") as caught:
        read(value)
    assert message in str(caught.value)
