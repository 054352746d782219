"""What a visitor was shown, as far as policies need to know it: counts for caps, choices that stick, bars."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgpack

from edgewise.entries import Decision, Group
from edgewise.policies.compiled import CompiledPolicy
from edgewise.serving.served import ServedPlacement
from edgewise.store.exposures import (
    Counted,
    Fields,
    Showings,
    Sticking,
    bar_field,
    choice_field,
    count_field,
    fields_of,
    latest_decision,
)
from edgewise.store.scripts import Command
from edgewise.types import DecisionKey, Span


class Choice(NamedTuple):
    """A choice that sticks, as it was drawn: `slots` has each action's id with the propensity of the draw."""

    key: DecisionKey
    group: Group
    version: str
    model_version: int
    slots: tuple[tuple[str, float], ...]

    def encode(self) -> bytes:
        packed: bytes = msgpack.packb(self)
        return packed

    @classmethod
    def decode(cls, packed: bytes) -> Choice | None:
        """The choice in these bytes; None when they are of another release, which then does not stick."""
        try:
            key, group, version, model_version, slots = msgpack.unpackb(packed, use_list=False)
            return cls(key, group, version, model_version, tuple((str(action), float(p)) for action, p in slots))
        except (ValueError, TypeError, msgpack.UnpackException):
            return None


class Remembered:
    """What is held of one visitor for these spans; `replies` are those to the commands that read it."""

    def __init__(self, showings: Showings, spans: Sequence[Span], replies: Iterable[Any]) -> None:
        self._showings = showings
        self._held: dict[Span, Fields] = {}
        self.take(spans, replies)

    def take(self, spans: Sequence[Span], replies: Iterable[Any]) -> None:
        """Hold what these replies say of these spans."""
        self._held.update(zip(spans, map(fields_of, replies), strict=True))

    def barred(self, compiled: CompiledPolicy) -> list[int]:
        """The positions of the actions that this visitor is not to see (again)."""
        return [position for position in compiled.held if self._bars(compiled, position)]

    def choice(self, compiled: CompiledPolicy) -> Choice | None:
        """The choice that sticks."""
        span = compiled.policy.sticky
        stored = None if span == "request" else self._held[span].get(choice_field(compiled.policy.placement))
        return None if stored is None else Choice.decode(stored)

    def must_count(self, compiled: CompiledPolicy, shown: Iterable[int]) -> bool:
        """Whether showing these again has to be counted."""
        return any(compiled.policy.actions[position].cap is not None for position in shown)

    def reserve_command(
        self, placement: ServedPlacement, shown: Sequence[int], drawn: Decision | None, sticks: Choice | None
    ) -> Command:
        """Count that these are shown; for what was just `drawn`, hold on to it as well."""
        compiled, policy = placement.compiled, placement.compiled.policy
        actions = [policy.actions[position] for position in shown]
        sticking, latest = None, None
        if policy.sticky != "request":
            old = self._held[policy.sticky].get(choice_field(policy.placement))
            new = old if sticks is None else sticks.encode()
            sticking = None if new is None else Sticking(policy.sticky, old, new)
        if drawn is not None and any(action.not_after for action in actions):
            latest = latest_decision(drawn.key, (action.id for action in actions))
        counted = [Counted(cap.per, action.id, cap.count) for action in actions if (cap := action.cap) is not None]
        return self._showings.reserve_command(policy.placement, compiled.spans, self._held, sticking, counted, latest)

    def _bars(self, compiled: CompiledPolicy, position: int) -> bool:
        placement, action = compiled.policy.placement, compiled.policy.actions[position]
        if action.cap is not None:
            count = self._held[action.cap.per].get(count_field(placement, action.id), b"0")
            if int(count) >= action.cap.count:
                return True
        return any(
            bar_field(placement, event, one) in self._held["visitor"]
            for event in action.not_after
            for one in (None, action.id)
        )
