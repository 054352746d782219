"""Exploration: the floor under the probabilities, and a draw that can be repeated."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from edgewise.types import DecisionKey


def with_floor(probabilities: Sequence[float], floor: float) -> list[float]:
    """`p = (1 - floor) * q + floor / K` for each of the K available actions. The sum is 1."""
    kept, even = (1.0 - floor) / sum(probabilities), floor / len(probabilities)
    return [kept * probability + even for probability in probabilities]


def uniform(key: DecisionKey, purpose: bytes) -> float:
    """A number in [0, 1) that depends only on the decision's key and the purpose of the draw."""
    return (int.from_bytes(blake2b(key, digest_size=8, person=purpose).digest(), "big") >> 11) * 2.0**-53


def draw(propensities: Sequence[float], point: float) -> int:
    """The position of the propensity that contains the point in [0, 1), if they are laid end to end."""
    reached = 0.0
    for position, propensity in enumerate(propensities):
        reached += propensity
        if point < reached:
            return position
    return len(propensities) - 1
