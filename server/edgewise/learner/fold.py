"""The learner: a fold over one policy's log.

State = fold(state, entry), and nothing else: time is the entry's id, there is no clock and no chance in it. So a
learner that was killed at any instant and started again ends with the same model, byte for byte, as one that read the
same log in one go. What is folded again after a start, up to the checkpoint's position, rebuilds the open decisions and
nothing more: it learns nothing and counts nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edgewise.bandit.features import slot_line
from edgewise.bandit.model import ActionExamples, LearningModel
from edgewise.bandit.shape import Shape
from edgewise.entries import Cut, Decision, Entry, Event, Outcome, Robot, Tick, decode
from edgewise.entries import Version as VersionEntry
from edgewise.errors import EntryError
from edgewise.learner.open_decisions import MAX_REWARDS, OpenDecision, OpenDecisions, Slot, Version
from edgewise.policies.policy import Policy, Reward
from edgewise.statistics import Statistics
from edgewise.types import BEGINNING, Digest, Milliseconds, StreamId

Policies = Callable[[Digest], Policy]
"""Finds the policy of a version. Whatever it raises leaves the fold as it was before the entry."""

_VERSIONS_KEPT = 64


class ShapeChanged(Exception):
    """A version's model has another shape: the log must be folded anew, with `Fold(shape, since=self.since)`."""

    def __init__(self, version: Digest, since: StreamId) -> None:
        super().__init__(f"version {version.hex()} at {since} changes the model's shape")
        self.version = version
        self.since = since


class Fold:
    """The state of one policy's learning.

    `since` is the id of the version entry that gave the model its shape: version entries up to it are history.
    `learned_to`, `model`, `statistics` and `version` come from a checkpoint; entries must then be given from the
    checkpoint's `read_again` on.
    """

    def __init__(
        self,
        shape: Shape,
        policies: Policies,
        *,
        since: StreamId = BEGINNING,
        learned_to: StreamId = BEGINNING,
        model: bytes | None = None,
        statistics: bytes | None = None,
        version: Digest | None = None,
    ) -> None:
        self.shape = shape
        self.since = since
        self.position = BEGINNING
        self.version = version
        self.statistics = Statistics() if statistics is None else Statistics.decode(statistics)
        self.unpublished: list[Milliseconds] = []
        self._learned_to = learned_to
        self._scratch = Statistics()
        self._model = LearningModel(shape, model)
        self._policies = policies
        self._versions: dict[Digest, Version] = {}
        self._open = OpenDecisions()

    @property
    def open_decisions(self) -> int:
        """How many decisions are waiting for an impression or for the end of their window."""
        return len(self._open)

    @property
    def caught_up(self) -> bool:
        """False while entries up to the checkpoint's position are read again: the state must not be kept before."""
        return self.position >= self._learned_to

    @property
    def read_again(self) -> StreamId:
        """The id from which a resumed fold must read: everything that bears on a decision that is open now.

        That is the oldest decision that was open at any time since the oldest open one was made: an event may have
        paid a decision that is closed by now, and must not pay another one when it is read again.
        """
        oldest = self._open.oldest()
        return self.position if oldest is None else oldest.low

    @property
    def due(self) -> Milliseconds | None:
        """When the next window closes or the next impression is overdue; None when nothing is open."""
        return self._open.due()

    def serialize(self) -> bytes:
        """The model's bytes."""
        return self._model.serialize()

    def advance(self, id: StreamId, data: bytes) -> None:
        """Fold one entry.

        Raises:
            ShapeChanged: the entry is a version whose model has another shape. The fold is of no more use.
        """
        try:
            entry: Entry | None = decode(data)
        except EntryError:
            entry = None
        version = self._version(entry.version) if isinstance(entry, Decision) else None
        if isinstance(entry, VersionEntry) and id > self.since:
            if entry.shape != self.shape.digest:
                raise ShapeChanged(entry.version, id)
            self.version = entry.version
        statistics = self.statistics if id > self._learned_to else self._scratch
        self._close_due(id.ms, statistics)
        match entry:
            case Decision():
                assert version is not None
                self._decided(id, entry, version, statistics)
            case Outcome():
                self._linked(id, entry, statistics)
            case Event():
                self._unlinked(id, entry, statistics)
            case Cut():
                self._cut(statistics)
            case Robot():
                statistics.robots += 1
            case None:
                statistics.unreadable += 1
            case Tick() | VersionEntry():
                pass
        self.position = id

    def _decided(self, id: StreamId, entry: Decision, version: Version, statistics: Statistics) -> None:
        if self._open.get(entry.key) is not None:
            statistics.repeats += 1
            return
        statistics.decisions += 1
        statistics.control_decisions += entry.group == "control"
        statistics.pinned_decisions += entry.group == "pinned"
        self._open.open(id, entry, version)

    def _linked(self, id: StreamId, entry: Outcome, statistics: Statistics) -> None:
        decision = self._open.get(entry.key)
        if decision is None:
            statistics.closed += 1
            return
        if entry.slot is None and entry.name == "$impression":
            slots = range(len(decision.slots))
        else:
            named = _named_slot(decision, entry.slot)
            slots = range(named, min(named + 1, len(decision.slots)))
        waiting = [index for index in slots if not decision.slots[index].closed]
        counted = [self._outcome(id, entry, decision, index) for index in waiting]
        statistics.outcomes += any(counted)
        statistics.repeats += bool(waiting) and not any(counted)
        statistics.closed += not waiting

    def _outcome(self, id: StreamId, entry: Outcome, decision: OpenDecision, index: int) -> bool:
        """Take a linked outcome into one slot; False when it told nothing new."""
        slot, reward = decision.slots[index], decision.version.policy.reward
        happened = id.ms - entry.age
        unseen = slot.seen_at is None
        if unseen:
            self._open.saw(decision, index, happened, id.ms + reward.window)
        if entry.name == "$click" and slot.clicked_at is None:
            slot.clicked_at = happened
        return _pay(slot, reward, entry.name, entry.value, entry.message) or unseen

    def _unlinked(self, id: StreamId, entry: Event, statistics: Statistics) -> None:
        happened = id.ms - entry.age
        candidates = self._open.seen_by(entry.visitor, happened)
        if not candidates:
            statistics.unattributed += 1
            return
        if candidates[0].version.policy.reward.attribute == "last":
            candidates = candidates[:1]
        paid = False
        for decision in candidates:
            slot = _attributed_slot(decision, happened)
            if slot is not None:
                paid |= _pay(slot, decision.version.policy.reward, entry.name, None, entry.message)
        statistics.outcomes += paid
        statistics.repeats += not paid

    def _cut(self, statistics: Statistics) -> None:
        for decision in self._open:
            for index, slot in enumerate(decision.slots):
                if not slot.closed:
                    statistics.cut += 1
                    self._open.close(decision, index)

    def _close_due(self, now: Milliseconds, statistics: Statistics) -> None:
        while (deadline := self._open.due()) is not None and deadline <= now:
            decision, index = self._open.pop_due()
            self._open.close(decision, index)
            if decision.slots[index].seen_at is None:
                statistics.unseen += 1
            else:
                self._settle(decision, index, deadline, statistics)

    def _settle(self, decision: OpenDecision, index: int, deadline: Milliseconds, statistics: Statistics) -> None:
        """A window closed: count the slot's reward, and learn it."""
        policy, entry = decision.version.policy, decision.entry
        reward = _combined(decision.slots[index].values, policy.reward)
        if entry.group == "control":
            statistics.control.add(reward)
        elif entry.group == "pinned":
            statistics.pinned.add(reward)
        else:
            statistics.policy.add(reward)
            statistics.action(policy.actions[entry.slots[index].chosen].id).add(reward)
        if entry.group != "policy" or policy.explore.mode == "frozen":
            statistics.unlearned += 1
            return
        statistics.learned += 1
        if statistics is self.statistics:
            self.unpublished.append(deadline)
            self._learn(decision, index, reward)

    def _learn(self, decision: OpenDecision, index: int, reward: float) -> None:
        policy, entry, actions = decision.version.policy, decision.entry, decision.version.actions
        shown = {slot.chosen for slot in entry.slots[:index]}
        eligible = range(len(actions)) if entry.eligible is None else entry.eligible
        self._model.learn(
            slot_line(entry.context, index, policy.slots),
            actions,
            [action for action in eligible if action not in shown] if shown else eligible,
            entry.slots[index].chosen,
            cost=-(reward - policy.reward.low) / (policy.reward.high - policy.reward.low),
        )

    def _version(self, digest: Digest) -> Version:
        version = self._versions.get(digest)
        if version is None:
            policy = self._policies(digest)
            version = Version(policy, ActionExamples(self.shape, policy.actions))
            if len(self._versions) >= _VERSIONS_KEPT:
                del self._versions[next(iter(self._versions))]
            self._versions[digest] = version
        return version


