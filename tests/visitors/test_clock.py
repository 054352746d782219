from __future__ import annotations

from zoneinfo import available_timezones

import pytest

from edgewise.visitors import clock
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


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("europe/berlin", "Europe/Berlin"),
        ("EUROPE/BERLIN", "Europe/Berlin"),
        (" America/New York ", "America/New_York"),
        ("america/port-au-prince", "America/Port-au-Prince"),
        ("utc", "UTC"),
        ("UTC+2", "Etc/GMT-2"),
        ("GMT-03:00", "Etc/GMT+3"),
        ("+02:00", "Etc/GMT-2"),
        ("-0930", None),
        ("+15:00", None),
        ("-14", None),
        ("Etc/GMT-2", "Etc/GMT-2"),
        ("right/Europe/Berlin", None),
        ("localtime", None),
    ],
)
def test_a_zone_has_one_spelling(name: str, zone: str | None) -> None:
    found = find_zone(name)
    assert (found and found.key) == zone


def test_every_zone_of_the_database_is_found_in_any_case() -> None:
    for name in available_timezones() - {"localtime"}:
        for word in (name, name.lower(), name.upper()):
            assert (found := find_zone(word)) is not None
            assert found.key == name


def test_an_unknown_zone_does_not_reach_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "ZoneInfo", lambda name: pytest.fail(f"Opened {name}."))
    assert find_zone("Europe/Atlantis") is None


@pytest.mark.parametrize("name", ["", "Moon/Crater", "../etc/passwd", "\0", "Europe", "x" * 10_000])
def test_unknown_zone_is_none(name: str) -> None:
    assert find_zone(name) is None
