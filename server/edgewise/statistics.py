"""What a policy's fold has counted. Part of the checkpoint, so each thing is counted once."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import msgpack

MAX_ACTIONS = 4096
"""Actions counted by name; those that come after are counted together under the empty name."""


@dataclass(slots=True)
class Tally:
    """How many slots were seen until their window closed, and the sum of their rewards."""

    seen: int = 0
    reward: float = 0.0

    def add(self, reward: float) -> None:
        self.seen += 1
        self.reward += reward

    @property
    def mean(self) -> float | None:
        """The mean reward of a slot that was seen; None before the first."""
        return self.reward / self.seen if self.seen else None


@dataclass(slots=True)
class Statistics:
    """Counts since the fold began.

    `outcomes` paid a slot or marked it as seen; the others did nothing: `repeats` had been counted already, `closed`
    came for a decision that is closed or was never known, `unattributed` found no open decision of their visitor.
    `robots` were answered, and are in no other count. Of the slots that closed, `learned` taught the model; `unseen`,
    `cut` and `unlearned` (control group, pinned, or frozen) did not.
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
    policy: Tally = field(default_factory=Tally)
    control: Tally = field(default_factory=Tally)
    pinned: Tally = field(default_factory=Tally)
    actions: dict[str, Tally] = field(default_factory=dict)

    def action(self, action: str) -> Tally:
        """The tally of one action in the policy group."""
        if action not in self.actions and len(self.actions) >= MAX_ACTIONS:
            action = ""
        return self.actions.setdefault(action, Tally())

    def encode(self) -> bytes:
        """The bytes that a checkpoint keeps."""
        packed: bytes = msgpack.packb(asdict(self))
        return packed

    @classmethod
    def decode(cls, data: bytes) -> Statistics:
        """The statistics in a checkpoint's bytes."""
        fields: dict[str, Any] = msgpack.unpackb(data)
        policy, control, pinned = (Tally(**fields.pop(group, {})) for group in ("policy", "control", "pinned"))
        actions = {action: Tally(**tally) for action, tally in fields.pop("actions").items()}
        return cls(**fields, policy=policy, control=control, pinned=pinned, actions=actions)
