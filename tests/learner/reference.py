"""A simple reference of the fold: no heap, no index and no model. It keeps everything.

It computes which slots are learned, with which reward and in which order, and the counts. The real fold must agree with
it for every log.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from edgewise.entries import Cut, Decision, Entry, Event, Outcome, Robot
from edgewise.policies.policy import Policy
from edgewise.types import Digest, StreamId


@dataclass
class Slot:
    deadline: int
    seen: int | None = None
    clicked: int | None = None
    closed: bool = False
    paid: list[tuple[str, Digest | None, float]] = field(default_factory=list)


@dataclass
class Made:
    id: StreamId
    entry: Decision
    policy: Policy
    slots: list[Slot]


@dataclass
class Reference:
    policies: dict[Digest, Policy]
    made: list[Made] = field(default_factory=list)
    learned: list[tuple[bytes, int, float]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    rewards: dict[str, list[float]] = field(default_factory=lambda: {"policy": [], "control": []})

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def fold(self, log: list[tuple[StreamId, Entry]]) -> None:
        for id, entry in log:
            self.close_due(id.ms)
            if isinstance(entry, Decision):
                self.decided(id, entry)
            elif isinstance(entry, Outcome):
                self.linked(id, entry)
            elif isinstance(entry, Event):
                self.unlinked(id, entry)
            elif isinstance(entry, Robot):
                self.count("robots")
            elif isinstance(entry, Cut):
                for made in self.made:
                    for slot in made.slots:
                        if not slot.closed:
                            slot.closed = True
                            self.count("cut")

    def decided(self, id: StreamId, entry: Decision) -> None:
        self.count("decisions")
        policy = self.policies[entry.version]
        slots = [Slot(id.ms + policy.reward.impression_within) for _ in entry.slots]
        self.made.append(Made(id, entry, policy, slots))

    def close_due(self, now: int) -> None:
        due = [
            (slot.deadline, made.id, index, made)
            for made in self.made
            for index, slot in enumerate(made.slots)
            if not slot.closed and slot.deadline <= now
        ]
        for _, _, index, made in sorted(due, key=lambda one: one[:3]):
            slot = made.slots[index]
            slot.closed = True
            if slot.seen is None:
                self.count("unseen")
                continue
            reward = self.reward(slot, made.policy)
            self.rewards[made.entry.group].append(reward)
            if made.entry.group == "control" or made.policy.explore.mode == "frozen":
                self.count("unlearned")
            else:
                self.learned.append((made.entry.key, index, reward))

    @staticmethod
    def reward(slot: Slot, policy: Policy) -> float:
        values = [value for _, _, value in slot.paid]
        combined: dict[str, Any] = {"first": lambda v: v[0], "sum": sum, "max": max}
        total = combined[policy.reward.combine](values) if values else policy.reward.default
        return float(min(max(total, policy.reward.low), policy.reward.high))

    def linked(self, id: StreamId, entry: Outcome) -> None:
        found = [made for made in self.made if made.entry.key == entry.key]
        if not found:
            self.count("closed")
            return
        made = found[0]
        if all(slot.closed for slot in made.slots):
            self.count("closed")
            return
        if entry.slot is not None:
            wanted = made.slots[entry.slot : entry.slot + 1]
        elif entry.name == "$impression":
            wanted = made.slots
        else:
            wanted = [self.attributed(made, None) or made.slots[0]]
        wanted = [slot for slot in wanted if not slot.closed]
        if not wanted:
            self.count("closed")
            return
        new = False
        for slot in wanted:
            if slot.seen is None:
                slot.seen = id.ms - entry.age
                slot.deadline = id.ms + made.policy.reward.window
                new = True
            if entry.name == "$click" and slot.clicked is None:
                slot.clicked = id.ms - entry.age
            new = self.pay(slot, made.policy, entry.name, entry.value, entry.message) or new
        self.count("outcomes" if new else "repeats")

    def unlinked(self, id: StreamId, entry: Event) -> None:
        happened = id.ms - entry.age
        candidates = []
        for made in self.made:
            if set(made.entry.visitor) & set(entry.visitor) and not all(slot.closed for slot in made.slots):
                seen = [slot.seen for slot in made.slots if slot.seen is not None]
                if seen and min(seen) <= happened:
                    candidates.append((min(seen), made.id, made))
        candidates.sort(key=lambda one: one[:2])
        if not candidates:
            self.count("unattributed")
            return
        last = candidates[-1][2]
        paid = last.policy.reward.attribute == "all"
        chosen = [made for _, _, made in candidates] if paid else [last]
        new = False
        for made in chosen:
            slot = self.attributed(made, happened)
            if slot is not None:
                new = self.pay(slot, made.policy, entry.name, None, entry.message) or new
        self.count("outcomes" if new else "repeats")

    @staticmethod
    def attributed(made: Made, happened: int | None) -> Slot | None:
        open_seen = [
            slot
            for slot in made.slots
            if not slot.closed and slot.seen is not None and (happened is None or slot.seen <= happened)
        ]
        clicked = [slot for slot in open_seen if slot.clicked is not None]
        if clicked:
            return max(clicked, key=lambda slot: slot.clicked or 0)
        return min(open_seen, key=lambda slot: slot.seen or 0, default=None)

    @staticmethod
    def pay(slot: Slot, policy: Policy, name: str, value: float | None, message: Digest) -> bool:
        if name == "$reward":
            if value is None or any(paid[:2] == (name, message) for paid in slot.paid):
                return False
            slot.paid.append((name, message, value))
            return True
        if name not in policy.reward.events or any(paid[0] == name for paid in slot.paid):
            return False
        slot.paid.append((name, None, policy.reward.events[name]))
        return True
