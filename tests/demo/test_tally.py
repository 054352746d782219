from __future__ import annotations

import pytest

from edgewise.demo.simulated_visitors import CLICK, ORDER, RESOLVE, SEGMENTS, Visitor
from edgewise.demo.tally import LATELY, RECENT_SECONDS, Tally

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
def tally(clock: Clock) -> Tally:
    return Tally(SEGMENTS, 1000, WORTH, clock)


def visitor(interest: float = 0.99, resolve: float = 0.99) -> Visitor:
    """A student; one who clicks has little `interest` to overcome."""
    return Visitor("v", STUDENTS, {}, "", interest, resolve)


def test_shares_are_those_of_the_policy_group(tally: Tally) -> None:
    for group, action in [("policy", "plain"), ("policy", "summer-sale"), ("control", "plain"), ("fallback", "plain")]:
        tally.decided(visitor(), group, action)
    assert tally.share(STUDENTS, "plain") == tally.share(STUDENTS, "summer-sale") == 0.5
    assert tally.share(HUNTERS, "plain") == 0.0
    assert (tally.decisions, tally.fallbacks) == (4, 1)


def test_shares_are_of_the_latest_visitors(tally: Tally) -> None:
    for action in ["plain"] * LATELY + ["summer-sale"] * (LATELY // 3):
        tally.decided(visitor(), "policy", action)
    assert tally.share(STUDENTS, "summer-sale") == pytest.approx(1 / 3)
    action, share = tally.leader(STUDENTS)
    assert action == "plain"
    assert share == pytest.approx(2 / 3)


def test_of_how_many_visitors_may_be_said(clock: Clock) -> None:
    tally = Tally(SEGMENTS, 1000, WORTH, clock, lately=4)
    for action in ["plain"] * 4 + ["summer-sale"] * 3:
        tally.decided(visitor(), "policy", action)
    assert tally.share(STUDENTS, "summer-sale") == 0.75


def test_an_action_that_was_added_to_the_policy_is_listed_once_it_is_shown(tally: Tally) -> None:
    assert tally.actions == list(STUDENTS.tastes)
    tally.decided(visitor(), "policy", "brand-new")
    assert tally.actions == [*STUDENTS.tastes, "brand-new"]


def test_rewards_are_counted_for_the_group_that_earned_them(tally: Tally) -> None:
    tally.reacted(visitor(interest=0.0), "policy", "plain")
    tally.reacted(visitor(interest=0.0, resolve=RESOLVE / 2), "control", "plain")
    tally.reacted(visitor(interest=0.0, resolve=RESOLVE / 2), "fallback", "plain")
    assert (tally.policy.visitors, tally.policy.total) == (1, 0.2)
    assert (tally.control.visitors, tally.control.total) == (1, 1.0)
    assert tally.compared == 2


def test_each_period_has_its_rewards(tally: Tally) -> None:
    for number in range(1000):
        tally.reacted(visitor(interest=0.0 if number >= 500 else 0.99), "policy", "plain")
    assert [period.mean for period in tally.periods] == pytest.approx([0.0] * 10 + [0.2] * 10)


def test_decisions_a_second_are_those_of_late_until_all_visitors_came(tally: Tally, clock: Clock) -> None:
    for _ in range(900):
        clock.seconds += 0.01
        tally.arrived()
        tally.decided(visitor(), "policy", "plain")
    assert tally.per_second == pytest.approx(100, rel=0.01)
    clock.seconds += RECENT_SECONDS * 2
    assert tally.per_second == 0
    for _ in range(100):
        tally.arrived()
        tally.decided(visitor(), "policy", "plain")
    before = tally.per_second
    clock.seconds += RECENT_SECONDS * 2
    assert tally.per_second == before > 0
