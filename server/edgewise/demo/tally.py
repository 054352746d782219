"""The tally: what the visitors were shown, and what they did next, as the demo itself has counted it."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence

from edgewise.demo.lift import Lift, Rewards, lift
from edgewise.demo.simulated_visitors import Segment, Visitor, Worth

LATELY = 150
"""Visitors of a segment over whom its shares are counted."""

RECENT_SECONDS = 3.0
"""Time over which decisions a second are counted."""

PERIODS = 20
"""Parts of the run that the policy group's rewards are told of one by one."""


class Tally:
    """Counts. `planned` is how many visitors shall come, `worth` the reward of each reaction; `clock` tells seconds.

    Shares are those of the latest `lately` visitors of a segment.
    """

    def __init__(
        self,
        segments: Sequence[Segment],
        planned: int,
        worth: Worth,
        clock: Callable[[], float] = time.monotonic,
        lately: int = LATELY,
    ) -> None:
        self.segments = segments
        self.planned = planned
        self.worth = worth
        self.came = 0
        self.decisions = 0
        self.fallbacks = 0
        self.failures = 0
        self.refused = 0
        self.policy = Rewards()
        self.control = Rewards()
        self.periods = [Rewards() for _ in range(PERIODS)]
        self._shown = {segment.name: deque[str](maxlen=lately) for segment in segments}
        self._times: deque[float] = deque()
        self._clock = clock
        self._began = clock()

    def arrived(self) -> None:
        """A visitor comes."""
        self.came += 1

    def decided(self, visitor: Visitor, group: str, action: str) -> None:
        """What to show was answered."""
        self.decisions += 1
        self._times.append(self._clock())
        if group == "policy":
            self._shown[visitor.segment.name].append(action)
        self.fallbacks += group == "fallback"

    def reacted(self, visitor: Visitor, group: str, action: str) -> None:
        """All that follows was told. Only what was decided on purpose is compared."""
        reward = self.worth[visitor.reaction(action)]
        if group == "policy":
            self.periods[min(PERIODS * self.compared // self.planned, PERIODS - 1)].add(reward)
            self.policy.add(reward)
        elif group == "control":
            self.control.add(reward)

    @property
    def compared(self) -> int:
        """Visitors of both groups who have reacted."""
        return self.policy.visitors + self.control.visitors

    @property
    def actions(self) -> list[str]:
        """Every action there is a taste for, or that was shown to someone."""
        liked = [action for segment in self.segments for action in segment.tastes]
        return list(dict.fromkeys([*liked, *(action for shown in self._shown.values() for action in shown)]))

    def share(self, segment: Segment, action: str) -> float:
        """The share of an action in what the policy group of a segment was shown lately."""
        shown = self._shown[segment.name]
        return shown.count(action) / len(shown) if shown else 0.0

    def leader(self, segment: Segment) -> tuple[str, float]:
        """The action that a segment was shown most often lately, and its share."""
        [(action, count)] = Counter(self._shown[segment.name]).most_common(1) or [("", 0)]
        return action, count / max(len(self._shown[segment.name]), 1)

    def lift(self) -> Lift | None:
        """What the policy group's visitors are worth above those of the control group."""
        return lift(self.policy, self.control, self.planned)

    @property
    def seconds(self) -> float:
        """Since the demo began."""
        return self._clock() - self._began

    @property
    def per_second(self) -> float:
        """Decisions a second of late; once all visitors came, what it was then."""
        end = self._times[-1] if self._times and self.came == self.planned else self._clock()
        while self._times and self._times[0] < end - RECENT_SECONDS:
            self._times.popleft()
        return len(self._times) / max(min(end - self._began, RECENT_SECONDS), 1.0)
