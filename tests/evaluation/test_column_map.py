"""Column maps, valid and invalid."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewise.errors import PolicyError, ReplayError
from edgewise.evaluation.column_map import SECONDS_PER_ROW, read_column_map
from tests.evaluation.logs import MAP


def error_of(folder: Path, text: str) -> str:
    (folder / "map.toml").write_text(text)
    with pytest.raises(ReplayError) as raised:
        read_column_map(folder / "map.toml")
    return str(raised.value)


def test_a_map_names_the_columns(tmp_path: Path) -> None:
    path = tmp_path / "map.toml"
    path.write_text('policy = "hero.toml"\n' + MAP + 'time = "at"\ncontext = ["age", "city"]\n')
    read = read_column_map(path)
    assert (read.placement, read.action, read.reward, read.propensity) == ("hero", "shown", "paid", "p")
    assert (read.time, read.context) == ("at", ("age", "city"))
    assert read.policy == tmp_path / "hero.toml"


def test_missing_keys_have_defaults(tmp_path: Path) -> None:
    path = tmp_path / "map.toml"
    path.write_text(MAP.replace('"p"', "0.25"))
    read = read_column_map(path)
    assert (read.propensity, read.time, read.context, read.policy) == (0.25, None, None, None)
    assert read.seconds_per_row == SECONDS_PER_ROW


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('placement = "hero"', "", "map.toml: placement: Missing key. Add `placement`."),
        ('"hero"', '"Home Hero"', "map.toml: placement: Expected a name of 1 to 64 characters"),
        ("[columns]", "[colums]", "map.toml: columns.action: Missing key. Add `action`."),
        ('"shown"', "3", "map.toml: columns.action: Expected text of 1 to 256 printable characters, found 3."),
        ('"p"', "0", "map.toml: columns.propensity: Expected a probability above 0 and at most 1, found 0."),
        ('"p"', "1.5", "map.toml: columns.propensity: Expected a probability above 0 and at most 1, found 1.5."),
        ('"p"', '"p"\ncontext = "age"', 'map.toml: columns.context: Expected a list of columns, found "age".'),
        (
            '"p"',
            '"p"\nrewards = "paid"',
            'map.toml: columns.rewards: Unknown key "rewards". Did you mean `reward`?',
        ),
        ('"p"', '"paid"', 'map.toml: columns.propensity: Column "paid" is already used as columns.reward.'),
        (
            '"p"',
            '"p"\ncontext = ["paid"]',
            'map.toml: columns.context: Column "paid" is already used as columns.reward.',
        ),
        ('"hero"', '"hero"\nseconds_per_row = 0', "map.toml: seconds_per_row: Expected a number from 1e-05"),
        ('"hero"', '"hero"\npolicy = 7', "map.toml: policy: Expected text of 1 to 256 printable characters, found 7."),
        (
            "[columns]",
            'seconds_per_row = 1\n[columns]\ntime = "at"',
            'map.toml: seconds_per_row: Both seconds_per_row and columns.time ("at") are set.',
        ),
    ],
)
def test_an_invalid_map_is_refused_with_its_key(tmp_path: Path, before: str, after: str, message: str) -> None:
    assert any(line.startswith(message) for line in error_of(tmp_path, MAP.replace(before, after)).splitlines())


def test_every_problem_of_a_map_is_reported(tmp_path: Path) -> None:
    wrong = MAP.replace('"shown"', "1").replace('"paid"', "2").replace('"p"', "3")
    assert len(error_of(tmp_path, wrong).splitlines()) == 3


def test_invalid_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text("\nplacement = ")
    with pytest.raises(PolicyError, match=r"^map\.toml:2"):
        read_column_map(tmp_path / "map.toml")
