"""Counts of what simulated visitors saw and did, kept by the demo itself."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence

from edgewise.demo.lift import GroupRewards, Lift, estimate_lift
from edgewise.demo.simulated_visitors import ReactionRewards, SimulatedVisitor, VisitorSegment

SHARE_WINDOW = 150
"""The number of a segment's latest visitors from which shares are computed."""

RECENT_SECONDS = 3.0
"""The period over which the rate of decisions is computed."""

PERIODS = 20
"""Parts of the run whose mean rewards are kept separately."""


class DemoTally:
    """`planned` is the expected number of visitors, `rewards` the reward of each reaction, `clock` counts seconds.

    Shares are computed from the latest `share_window` visitors of a segment.
    """

    def __init__(
        self,
        segments: Sequence[VisitorSegment],
        planned: int,
        rewards: ReactionRewards,
        clock: Callable[[], float] = time.monotonic,
        share_window: int = SHARE_WINDOW,
    ) -> None:
        self.segments = segments
        self.planned = planned
        self.rewards = rewards
        self.arrived = 0
        self.decisions = 0
        self.fallbacks = 0
        self.failures = 0
        self.rejected = 0
        self.policy = GroupRewards()
        self.control = GroupRewards()
        self.periods = [GroupRewards() for _ in range(PERIODS)]
        self._shown = {segment.name: deque[str](maxlen=share_window) for segment in segments}
        self._times: deque[float] = deque()
        self._clock = clock
        self._began = clock()

    def count_visitor(self) -> None:
        self.arrived += 1

    def count_decision(self, visitor: SimulatedVisitor, group: str, action: str) -> None:
        self.decisions += 1
        self._times.append(self._clock())
        if group == "policy":
            self._shown[visitor.segment.name].append(action)
        self.fallbacks += group == "fallback"

    def count_reaction(self, visitor: SimulatedVisitor, group: str, action: str) -> None:
        """Count a reaction after its last event. Fallbacks are in neither group, so they do not count."""
        reward = self.rewards[visitor.reaction(action)]
        if group == "policy":
            self.periods[min(PERIODS * self.compared // self.planned, PERIODS - 1)].add(reward)
            self.policy.add(reward)
        elif group == "control":
            self.control.add(reward)

    @property
    def compared(self) -> int:
        """Visitors of both groups whose reaction was counted."""
        return self.policy.visitors + self.control.visitors

    @property
    def actions(self) -> list[str]:
        """Actions that a segment has a taste for, and actions that a visitor has seen."""
        liked = [action for segment in self.segments for action in segment.tastes]
        return list(dict.fromkeys([*liked, *(action for shown in self._shown.values() for action in shown)]))

    def share(self, segment: VisitorSegment, action: str) -> float:
        """The share of an action in the policy group's latest decisions for a segment."""
        shown = self._shown[segment.name]
        return shown.count(action) / len(shown) if shown else 0.0

    def leader(self, segment: VisitorSegment) -> tuple[str, float]:
        """The most frequent of the policy group's latest actions for a segment, and its share."""
        [(action, count)] = Counter(self._shown[segment.name]).most_common(1) or [("", 0)]
        return action, count / max(len(self._shown[segment.name]), 1)

    def lift(self) -> Lift | None:
        return estimate_lift(self.policy, self.control, self.planned)

    @property
    def seconds(self) -> float:
        """Time since the demo began."""
        return self._clock() - self._began

    @property
    def per_second(self) -> float:
        """The recent rate of decisions. After the last visitor it keeps its final value."""
        end = self._times[-1] if self._times and self.arrived == self.planned else self._clock()
        while self._times and self._times[0] < end - RECENT_SECONDS:
            self._times.popleft()
        return len(self._times) / max(min(end - self._began, RECENT_SECONDS), 1.0)
