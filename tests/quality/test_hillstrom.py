"""The reward of the default settings on the e-mail experiment, in this process and over HTTP.

The men's e-mail is the best action for nearly every customer. So the loss against sending it to everyone is the cost of
exploration and of the floor. Other settings that seem equally good lose many times as much, as
docs/engineering/learning.md shows.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import get_args

import pytest
from rich.console import Console

from edgewise.evaluation.replay import replay, replay_in_process
from edgewise.evaluation.replay_report import ReplayReport, make_report
from edgewise.evaluation.traffic_reader import read_traffic
from edgewise.policies.policy import Algorithm, Explore
from tests.integration.service import run_service
from tests.quality.hillstrom import LOG, MAP, needs_log

pytestmark = needs_log

POLICY = """
placement = "email"
baseline = "No E-Mail"
reward = { window = "1s" }
control = { share = 0.0 }
actions = [{ id = "Mens E-Mail" }, { id = "No E-Mail" }, { id = "Womens E-Mail" }]
"""


def reports(algorithm: Algorithm, shuffles: int) -> list[ReplayReport]:
    """Replays with this algorithm and otherwise default settings."""
    traffic = read_traffic(LOG, MAP)
    traffic = traffic._replace(policy=replace(traffic.policy, explore=Explore(algorithm)))
    shuffled = [(seed, traffic.shuffled(seed)) for seed in range(shuffles)]
    return [make_report(one, replay_in_process(one, seed, lambda: None), seed) for seed, one in shuffled]


def second_halves(reports: list[ReplayReport]) -> list[float]:
    """The reward above that of the best single action, in the second half of the rows."""
    return [report.difference.second.mean for report in reports]


def test_the_policy_gets_most_of_the_best_reward_after_some_thousand_rows() -> None:
    traffic = read_traffic(LOG, MAP).shuffled(0)
    start = traffic._replace(rows=traffic.rows[:8_000])
    report = make_report(start, replay_in_process(start, 0, lambda: None))
    assert report.best_action == "Mens E-Mail"
    lead = report.best.second.mean - report.logged.second.mean
    assert lead > 0.03
    assert report.policy.second.mean > report.logged.second.mean + 0.6 * lead


@pytest.mark.quality
def test_the_policy_gets_the_best_reward_on_five_shuffles() -> None:
    differences = second_halves(replay(LOG, MAP, range(5), console=Console(quiet=True)))
    assert fmean(differences) >= -0.003
    assert min(differences) >= -0.006


@pytest.mark.quality
@pytest.mark.parametrize("algorithm", get_args(Algorithm))
def test_every_algorithm_gets_nearly_the_best_reward(algorithm: Algorithm) -> None:
    differences = second_halves(reports(algorithm, 5))
    assert fmean(differences) >= -0.004
    assert min(differences) >= -0.008


@pytest.mark.quality
async def test_a_replay_over_http_gets_the_reward_of_one_in_this_process(tmp_path: Path) -> None:
    """The pace must be the same, because it determines the rows before a window closes. Draws differ by about 0.001."""
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "email.toml").write_text(POLICY)
    map = tmp_path / "map.toml"
    map.write_text(f'policy = "policies/email.toml"\n{MAP.read_text()}')
    async with run_service(tmp_path / "service", policies=str(policies), workers="1") as service:
        (live,) = await asyncio.to_thread(replay, LOG, map, [0], url=service.url, console=Console(quiet=True))
    assert not live.left_out
    map.write_text(f"seconds_per_row = {1 / live.decisions_per_second:.6f}\n{map.read_text()}")
    ordered = read_traffic(LOG, map).shuffled(0)
    draws = [make_report(ordered, replay_in_process(ordered, seed, lambda: None)).policy.all.mean for seed in range(4)]
    assert abs(live.policy.all.mean - fmean(draws)) < 0.004
