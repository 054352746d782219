"""Everything that the service acknowledged to visitors: their decisions, and the events that they sent."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from edgewise.types import DecisionKey, PolicyRef
from tests.integration.chaos_shop import SITE


class SendTimes(NamedTuple):
    """The times of the first attempt, the last attempt and the acknowledgement.

    In seconds on the visitors' clock.
    """

    sent: float
    sent_last: float
    acknowledged: float


class LossPeriod(NamedTuple):
    """A period in which acknowledged data may be lost, in seconds on the visitors' clock."""

    begin: float
    end: float


class RewardEvent(NamedTuple):
    """An event that rewards a slot of a decision. `value` is its own value, if it has one."""

    name: str
    value: float | None
    slot: int
    span: SendTimes


@dataclass
class ShownDecision:
    """An acknowledged decision. `seen` has the send times of the impression of each slot."""

    ref: PolicyRef
    visitor: str
    id: str
    version: str
    actions: tuple[str, ...]
    span: SendTimes
    seen: dict[int, SendTimes] = field(default_factory=dict)
    clicked: int | None = None
    rewards: list[RewardEvent] = field(default_factory=list)

    @property
    def key(self) -> DecisionKey:
        return urlsafe_b64decode(self.id)[7:19]

    @property
    def order_slot(self) -> int:
        """The slot that an order rewards: the clicked one, or the first one with an impression."""
        return min(self.seen) if self.clicked is None else self.clicked


@dataclass
class Ledger:
    """Acknowledged decisions and events. `linked` and `unlinked` have the sent messages by their ids."""

    decisions: list[ShownDecision] = field(default_factory=list)
    linked: dict[str, tuple[PolicyRef, SendTimes]] = field(default_factory=dict)
    unlinked: dict[str, SendTimes] = field(default_factory=dict)
    orders: dict[str, list[SendTimes]] = field(default_factory=dict)
    fallbacks: int = 0
    unanswered: int = 0
    repeated: int = 0
    losses: list[LossPeriod] = field(default_factory=list)

    def is_kept(self, span: SendTimes) -> bool:
        """Whether data that was acknowledged at that time must still exist."""
        return all(span.acknowledged < loss.begin or loss.end < span.sent_last for loss in self.losses)


def parse_decision(answer: dict[str, Any], visitor: str, span: SendTimes) -> ShownDecision:
    """The decision in one part of a decide response."""
    slots = answer.get("slots", [answer])
    return ShownDecision(
        PolicyRef(SITE, answer["placement"]),
        visitor,
        answer["decisionId"],
        answer["policyVersion"],
        tuple(slot["action"] for slot in slots),
        span,
    )
