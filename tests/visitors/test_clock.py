from __future__ import annotations

import pytest

from edgewise.visitors.clock import find_zone, part_of_day


@pytest.mark.parametrize(
    ("hour", "part"),
    [(0, "night"), (5, "night"), (6, "morning"), (12, "afternoon"), (18, "evening"), (23, "evening")],
)
def test_each_part_of_the_day_has_six_hours(hour: int, part: str) -> None:
    assert part_of_day(hour) == part


def test_known_zone_is_found() -> None:
    zone = find_zone("Europe/Berlin")
    assert zone is not None
    assert zone.key == "Europe/Berlin"


@pytest.mark.parametrize("name", ["", "Moon/Crater", "../etc/passwd", "\0", "Europe", "x" * 10_000])
def test_unknown_zone_is_none(name: str) -> None:
    assert find_zone(name) is None
