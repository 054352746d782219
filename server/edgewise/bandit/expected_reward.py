"""What a model expects of actions, how sure it is, and how much it has learned."""

from __future__ import annotations

from typing import NamedTuple


class ExpectedReward(NamedTuple):
    """The expected reward of an action, and its 95% interval from `low` to `high`.

    A model has rewards from 0 to 1. `scaled` has those of a policy. The interval leaves out what all actions have in
    common, since it does not matter for their order. `best` is the probability that the action is the best one, if all
    of the uncertainty counts.
    """

    reward: float
    low: float
    high: float
    best: float

    def scaled(self, low: float, high: float) -> ExpectedReward:
        """The estimate for rewards from `low` to `high`."""
        reward, lowest, highest = (low + (high - low) * value for value in self[:3])
        return ExpectedReward(reward, lowest, highest, self.best)


class Progress(NamedTuple):
    """What a model has learned from.

    `conversions` is the number of learned rewards above the lowest. `explored` is the share of about the last thousand
    learned slots that showed another action than the one with the highest expected reward. `changes` is the number of
    changes of taste.
    """

    conversions: int
    explored: float
    changes: int
