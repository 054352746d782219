"""The traffic reader, with maps and policies that match the log or do not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgewise.errors import PolicyError, ReplayError
from edgewise.evaluation.logged_traffic import LoggedRow, LoggedTraffic
from edgewise.evaluation.traffic_reader import read_traffic
from edgewise.policies.policy import Action, Explore, Reward
from tests.evaluation.logs import LOG, MAP, write

POLICY = """
placement = "hero"
baseline = "plain"
reward = { window = "5s", range = [0.0, 0.5] }
actions = [{ id = "deal", when = { "data.age" = { "$lt" = 30 } } }, { id = "plain" }]
"""


def traffic(folder: Path, map: str = MAP, log: str = LOG, name: str = "log.csv") -> LoggedTraffic:
    return read_traffic(*write(folder, map, log, name))


def error_of(folder: Path, map: str = MAP, log: str = LOG) -> str:
    with pytest.raises(ReplayError) as raised:
        traffic(folder, map, log)
    return str(raised.value)


def test_rows_have_the_columns_of_the_map(tmp_path: Path) -> None:
    read = traffic(tmp_path)
    assert [action.id for action in read.policy.actions] == ["deal", "plain"]
    first, second, third = read.rows
    assert first == LoggedRow({"age": 41, "city": "Bonn"}, 1, 0, 0.5, first.ms)
    assert second == LoggedRow({"age": 19, "city": "Bonn"}, 0, 1, 0.5, first.ms + 50)
    assert third == LoggedRow({"age": 33, "city": "Ulm"}, 1, 0.25, 0.25, first.ms + 100)
    assert read.clamped == 0


def test_ndjson_and_csv_give_the_same_traffic(tmp_path: Path) -> None:
    header, *rows = (line.split(",") for line in LOG.splitlines())
    objects = [dict(zip(header, row, strict=True)) for row in rows]
    typed = [one | {key: json.loads(one[key]) for key in ("age", "paid", "p")} for one in objects]
    ndjson = "\n".join(map(json.dumps, typed))
    assert traffic(tmp_path, log=ndjson, name="log.ndjson") == traffic(tmp_path)


def test_a_map_without_a_policy_gets_default_settings_and_no_control_group(tmp_path: Path) -> None:
    policy = traffic(tmp_path).policy
    assert policy.explore == Explore()
    assert policy.reward == Reward()
    assert policy.control_share == 0
    assert policy.actions == (Action("deal"), Action("plain"))


def test_a_map_without_a_policy_gets_a_range_with_all_rewards(tmp_path: Path) -> None:
    read = traffic(tmp_path, log=LOG.replace(",0,0.5", ",-2,0.5").replace(",1,0.5", ",499,0.5"))
    assert (read.policy.reward.low, read.policy.reward.high, read.clamped) == (-2, 499, 0)


def test_a_policy_file_decides_and_clamps_rewards(tmp_path: Path) -> None:
    (tmp_path / "hero.toml").write_text(POLICY)
    read = traffic(tmp_path, 'policy = "hero.toml"\n' + MAP)
    assert read.policy.reward.window == 5000
    assert [row.action for row in read.rows] == [1, 0, 1]
    assert [row.reward for row in read.rows] == [0, 0.5, 0.25]
    assert read.clamped == 1


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('"hero"', '"home"', 'map.toml: policy: Expected placement "hero", found "home".'),
        (
            'baseline = "plain"',
            'slots = 2\nbaseline = ["plain", "bye"]\nexplore = { floor = 0.1 }',
            "map.toml: policy: Expected 1 slot, found 2.",
        ),
        (
            'baseline = "plain"',
            'baseline = "plain"\nexplore = { mode = "frozen" }',
            "map.toml: policy: Expected explore.mode online, found frozen.",
        ),
        (
            'baseline = "plain"',
            'baseline = "plain"\nenabled = false',
            "map.toml: policy: The policy has enabled = false.",
        ),
        (
            'id = "deal"',
            'id = "deal", ends = 2030-01-01T00:00:00Z',
            "map.toml: policy: Actions have starts or ends.",
        ),
        (
            'id = "deal"',
            'id = "offer"',
            'log.csv:3: shown: Expected an action of the policy, found "deal". Use one of offer, plain.',
        ),
    ],
)
def test_a_policy_that_does_not_match_is_refused(tmp_path: Path, before: str, after: str, message: str) -> None:
    text = POLICY.replace(before, after)
    (tmp_path / "hero.toml").write_text(
        text.replace('{ id = "plain" }]', '{ id = "plain" }, { id = "bye" }]') if "slots" in after else text
    )
    assert error_of(tmp_path, 'policy = "hero.toml"\n' + MAP).startswith(message)


def test_a_missing_policy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"^hero\.toml: Cannot read the file"):
        traffic(tmp_path, 'policy = "hero.toml"\n' + MAP)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            '"paid"',
            '"payed"',
            'map.toml: columns.reward: Unknown or empty column "payed" of log.csv. Did you mean `paid`?',
        ),
        (
            '"shown"',
            '"x"',
            'map.toml: columns.action: Unknown or empty column "x" of log.csv. Use one of age,',
        ),
        (
            '"p"',
            '"x"',
            'map.toml: columns.propensity: Unknown or empty column "x" of log.csv. Use one of age,',
        ),
        (
            '"p"',
            '"p"\ntime = "x"',
            'map.toml: columns.time: Unknown or empty column "x" of log.csv. Use one of age,',
        ),
        (
            '"p"',
            '"p"\ncontext = ["age", "x"]',
            'map.toml: columns.context[1]: Unknown or empty column "x" of log.csv. Use one of age,',
        ),
        ('"paid"', '"city"', 'log.csv:2: city: Expected a finite number, found "Bonn".'),
        ('"p"', '"age"', "log.csv:2: age: Expected a probability above 0 and at most 1, found 41"),
        ('"p"', '"p"\ntime = "city"', "log.csv:2: city: Expected a time in ISO 8601"),
        ('"p"', '"p"\ntime = "age"', 'log.csv:2: age: Expected a time after 1970-01-01, found "41".'),
    ],
)
def test_a_map_that_does_not_match_the_log_is_refused(tmp_path: Path, before: str, after: str, message: str) -> None:
    assert error_of(tmp_path, MAP.replace(before, after)).startswith(message)


@pytest.mark.parametrize(
    ("log", "message"),
    [
        ("age,shown,paid,p\n", "log.csv: Expected at least 2 rows, found 0."),
        (LOG.replace(",0.25,", ",,"), "log.csv:4: paid: Expected a finite number, found null."),
        (LOG.replace(",0.25,", ",nan,"), 'log.csv:4: paid: Expected a finite number, found "nan".'),
        (LOG.replace("deal", ""), "log.csv:3: shown: Expected text of 1 to 128 printable characters, found null."),
        (
            LOG.replace("deal", "plain"),
            "map.toml: columns.action: Expected a column with 2 to 2000 different",
        ),
    ],
)
def test_an_invalid_log_is_refused_with_its_line(tmp_path: Path, log: str, message: str) -> None:
    assert error_of(tmp_path, log=log).startswith(message)


def test_a_column_with_too_many_actions_is_refused(tmp_path: Path) -> None:
    rows = "".join(f"{number},Bonn,user-{number},0,0.5\n" for number in range(2001))
    assert "found 2001 in column" in error_of(tmp_path, log=LOG.splitlines()[0] + "\n" + rows)


@pytest.mark.parametrize(
    "times",
    [
        ("2024-03-01T12:00:01Z", "2024-03-01 12:00:00", "2024-03-01T14:00:02.5+02:00"),
        ("1709294401", "1709294400", "1709294402.5"),
        ("1709294401000", "1709294400000", "1709294402500"),
    ],
)
def test_rows_are_sorted_by_time(tmp_path: Path, times: tuple[str, ...]) -> None:
    header, *rows = LOG.splitlines()
    log = "\n".join([f"{header},at", *(f"{row},{time}" for row, time in zip(rows, times, strict=True))])
    read = traffic(tmp_path, MAP + 'time = "at"\n', log)
    assert [row.ms for row in read.rows] == [1709294400000, 1709294401000, 1709294402500]
    assert [row.context["age"] for row in read.rows] == [19, 41, 33]


def test_a_shuffle_keeps_the_order_of_times(tmp_path: Path) -> None:
    rows = "".join(f"{number},Bonn,{'plain' if number % 2 else 'deal'},0,0.5\n" for number in range(50))
    read = traffic(tmp_path, log=LOG.splitlines()[0] + "\n" + rows)
    shuffled = read.shuffled(7)
    assert [row.ms for row in shuffled.rows] == [row.ms for row in read.rows]
    ages = [row.context["age"] for row in shuffled.rows]
    assert ages != sorted(ages) == list(range(50))
    assert shuffled == read.shuffled(7) != read.shuffled(8)
