"""A policy: how one placement is decided. Plain data, the same for every room."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from edgewise.types import Condition, FeatureValue, Milliseconds, Span

Algorithm: TypeAlias = Literal["squarecb", "epsilon", "softmax", "regcb"]
Mode: TypeAlias = Literal["online", "apprentice", "frozen"]
Combine: TypeAlias = Literal["first", "sum", "max"]
Attribute: TypeAlias = Literal["last", "all"]
Sticky: TypeAlias = Literal["request", "session", "visitor"]
Namespace: TypeAlias = Literal["page", "device", "place", "locale", "time", "visitor", "data"]

NAMESPACES: tuple[Namespace, ...] = ("page", "device", "place", "locale", "time", "visitor", "data")
"""The parts of a context that can be features, in the order in which they stand in a context line."""


@dataclass(frozen=True, slots=True)
class Cap:
    """How often a visitor is shown an action at most, in a span of time."""

    count: int
    per: Span


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be shown. `when` is None for an action that everyone may see.

    It is shown while it is `enabled`, from `starts` until before `ends` (milliseconds since the epoch), as often as its
    `cap` allows, and never again after one of the events in `not_after`.
    """

    id: str
    features: Mapping[str, FeatureValue] = field(default_factory=dict)
    payload: Mapping[str, Any] = field(default_factory=dict)
    when: Condition | None = None
    enabled: bool = True
    starts: Milliseconds | None = None
    ends: Milliseconds | None = None
    cap: Cap | None = None
    not_after: tuple[str, ...] = ()

    @property
    def restricted(self) -> bool:
        """Whether there may be someone, or some time, that it is not shown."""
        limits = (self.when, self.starts, self.ends, self.cap)
        return not self.enabled or bool(self.not_after) or any(limit is not None for limit in limits)


@dataclass(frozen=True, slots=True)
class Pin:
    """A rule: those for whom `when` holds (None: all) are shown this action, if they may see it."""

    action: str
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
    is shown when we fail open, or when the policy is not `enabled`. `control_share` is the share of visitors that
    always get it. The first of the `pins` that holds goes before everything else. `sticky` says
    for how long a choice, once drawn, stays.
    """

    placement: str
    actions: tuple[Action, ...]
    baseline: tuple[str, ...]
    slots: int = 1
    explore: Explore = Explore()
    reward: Reward = Reward()
    features: Features = Features()
    control_share: float = 0.05
    enabled: bool = True
    pins: tuple[Pin, ...] = ()
    sticky: Sticky = "request"

    def conditions(self) -> Iterator[tuple[Condition, str]]:
        """Every condition in it, with its key path."""
        for index, action in enumerate(self.actions):
            if action.when is not None:
                yield action.when, f"actions[{index}].when"
        for index, pin in enumerate(self.pins):
            if pin.when is not None:
                yield pin.when, f"pins[{index}].when"
