"""What visitors know: which decisions they were given, and what they told of them that was acknowledged."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from edgewise.types import DecisionKey, PolicyRef
from tests.integration.shop import SITE


class Span(NamedTuple):
    """When something was first sent, when it was sent last, and when that was acknowledged.

    Seconds on the visitors' clock.
    """

    sent: float
    sent_last: float
    acknowledged: float


class Loss(NamedTuple):
    """From when to when what was acknowledged may have been lost; seconds on the visitors' clock."""

    begin: float
    end: float


class Payment(NamedTuple):
    """Something that pays a slot of a decision: its name, and its own value where it has one."""

    name: str
    value: float | None
    slot: int
    span: Span


@dataclass
class Shown:
    """A decision that was acknowledged. `seen` is by slot: when its impression was told."""

    ref: PolicyRef
    visitor: str
    id: str
    version: str
    actions: tuple[str, ...]
    span: Span
    seen: dict[int, Span] = field(default_factory=dict)
    clicked: int | None = None
    payments: list[Payment] = field(default_factory=list)

    @property
    def key(self) -> DecisionKey:
        return urlsafe_b64decode(self.id)[7:19]

    @property
    def bought_in(self) -> int:
        """The slot that an order pays: the clicked one, else the one that was seen first."""
        return min(self.seen) if self.clicked is None else self.clicked


@dataclass
class Ledger:
    """All that was acknowledged. `linked` and `unlinked` are the messages told, by their ids."""

    shown: list[Shown] = field(default_factory=list)
    linked: dict[str, tuple[PolicyRef, Span]] = field(default_factory=dict)
    unlinked: dict[str, Span] = field(default_factory=dict)
    orders: dict[str, list[Span]] = field(default_factory=dict)
    fallbacks: int = 0
    unanswered: int = 0
    repeated: int = 0
    losses: list[Loss] = field(default_factory=list)

    def is_kept(self, span: Span) -> bool:
        """Whether what was acknowledged then must be there still: it was not, while the store was losing its tail."""
        return all(span.acknowledged < loss.begin or loss.end < span.sent_last for loss in self.losses)


def shown_in(answer: dict[str, Any], visitor: str, span: Span) -> Shown:
    """The decision in one part of the answer to a decide call."""
    slots = answer.get("slots", [answer])
    return Shown(
        PolicyRef(SITE, answer["placement"]),
        visitor,
        answer["decisionId"],
        answer["policyVersion"],
        tuple(slot["action"] for slot in slots),
        span,
    )
