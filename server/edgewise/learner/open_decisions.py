"""Open decisions: the fold's memory between a decision and its learning."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

from edgewise.bandit.model import ActionExamples
from edgewise.entries import Decision
from edgewise.policies.policy import Policy
from edgewise.types import DecisionKey, Digest, Milliseconds, StreamId

MAX_REWARDS = 256
"""The most `$reward` messages of one slot. Later ones count as repeats."""


class LoadedVersion:
    """A policy version with the actions as examples for learning."""

    __slots__ = ("actions", "policy")

    def __init__(self, policy: Policy, actions: ActionExamples) -> None:
        self.policy = policy
        self.actions = actions


class Slot:
    """One slot of an open decision. `seen_at` and `clicked_at` are None until they happen."""

    __slots__ = ("clicked_at", "closed", "deadline", "paid", "rewarded", "seen_at", "values")

    def __init__(self, deadline: Milliseconds) -> None:
        self.deadline = deadline
        self.closed = False
        self.seen_at: Milliseconds | None = None
        self.clicked_at: Milliseconds | None = None
        self.values: list[float] = []
        self.paid: set[str] = set()
        self.rewarded: set[Digest] = set()


class OpenDecision:
    """A decision with an open slot.

    `read_from` is the oldest decision that was open when this one was made, or its own id. Reading the log from there
    rebuilds everything that happened while this decision was open. `waiting` is the number of open slots.
    """

    __slots__ = ("entry", "id", "read_from", "slots", "version", "waiting")

    def __init__(self, id: StreamId, entry: Decision, version: LoadedVersion, read_from: StreamId) -> None:
        self.id = id
        self.entry = entry
        self.version = version
        self.read_from = read_from
        self.slots = [Slot(id.ms + version.policy.reward.impression_within) for _ in entry.slots]
        self.waiting = len(self.slots)

    @property
    def seen_at(self) -> Milliseconds | None:
        """The time when the first of its slots was seen."""
        return min((slot.seen_at for slot in self.slots if slot.seen_at is not None), default=None)


class OpenDecisions:
    """The open decisions of a policy, by key, visitor and deadline."""

    def __init__(self) -> None:
        self._by_key: OrderedDict[DecisionKey, OpenDecision] = OrderedDict()
        self._seen_by: dict[Digest, dict[DecisionKey, OpenDecision]] = {}
        self._deadlines: list[tuple[Milliseconds, StreamId, int, OpenDecision]] = []

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[OpenDecision]:
        """Oldest first. Decisions may be closed during the iteration."""
        return iter(list(self._by_key.values()))

    def get(self, key: DecisionKey) -> OpenDecision | None:
        return self._by_key.get(key)

    def oldest(self) -> OpenDecision | None:
        return next(iter(self._by_key.values()), None)

    def open(self, id: StreamId, entry: Decision, version: LoadedVersion) -> OpenDecision:
        oldest = self.oldest()
        decision = OpenDecision(id, entry, version, id if oldest is None else oldest.id)
        self._by_key[entry.key] = decision
        for index in range(len(decision.slots)):
            self._schedule(decision, index)
        return decision

    def mark_seen(self, decision: OpenDecision, index: int, happened: Milliseconds, deadline: Milliseconds) -> None:
        """Start the window of a slot that was seen for the first time. It runs until `deadline`."""
        slot = decision.slots[index]
        if decision.seen_at is None:
            for visitor in decision.entry.visitor:
                self._seen_by.setdefault(visitor, {})[decision.entry.key] = decision
        slot.seen_at = happened
        slot.deadline = deadline
        self._schedule(decision, index)

    def seen_by(self, visitor: Iterable[Digest], happened: Milliseconds) -> list[OpenDecision]:
        """Open decisions that any of these ids saw before `happened`, the last seen first."""
        found = {key: decision for one in visitor for key, decision in self._seen_by.get(one, {}).items()}
        seen = [(decision.seen_at, decision.id, decision) for decision in found.values()]
        before = [(at, id, decision) for at, id, decision in seen if at is not None and at <= happened]
        return [decision for _, _, decision in sorted(before, key=lambda item: item[:2], reverse=True)]

    def due(self) -> Milliseconds | None:
        """The earliest deadline, None without open slots."""
        while self._deadlines:
            deadline, _, index, decision = self._deadlines[0]
            slot = decision.slots[index]
            if not slot.closed and slot.deadline == deadline:
                return deadline
            heappop(self._deadlines)
        return None

    def pop_due(self) -> tuple[OpenDecision, int]:
        """Remove the slot with the earliest deadline from the queue. Call `due` first."""
        _, _, index, decision = heappop(self._deadlines)
        return decision, index

    def close(self, decision: OpenDecision, index: int) -> None:
        decision.slots[index].closed = True
        decision.waiting -= 1
        if decision.waiting:
            return
        key = decision.entry.key
        del self._by_key[key]
        for visitor in decision.entry.visitor:
            seen = self._seen_by.get(visitor)
            if seen is not None and seen.pop(key, None) is not None and not seen:
                del self._seen_by[visitor]

    def _schedule(self, decision: OpenDecision, index: int) -> None:
        heappush(self._deadlines, (decision.slots[index].deadline, decision.id, index, decision))
