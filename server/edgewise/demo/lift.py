"""The lift of the policy group over the control group, with an interval that is valid at every look."""

from __future__ import annotations

import math
from typing import NamedTuple

ALPHA = 0.05
"""The probability that an interval ever misses the true lift."""

MIN_REWARDED = 20
"""Rewarded visitors that each group needs before an interval is given. The interval is asymptotic."""


class GroupRewards:
    """The number, sum and sum of squares of the rewards of a group's visitors."""

    def __init__(self) -> None:
        self.visitors = 0
        self.rewarded = 0
        self.total = 0.0
        self._squares = 0.0

    def add(self, reward: float) -> None:
        self.visitors += 1
        self.rewarded += reward > 0
        self.total += reward
        self._squares += reward * reward

    @property
    def mean(self) -> float:
        """NaN before the first visitor."""
        return self.total / self.visitors if self.visitors else math.nan

    @property
    def variance(self) -> float:
        """NaN before the first visitor."""
        return self._squares / self.visitors - self.mean**2 if self.visitors else math.nan


class Lift(NamedTuple):
    """The relative difference of two means and its 95% interval. A `value` of 0.5 is an increase of 50%."""

    value: float
    low: float
    high: float


def estimate_lift(policy: GroupRewards, control: GroupRewards, planned: int) -> Lift | None:
    """The lift of the policy group over the control group, None until both have `MIN_REWARDED` rewarded visitors.

    The interval is valid at all times at once, so you may watch it and stop at any moment. It is narrowest after
    `planned` visitors. With m, v, n the groups' means, variances and numbers of visitors, and t all visitors::

        log(1 + lift) = log(m1/m0) ± sqrt(t · (v1/(n1·m1²) + v0/(n0·m0²))) · boundary(t)
        boundary(t) = sqrt(2 · (tρ² + 1)/(t²ρ²) · log(sqrt(tρ² + 1)/α))

    The interval assumes that visitors are assigned to the groups at random. The policy may learn in the meantime.
    Its mean is then that of all decisions so far.

    Reference: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central limit theory and asymptotic
    confidence sequences", Annals of Statistics 52(6), 2024. It has the boundary, and a section on how to choose ρ.
    """
    if min(policy.rewarded, control.rewarded) < MIN_REWARDED:
        return None
    visitors = policy.visitors + control.visitors
    spread = math.sqrt(visitors * (_relative_variance(policy) + _relative_variance(control)))
    middle, half = math.log(policy.mean / control.mean), spread * _boundary(visitors, planned)
    return Lift(math.expm1(middle), math.expm1(middle - half), math.expm1(middle + half))


def _relative_variance(rewards: GroupRewards) -> float:
    return rewards.variance / (rewards.visitors * rewards.mean**2)


def _boundary(visitors: int, planned: int) -> float:
    aim = -2 * math.log(ALPHA)
    grown = visitors * (aim + math.log(aim + 1)) / planned
    return math.sqrt(2 * (grown + 1) / (visitors * grown) * math.log(math.sqrt(grown + 1) / ALPHA))
