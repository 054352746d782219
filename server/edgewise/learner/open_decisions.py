"""Open decisions: the fold's memory between a decision and its learning."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from edgewise.entries import Decision
from edgewise.learner.deadlines import Deadlines
from edgewise.learner.open_slot import DecisionHeading, LoadedVersion, OpenDecision, OpenSlot, open_slots
from edgewise.learner.seen_decisions import SeenDecisions
from edgewise.learner.token_table import TokenTable
from edgewise.types import DecisionKey, Digest, Milliseconds, StreamId

_CHECK_EVERY = 64
"""The number of new decisions between two checks for memory that closed ones hold."""


class OpenDecisions:
    """The open decisions of a policy, by key, visitor and deadline.

    The only slot of a decision is stored without a tuple around it, which saves a tenth of the memory.
    """

    def __init__(self) -> None:
        self._by_key: dict[DecisionKey, OpenSlot | OpenDecision] = {}
        self._seen = SeenDecisions()
        self._tokens = TokenTable()
        self._in_order: deque[OpenSlot | OpenDecision] = deque()
        self._deadlines = Deadlines()
        self._slots = 0
        self._opened = 0
        self._oldest: tuple[OpenSlot | OpenDecision, DecisionHeading] | None = None

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[OpenSlot]:
        """The open slots, oldest decision first. They may be closed during the iteration."""
        return iter([slot for kept in self._by_key.values() for slot in _slots(kept) if not slot.closed])

    def get(self, key: DecisionKey) -> OpenDecision | None:
        """The slots of an open decision, including those that are closed."""
        kept = self._by_key.get(key)
        return None if kept is None else _slots(kept)

    def read_from(self) -> StreamId | None:
        """The id from which a fold must read to rebuild the open decisions. None without any."""
        oldest = self._oldest_heading()
        return None if oldest is None else oldest.read_from

    def due(self) -> OpenSlot | None:
        """The slot that closes first, None without open slots."""
        return self._deadlines.first()

    def open(self, id: StreamId, entry: Decision, version: LoadedVersion) -> None:
        oldest = self._oldest_heading()
        if self._tokens.is_full:
            self._tokens = TokenTable()
        slots = open_slots(id, id if oldest is None else oldest.id, entry, version, self._tokens)
        if not slots:
            return
        kept = slots[0] if len(slots) == 1 else slots
        self._by_key[entry.key] = kept
        self._in_order.append(kept)
        self._slots += len(slots)
        for slot in slots:
            self._deadlines.wait_for_impression(slot, version.policy.reward.impression_within)
        self._opened += 1
        if self._opened % _CHECK_EVERY == 0:
            self._drop_closed()

    def mark_seen(self, slot: OpenSlot, happened: Milliseconds, now: Milliseconds) -> None:
        """Start the window of a slot that was seen for the first time."""
        window = slot.version.policy.reward.window
        if _seen_at(_slots(self._by_key[slot.key])) is None:
            for visitor in slot.heading().visitor:
                self._seen.add(visitor, slot.key)
        slot.seen_at = happened
        slot.deadline = now + window
        self._deadlines.wait_for_outcomes(slot, window)

    def seen_by(self, visitor: Iterable[Digest], happened: Milliseconds) -> list[OpenDecision]:
        """Open decisions that any of these ids saw before `happened`, the last seen first."""
        found = {key: _slots(self._by_key[key]) for one in visitor for key in self._seen.of(one)}
        seen = [(at, slots) for slots in found.values() if (at := _seen_at(slots)) is not None and at <= happened]
        seen.sort(key=lambda item: (item[0], _id(item[1])), reverse=True)
        return [slots for _, slots in seen]

    def close(self, slot: OpenSlot) -> None:
        visitor = slot.heading().visitor
        slot.packed = b""
        self._slots -= 1
        slots = _slots(self._by_key[slot.key])
        if all(other.closed for other in slots):
            del self._by_key[slot.key]
            if _seen_at(slots) is not None:
                for one in visitor:
                    self._seen.remove(one, slot.key)

    def _oldest_heading(self) -> DecisionHeading | None:
        while self._in_order:
            first = self._in_order[0]
            for slot in _slots(first):
                if not slot.closed:
                    if self._oldest is None or self._oldest[0] is not first:
                        self._oldest = first, slot.heading()
                    return self._oldest[1]
            self._in_order.popleft()
        self._oldest = None
        return None

    def _drop_closed(self) -> None:
        """Free the memory of closed decisions if there are more of them than open ones."""
        if len(self._in_order) > 2 * len(self._by_key) + _CHECK_EVERY:
            self._in_order = deque(kept for kept in self._in_order if any(not slot.closed for slot in _slots(kept)))
        self._deadlines.drop_stale(2 * self._slots + _CHECK_EVERY)


def _slots(kept: OpenSlot | OpenDecision) -> OpenDecision:
    return kept if isinstance(kept, tuple) else (kept,)


def _seen_at(slots: OpenDecision) -> Milliseconds | None:
    """The time when the first of these slots was seen."""
    return min((slot.seen_at for slot in slots if slot.seen_at is not None), default=None)


def _id(slots: OpenDecision) -> StreamId:
    return next(slot for slot in slots if not slot.closed).heading().id
