"""Exposure: the actions that a visitor was shown, as far as policies need it for caps, sticky choices and bars."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgpack

from edgewise.entries import Decision
from edgewise.policies.compiled_policy import CompiledPolicy
from edgewise.serving.served_site import ServedPlacement
from edgewise.store.exposures import (
    CountedView,
    ExposureCommands,
    Fields,
    StickyWrite,
    bar_field,
    choice_field,
    count_field,
    fields_of,
    latest_decision,
)
from edgewise.store.scripts import Command
from edgewise.types import DecisionKey, LoggedGroup, Span


class StickyChoice(NamedTuple):
    """A decision that is shown again, as the store keeps it. `slots` has each action id with its propensity."""

    key: DecisionKey
    group: LoggedGroup
    version: str
    model_version: int
    slots: tuple[tuple[str, float], ...]

    def encode(self) -> bytes:
        packed: bytes = msgpack.packb(self)
        return packed

    @classmethod
    def decode(cls, packed: bytes) -> StickyChoice | None:
        """None if another release wrote the bytes in another format. The visitor then gets a new choice."""
        try:
            key, group, version, model_version, slots = msgpack.unpackb(packed, use_list=False)
            return cls(key, group, version, model_version, tuple((str(action), float(p)) for action, p in slots))
        except (ValueError, TypeError, msgpack.UnpackException):
            return None


class Exposure:
    """The exposure of one visitor in some spans of time. `replies` are the store's, one for each span."""

    def __init__(self, exposures: ExposureCommands, spans: Sequence[Span], replies: Iterable[Any]) -> None:
        self._exposures = exposures
        self._fields: dict[Span, Fields] = {}
        self.update(spans, replies)

    @property
    def is_known(self) -> bool:
        """Whether the visitor came back. Until then, the exposure expires soon."""
        return self._exposures.is_known

    @is_known.setter
    def is_known(self, is_known: bool) -> None:
        self._exposures.is_known = is_known

    def update(self, spans: Sequence[Span], replies: Iterable[Any]) -> None:
        """Replace these spans by newer replies of the store."""
        self._fields.update(zip(spans, map(fields_of, replies), strict=True))

    def barred(self, compiled: CompiledPolicy) -> list[int]:
        """The positions of the actions that this visitor may not see any more."""
        return [position for position in compiled.limited_actions if self._is_barred(compiled, position)]

    def sticky_choice(self, compiled: CompiledPolicy) -> StickyChoice | None:
        span = compiled.policy.sticky
        stored = None if span == "request" else self._fields[span].get(choice_field(compiled.policy.placement))
        return None if stored is None else StickyChoice.decode(stored)

    def reserve_command(
        self, placement: ServedPlacement, shown: Sequence[int], drawn: Decision | None, sticky: StickyChoice | None
    ) -> Command:
        """The command that counts the `shown` actions if the exposure in the store is still the one that was read.

        `drawn` is None for a sticky choice that is shown again. `sticky` is a choice to keep.
        """
        compiled, policy = placement.compiled, placement.policy
        actions = [policy.actions[position] for position in shown]
        sticky_write, latest = None, None
        if policy.sticky != "request":
            old = self._fields[policy.sticky].get(choice_field(policy.placement))
            new = old if sticky is None else sticky.encode()
            sticky_write = None if new is None else StickyWrite(policy.sticky, old, new)
        if drawn is not None and any(action.not_after for action in actions):
            latest = latest_decision(drawn.key, (action.id for action in actions))
        counted = [CountedView(cap.per, action.id, cap.count) for action in actions if (cap := action.cap) is not None]
        return self._exposures.reserve_command(
            policy.placement, compiled.spans, self._fields, sticky_write, counted, latest
        )

    def _is_barred(self, compiled: CompiledPolicy, position: int) -> bool:
        placement, action = compiled.policy.placement, compiled.policy.actions[position]
        if action.cap is not None:
            count = self._fields[action.cap.per].get(count_field(placement, action.id), b"0")
            if int(count) >= action.cap.count:
                return True
        return any(
            bar_field(placement, event, barred) in self._fields["visitor"]
            for event in action.not_after
            for barred in (None, action.id)
        )
