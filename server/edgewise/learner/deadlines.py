"""Deadlines: the open slots of a policy in the order in which they close.

A window opens at an entry of the log and has one of few lengths. Slots with windows of one length therefore close in
the order in which their windows opened, and a queue for each length is enough.
"""

from __future__ import annotations

from collections import deque

from edgewise.learner.open_slot import OpenSlot
from edgewise.types import Milliseconds


class Deadlines:
    """Queues of open slots. A slot is in one queue until it is seen, and then in another. Stale entries are skipped."""

    def __init__(self) -> None:
        self._unseen: dict[Milliseconds, deque[OpenSlot]] = {}
        self._seen: dict[Milliseconds, deque[OpenSlot]] = {}

    def wait_for_impression(self, slot: OpenSlot, within: Milliseconds) -> None:
        """Add a new slot, whose deadline is `within` milliseconds away."""
        self._unseen.setdefault(within, deque()).append(slot)

    def wait_for_outcomes(self, slot: OpenSlot, window: Milliseconds) -> None:
        """Add a slot that was just seen, whose deadline is `window` milliseconds away."""
        queue = self._seen.setdefault(window, deque())
        later = []
        while queue and (queue[-1].closed or _is_before(slot, queue[-1])):
            # Slots that were seen in the same millisecond close in the order of their decisions.
            later.append(queue.pop())
        queue.append(slot)
        queue.extend(reversed([other for other in later if not other.closed]))

    def first(self) -> OpenSlot | None:
        """The slot that closes first, None without open slots."""
        first: OpenSlot | None = None
        has_empty = False
        for queues, of_unseen in ((self._unseen, True), (self._seen, False)):
            for queue in queues.values():
                while queue and _is_stale(queue[0], of_unseen):
                    queue.popleft()
                if not queue:
                    has_empty = True
                elif first is None or _is_before(queue[0], first):
                    first = queue[0]
        if has_empty:
            self._unseen = {within: queue for within, queue in self._unseen.items() if queue}
            self._seen = {window: queue for window, queue in self._seen.items() if queue}
        return first

    def drop_stale(self, allowed: int) -> None:
        """Free the memory of stale entries if there are more entries than `allowed`."""
        if sum(map(len, self._unseen.values())) + sum(map(len, self._seen.values())) <= allowed:
            return
        for queues, of_unseen in ((self._unseen, True), (self._seen, False)):
            for length, queue in queues.items():
                queues[length] = deque(slot for slot in queue if not _is_stale(slot, of_unseen))


def _is_stale(slot: OpenSlot, of_unseen: bool) -> bool:
    return slot.closed or (of_unseen and slot.seen_at is not None)


def _is_before(one: OpenSlot, other: OpenSlot) -> bool:
    if one.deadline != other.deadline:
        return one.deadline < other.deadline
    return (one.heading().id, one.index) < (other.heading().id, other.index)
