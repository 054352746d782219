"""Replay reports with known figures."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from edgewise.evaluation.logged_traffic import LoggedRow, LoggedTraffic
from edgewise.evaluation.replay_report import Halves, ReplayReport, ReplayResult, make_report
from tests.evaluation.logs import HERO

EVEN = [0.5] * 8


def report(actions: str, choices: str, rewards: str, propensities: Sequence[float] = EVEN) -> ReplayReport:
    """A report on eight rows, with a digit for each. A dot is no choice."""
    columns = zip(actions, rewards, propensities, strict=True)
    rows = [LoggedRow({}, int(action), float(reward), propensity, 86_400_000) for action, reward, propensity in columns]
    chosen = [None if choice == "." else int(choice) for choice in choices]
    return make_report(LoggedTraffic(HERO, rows), ReplayResult(chosen, 2.0, {"none": chosen.count(None)}))


def means(halves: Halves) -> list[float]:
    return [estimate.mean for estimate in halves]


def test_the_policy_has_the_mean_reward_of_the_matching_rows() -> None:
    shown = report(actions="01010101", choices="00110011", rewards="10000011")
    assert means(shown.policy) == [0.5, 0.5, 0.5]
    assert [estimate.rows for estimate in shown.policy] == [4, 2, 2]
    shown = report(actions="01010101", choices="01..1101", rewards="10110101")
    assert means(shown.policy) == pytest.approx([3 / 5, 1 / 2, 2 / 3])


def test_the_log_has_the_plain_mean_of_all_rows() -> None:
    assert means(report("01010101", "........", "11100001").logged) == [4 / 8, 3 / 4, 1 / 4]


def test_the_best_single_action_is_best_in_the_whole_log() -> None:
    shown = report(actions="00110011", choices="00000000", rewards="00110010")
    assert shown.best_action == "deal"
    assert means(shown.best) == [3 / 4, 1, 1 / 2]
    assert means(shown.difference) == [-3 / 4, -1, -1 / 2]


def test_propensities_weigh_rows_except_in_the_mean_of_the_log() -> None:
    propensities = [0.5, 0.25, 0.5, 0.25] * 2
    shown = report("00110011", "00000000", "10110010", propensities)
    assert shown.policy.first.mean == pytest.approx(2 / (2 + 4))
    assert shown.best.second.mean == pytest.approx(2 / (2 + 4))
    assert shown.logged.first.mean == 3 / 4


def test_unknown_values_are_null_in_json() -> None:
    shown = report(actions="00000000", choices="11111111", rewards="10110010")
    assert math.isnan(shown.policy.all.mean)
    assert shown.best_action == "plain"
    assert shown.as_json()["policy"]["all"] == {"mean": None, "halfWidth": None, "rows": 0}


def test_a_report_has_all_figures_in_json() -> None:
    reported = report(actions="01010101", choices="0101010.", rewards="10110101").as_json()
    assert (reported["rows"], reported["matched"], reported["leftOut"], reported["seed"]) == (8, 7, {"none": 1}, None)
    assert reported["decisionsPerSecond"] == 4
    assert reported["best"]["action"] == "deal"
    assert reported["difference"].keys() == {"all", "first", "second"}
    assert reported["policy"]["all"]["mean"] == pytest.approx(4 / 7)
