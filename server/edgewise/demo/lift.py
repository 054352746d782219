"""How much better the policy group does than the control group, with an interval that holds while one watches."""

from __future__ import annotations

import math
from typing import NamedTuple

ALPHA = 0.05
"""How often an interval may ever leave the truth out."""

ENOUGH = 20
"""Rewarded visitors that each group must have before there is an interval: it rests on the law of large numbers."""


class Rewards:
    """The rewards of a group's visitors, as far as they are needed: their number, sum and sum of squares."""

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
    """A relative difference of two means, 0.5 for half as much again, and its 95% interval."""

    value: float
    low: float
    high: float


def lift(policy: Rewards, control: Rewards, planned: int) -> Lift | None:
    """The lift of the policy group over the control group; None until both have rewarded visitors enough.

    The interval holds at all times at once, so one may watch it, and stop when one likes it. It is the narrowest when
    `planned` visitors have come. With m, v, n the groups' means, variances and numbers of visitors, and t all visitors:

        log(1 + lift) = log(m1/m0) ± sqrt(t · (v1/(n1·m1²) + v0/(n0·m0²))) · boundary(t)
        boundary(t) = sqrt(2 · (tρ² + 1)/(t²ρ²) · log(sqrt(tρ² + 1)/α))

    It assumes that the groups were split at random. The policy may learn on the way: its mean is then that of what it
    has shown so far.

    Reference: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central limit theory and asymptotic
    confidence sequences", Annals of Statistics 52(6), 2024 (the boundary, and ρ in its section on choosing it).
    """
    if min(policy.rewarded, control.rewarded) < ENOUGH:
        return None
    visitors = policy.visitors + control.visitors
    spread = math.sqrt(visitors * (_relative_variance(policy) + _relative_variance(control)))
    middle, half = math.log(policy.mean / control.mean), spread * _boundary(visitors, planned)
    return Lift(math.expm1(middle), math.expm1(middle - half), math.expm1(middle + half))


def _relative_variance(rewards: Rewards) -> float:
    return rewards.variance / (rewards.visitors * rewards.mean**2)


def _boundary(seen: int, planned: int) -> float:
    aim = -2 * math.log(ALPHA)
    grown = seen * (aim + math.log(aim + 1)) / planned
    return math.sqrt(2 * (grown + 1) / (seen * grown) * math.log(math.sqrt(grown + 1) / ALPHA))
