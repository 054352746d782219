"""The counts of a policy's fold. They are part of the checkpoint, so nothing is counted twice."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import msgpack

MAX_ACTIONS = 4096
"""The most actions with a count of their own. Later ones share the empty name."""


@dataclass(slots=True)
class RewardTally:
    """The number of closed slots that were seen, and the sum of their rewards."""

    seen: int = 0
    reward: float = 0.0

    def add(self, reward: float) -> None:
        self.seen += 1
        self.reward += reward

    @property
    def mean(self) -> float | None:
        """The mean reward of a seen slot, None before the first."""
        return self.reward / self.seen if self.seen else None


@dataclass(slots=True)
class Statistics:
    """Counts since the start of the fold.

    - `outcomes` paid a slot or marked it as seen.
    - `repeats`, `closed` and `unattributed` changed nothing. They were counted before, belong to a closed or unknown
      decision, or found no open decision of their visitor.
    - `robots` counts answered robots. They are in no other count.
    - `learned`, `unseen`, `cut` and `unlearned` are closed slots. Only `learned` ones taught the model. `unlearned`
      ones were in the control group, pinned, or of a frozen policy.
    """

    decisions: int = 0
    control_decisions: int = 0
    pinned_decisions: int = 0
    outcomes: int = 0
    repeats: int = 0
    closed: int = 0
    unattributed: int = 0
    unreadable: int = 0
    robots: int = 0
    learned: int = 0
    unseen: int = 0
    cut: int = 0
    unlearned: int = 0
    policy: RewardTally = field(default_factory=RewardTally)
    control: RewardTally = field(default_factory=RewardTally)
    pinned: RewardTally = field(default_factory=RewardTally)
    actions: dict[str, RewardTally] = field(default_factory=dict)

    def action(self, action: str) -> RewardTally:
        """The tally of one action in group `policy`."""
        if action not in self.actions and len(self.actions) >= MAX_ACTIONS:
            action = ""
        return self.actions.setdefault(action, RewardTally())

    def encode(self) -> bytes:
        packed: bytes = msgpack.packb(asdict(self))
        return packed

    @classmethod
    def decode(cls, data: bytes) -> Statistics:
        fields: dict[str, Any] = msgpack.unpackb(data)
        policy, control, pinned = (RewardTally(**fields.pop(group, {})) for group in ("policy", "control", "pinned"))
        actions = {action: RewardTally(**tally) for action, tally in fields.pop("actions").items()}
        return cls(**fields, policy=policy, control=control, pinned=pinned, actions=actions)
