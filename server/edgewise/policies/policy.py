"""A policy: how one placement is decided. Plain data, the same for every room."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from edgewise.types import Condition, Milliseconds

Algorithm: TypeAlias = Literal["squarecb", "epsilon", "softmax", "regcb"]
Mode: TypeAlias = Literal["online", "apprentice", "frozen"]
Combine: TypeAlias = Literal["first", "sum", "max"]
Attribute: TypeAlias = Literal["last", "all"]
Namespace: TypeAlias = Literal["page", "device", "place", "locale", "time", "visitor", "data"]
FeatureValue: TypeAlias = str | bool | int | float | tuple[str | bool | int | float, ...]

NAMESPACES: tuple[Namespace, ...] = ("page", "device", "place", "locale", "time", "visitor", "data")
"""The parts of a context that can be features, in the order in which they stand in a context line."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be shown. `when` is None for an action that everyone may see."""

    id: str
    features: Mapping[str, FeatureValue] = field(default_factory=dict)
    payload: Mapping[str, Any] = field(default_factory=dict)
    when: Condition | None = None


@dataclass(frozen=True, slots=True)
class Explore:
    """How scores become probabilities. `floor` is the share spread evenly over the eligible actions."""

    algorithm: Algorithm = "squarecb"
    floor: float = 0.02
    mode: Mode = "online"


@dataclass(frozen=True, slots=True)
class Reward:
    """What outcomes are worth and how long they are waited for."""

    window: Milliseconds = 60_000
    impression_within: Milliseconds = 600_000
    combine: Combine = "sum"
    default: float = 0.0
    low: float = 0.0
    high: float = 1.0
    attribute: Attribute = "last"
    events: Mapping[str, float] = field(default_factory=lambda: {"$click": 1.0})


@dataclass(frozen=True, slots=True)
class Features:
    """Which parts of the context the model sees."""

    namespaces: tuple[Namespace, ...] = NAMESPACES


@dataclass(frozen=True, slots=True)
class Policy:
    """How one placement is decided.

    `baseline` holds `slots` action ids, each of an action without a condition: what the control group sees, and what
    is shown when we fail open. `control_share` is the share of visitors that always get it.
    """

    placement: str
    actions: tuple[Action, ...]
    baseline: tuple[str, ...]
    slots: int = 1
    explore: Explore = Explore()
    reward: Reward = Reward()
    features: Features = Features()
    control_share: float = 0.05

    def conditions(self) -> Iterator[tuple[Condition, str]]:
        """Every condition in it, with its key path."""
        for index, action in enumerate(self.actions):
            if action.when is not None:
                yield action.when, f"actions[{index}].when"
