"""A policy: the rules for the decisions of one placement. Plain data for every package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from edgewise.types import Condition, FeatureValue, Milliseconds, Span

Algorithm: TypeAlias = Literal["auto", "squarecb", "epsilon", "softmax", "regcb"]
Mode: TypeAlias = Literal["online", "apprentice", "frozen"]
Combine: TypeAlias = Literal["first", "sum", "max"]
Attribute: TypeAlias = Literal["last", "all"]
Sticky: TypeAlias = Literal["request", "session", "visitor"]
Namespace: TypeAlias = Literal["page", "device", "place", "locale", "time", "visitor", "data"]

NAMESPACES: tuple[Namespace, ...] = ("page", "device", "place", "locale", "time", "visitor", "data")
"""The parts of a context that can be features, in the order of a context line."""

NOT_FEATURES = frozenset({"url", "title", "id"})
"""The names of attributes that are never features, because they are different on each page or for each visitor."""


@dataclass(frozen=True, slots=True)
class Cap:
    """The most exposures of one action to one visitor in a span of time."""

    count: int
    per: Span


@dataclass(frozen=True, slots=True)
class Action:
    """One alternative of a placement. It is eligible if all of its limits allow it.

    - `when` holds for the visitor. None holds for everyone.
    - It is `enabled`, and the time is at or after `starts` and before `ends` (milliseconds since the epoch).
    - The visitor has seen it less often than its `cap`.
    - The visitor has sent none of the events in `not_after` about it.
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
        """Whether the action is not eligible for some visitors or at some times."""
        limits = (self.when, self.starts, self.ends, self.cap)
        return not self.enabled or bool(self.not_after) or any(limit is not None for limit in limits)


@dataclass(frozen=True, slots=True)
class Pin:
    """A rule: visitors who match `when` get this action if it is eligible. None matches everyone."""

    action: str
    when: Condition | None = None


@dataclass(frozen=True, slots=True)
class Explore:
    """The conversion of scores to probabilities. `floor` is the share spread evenly over the eligible actions."""

    algorithm: Algorithm = "auto"
    floor: float = 0.02
    mode: Mode = "online"


@dataclass(frozen=True, slots=True)
class Reward:
    """The value of events, and the time limits for them.

    `window` starts at the impression. `impression_within` starts at the decision. `low` and `high` clip the combined
    value, and `default` is the value without any event.
    """

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
    """The parts of the context that the model uses.

    Each item of `cross` has the paths of attributes that matter together. Their values are one more feature.
    """

    namespaces: tuple[Namespace, ...] = NAMESPACES
    cross: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules for the decisions of one placement.

    `baseline` has an action id for each of the `slots`. These actions are always eligible. The control group gets them,
    and every visitor gets them on a failure or while the policy is not `enabled`. `control_share` is the control
    group's share of the visitors. The first pin that matches overrides the model. `sticky` is how long a visitor keeps
    a drawn choice.
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
        """Every condition of the policy, with its key path."""
        for index, action in enumerate(self.actions):
            if action.when is not None:
                yield action.when, f"actions[{index}].when"
        for index, pin in enumerate(self.pins):
            if pin.when is not None:
                yield pin.when, f"pins[{index}].when"
