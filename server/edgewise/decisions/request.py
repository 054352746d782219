"""A decide call: the visitor, the placements that it asks for, and its context."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from edgewise.decisions.preview_token import Preview
from edgewise.serving.served_site import ServedSite
from edgewise.types import Attributes, Consent, Milliseconds

LogMode: TypeAlias = Literal["decision", "robot", "none"]
"""What a call writes to the log: its decisions, only that a robot called, or nothing."""


class Visitor(NamedTuple):
    """The visitor of a call. Without consent, nothing tied to a person is read or written.

    A robot gets decisions like everyone else. The log then has an entry for a robot, without a decision.
    """

    anonymous_id: str | None
    user_id: str | None
    consent: Consent = "granted"
    robot: bool = False


class PlacementRequest(NamedTuple):
    """One placement of a call.

    `slots` is None for all slots of the policy. `exclude` has ids of actions. `action` is the id of an action to show
    without a decision, which only a call with a matching preview token may name.
    """

    placement: str
    slots: int | None = None
    exclude: tuple[str, ...] = ()
    action: str | None = None

    def slot_count(self, policy_slots: int) -> int:
        """The number of slots to fill, for a policy with this many."""
        return policy_slots if self.slots is None else min(self.slots, policy_slots)


class DecideCall(NamedTuple):
    """One decide call.

    `started` and `deadline` are times of the event loop. The store must answer before the deadline. `now` is a time
    since the epoch. None is the time of the wall clock. A call with a `preview` is never logged.
    """

    site: ServedSite
    visitor: Visitor
    requests: Sequence[PlacementRequest]
    context: Attributes
    started: float
    deadline: float
    now: Milliseconds | None = None
    preview: Preview | None = None

    @property
    def log_mode(self) -> LogMode:
        if self.preview is not None or (
            self.visitor.consent != "granted" and not self.site.settings.learn_without_consent
        ):
            return "none"
        return "robot" if self.visitor.robot else "decision"