def _named_slot(decision: OpenDecision, slot: int | None) -> int:
    """The slot that a linked outcome speaks of: the one it names, else as for an event, else the first."""
    if slot is not None:
        return slot
    found = _attributed_slot(decision, None)
    return 0 if found is None else decision.slots.index(found)


def _attributed_slot(decision: OpenDecision, happened: Milliseconds | None) -> Slot | None:
    """The open slot that was clicked last, else the one that was seen first, of those seen before it happened."""
    seen = list(_seen(decision, happened))
    clicked = [(at, slot) for _, slot in seen if (at := slot.clicked_at) is not None]
    if clicked:
        return max(clicked, key=lambda item: item[0])[1]
    return min(seen, key=lambda item: item[0])[1] if seen else None


def _seen(decision: OpenDecision, happened: Milliseconds | None) -> Iterator[tuple[Milliseconds, Slot]]:
    for slot in decision.slots:
        if not slot.closed and slot.seen_at is not None and (happened is None or slot.seen_at <= happened):
            yield slot.seen_at, slot


def _pay(slot: Slot, reward: Reward, name: str, value: float | None, message: Digest) -> bool:
    """Pay a slot, unless this has been paid already or is worth nothing here."""
    if name == "$reward":
        if value is None or message in slot.rewarded or len(slot.rewarded) >= MAX_REWARDS:
            return False
        slot.rewarded.add(message)
        slot.values.append(value)
        return True
    if name not in reward.events or name in slot.paid:
        return False
    slot.paid.add(name)
    slot.values.append(reward.events[name])
    return True


def _combined(values: list[float], reward: Reward) -> float:
    match values, reward.combine:
        case [], _:
            total = reward.default
        case _, "first":
            total = values[0]
        case _, "max":
            total = max(values)
        case _:
            total = sum(values)
    return min(max(total, reward.low), reward.high)
