"""What a decide call asks: for whom, for which placements, and what it leaves behind."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from edgewise.types import Consent

Trace: TypeAlias = Literal["decision", "robot", "none"]
"""What a call leaves in the logs: its decisions, only that a robot was answered, or nothing."""


class Visitor(NamedTuple):
    """Who asks. Without consent nothing is read or written that is tied to a person.

    A robot is answered like anyone else, and the log gets to know that there was one, and no more.
    """

    anonymous_id: str | None
    user_id: str | None
    consent: Consent = "granted"
    robot: bool = False


class Asked(NamedTuple):
    """One placement that is asked for. `slots` is None for as many as the policy has.

    `action` is to be shown whatever the policy says; only a preview that shows it can ask for it.
    """

    placement: str
    slots: int | None = None
    exclude: tuple[str, ...] = ()
    action: str | None = None

    def of(self, most: int) -> int:
        """How many slots to fill, of so many that the policy has."""
        return most if self.slots is None else min(self.slots, most)
