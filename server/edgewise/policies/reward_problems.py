"""Rewards that the policy's range cuts."""

from __future__ import annotations

from edgewise.config.table import child
from edgewise.errors import Problem
from edgewise.policies.policy import Reward


def reward_problems(reward: Reward) -> list[Problem]:
    """A problem for each event whose value is outside of `range`. The range would cut it, each time."""
    return [
        Problem(child("reward.events", event), _message(value, reward))
        for event, value in reward.events.items()
        if not reward.low <= value <= reward.high
    ]


def _message(value: float, reward: Reward) -> str:
    low, high = min(reward.low, *reward.events.values()), max(reward.high, *reward.events.values())
    return (
        f"Expected a number within `range`, from {reward.low:g} to {reward.high:g}, found {value:g}. "
        f"Change it, or set range = [{low!r}, {high!r}] in [reward]."
    )
