from __future__ import annotations

import pytest

from edgewise.demo.simulated_visitors import CLICK, ORDER, ORDER_RATE, SEGMENTS, SimulatedVisitor
from edgewise.demo.tally import RECENT_SECONDS, SHARE_WINDOW, DemoTally

STUDENTS, HUNTERS, _ = SEGMENTS
WORTH = {(): 0.0, (CLICK,): 0.2, (CLICK, ORDER): 1.0}


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tally(clock: Clock) -> DemoTally:
    return DemoTally(SEGMENTS, 1000, WORTH, clock)


def visitor(click_draw: float = 0.99, order_draw: float = 0.99) -> SimulatedVisitor:
    """A student. A low `click_draw` leads to a click."""
    return SimulatedVisitor("v", STUDENTS, {}, "", click_draw, order_draw)


def test_shares_are_those_of_the_policy_group(tally: DemoTally) -> None:
    for group, action in [("policy", "plain"), ("policy", "summer-sale"), ("control", "plain"), ("fallback", "plain")]:
        tally.count_decision(visitor(), group, action)
    assert tally.share(STUDENTS, "plain") == tally.share(STUDENTS, "summer-sale") == 0.5
    assert tally.share(HUNTERS, "plain") == 0.0
    assert (tally.decisions, tally.fallbacks) == (4, 1)


def test_shares_are_of_the_latest_visitors(tally: DemoTally) -> None:
    for action in ["plain"] * SHARE_WINDOW + ["summer-sale"] * (SHARE_WINDOW // 3):
        tally.count_decision(visitor(), "policy", action)
    assert tally.share(STUDENTS, "summer-sale") == pytest.approx(1 / 3)
    action, share = tally.leader(STUDENTS)
    assert action == "plain"
    assert share == pytest.approx(2 / 3)


def test_the_share_window_can_be_set(clock: Clock) -> None:
    tally = DemoTally(SEGMENTS, 1000, WORTH, clock, share_window=4)
    for action in ["plain"] * 4 + ["summer-sale"] * 3:
        tally.count_decision(visitor(), "policy", action)
    assert tally.share(STUDENTS, "summer-sale") == 0.75


def test_a_new_action_is_listed_after_its_first_decision(tally: DemoTally) -> None:
    assert tally.actions == list(STUDENTS.tastes)
    tally.count_decision(visitor(), "policy", "brand-new")
    assert tally.actions == [*STUDENTS.tastes, "brand-new"]


def test_rewards_are_counted_by_group(tally: DemoTally) -> None:
    tally.count_reaction(visitor(click_draw=0.0), "policy", "plain")
    tally.count_reaction(visitor(click_draw=0.0, order_draw=ORDER_RATE / 2), "control", "plain")
    tally.count_reaction(visitor(click_draw=0.0, order_draw=ORDER_RATE / 2), "fallback", "plain")
    assert (tally.policy.visitors, tally.policy.total) == (1, 0.2)
    assert (tally.control.visitors, tally.control.total) == (1, 1.0)
    assert tally.compared == 2


def test_rewards_are_counted_by_period(tally: DemoTally) -> None:
    for number in range(1000):
        tally.count_reaction(visitor(click_draw=0.0 if number >= 500 else 0.99), "policy", "plain")
    assert [period.mean for period in tally.periods] == pytest.approx([0.0] * 10 + [0.2] * 10)


def test_the_rate_is_recent_until_all_visitors_arrived(tally: DemoTally, clock: Clock) -> None:
    for _ in range(900):
        clock.seconds += 0.01
        tally.count_visitor()
        tally.count_decision(visitor(), "policy", "plain")
    assert tally.per_second == pytest.approx(100, rel=0.01)
    clock.seconds += RECENT_SECONDS * 2
    assert tally.per_second == 0
    for _ in range(100):
        tally.count_visitor()
        tally.count_decision(visitor(), "policy", "plain")
    before = tally.per_second
    clock.seconds += RECENT_SECONDS * 2
    assert tally.per_second == before > 0
