"""The fold of one policy's log, which learns its model.

The new state depends only on the old state and the entry. Time is the entry's id, and there is no randomness. A killed
and restarted learner therefore ends with the same model, byte for byte, as one that read the log in one go.

After a start, the entries up to the checkpoint's position are folded again. They rebuild the open decisions only:
nothing is learned or counted twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edgewise.bandit.features import slot_line
from edgewise.bandit.model import LearningModel
from edgewise.bandit.shape import Shape
from edgewise.entries import Cut, Decision, Entry, Event, Outcome, Robot, Tick, Version, decode
from edgewise.errors import EntryError
from edgewise.learner.open_decisions import OpenDecisions
from edgewise.learner.open_slot import LoadedVersion, OpenDecision, OpenSlot, PackedDecision
from edgewise.policies.policy import Policy, Reward
from edgewise.statistics import Statistics
from edgewise.types import BEGINNING, Digest, Milliseconds, StreamId

PolicyLookup = Callable[[Digest], Policy]
"""Returns the policy of a version. If it raises, the fold stays as it was before the entry.

The fold does no I/O. A caller that has not loaded a version yet raises here, loads it, and folds the entry again.
"""

_MAX_CACHED_VERSIONS = 64


class ShapeChanged(Exception):
    """A version's model has another shape. The log must be folded again, with `Fold(shape, since=self.since)`."""

    def __init__(self, version: Digest, since: StreamId) -> None:
        super().__init__(f"Version {version.hex()} at {since} changes the shape of the model.")
        self.version = version
        self.since = since


class Fold:
    """The state of one policy's learning.

    `since` is the id of the version entry that gave the model its shape. Version entries up to it are ignored.
    `learned_to`, `model`, `statistics` and `version` come from a checkpoint. Entries must then start at the
    checkpoint's `read_again`. `unpublished` has the deadlines of the slots that were learned since the last checkpoint.
    """

    def __init__(
        self,
        shape: Shape,
        policies: PolicyLookup,
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
        self._versions: dict[Digest, LoadedVersion] = {}
        self._open = OpenDecisions()

    @property
    def open_decisions(self) -> int:
        """The number of decisions without an impression or with an open window."""
        return len(self._open)

    @property
    def caught_up(self) -> bool:
        """False while entries up to the checkpoint's position are read again. No checkpoint may be taken before."""
        return self.position >= self._learned_to

    @property
    def read_again(self) -> StreamId:
        """The id from which a resumed fold must read, to rebuild the decisions that are open now.

        It is the oldest decision that was open at any time since the oldest open one was made. An event may have paid
        a decision that is closed by now. Read again, it must pay the same one.
        """
        return self._open.read_from() or self.position

    @property
    def due(self) -> Milliseconds | None:
        """The time when the next slot closes. None without open decisions."""
        slot = self._open.due()
        return None if slot is None else slot.deadline

    @property
    def is_resting(self) -> bool:
        """Whether the model is only its bytes, because nothing was learned for a while."""
        return self._model.is_resting

    def serialize(self) -> bytes:
        return self._model.serialize()

    def rest(self) -> None:
        """Free what only learning needs. The next slot to learn creates it again, with equal bytes."""
        self._model.rest()
        for version in self._versions.values():
            version.release()

    def advance(self, id: StreamId, data: bytes) -> None:
        """Fold one entry.

        Raises:
            ShapeChanged: the entry is a version whose model has another shape. This fold cannot continue.
        """
        try:
            entry: Entry | None = decode(data)
        except EntryError:
            entry = None
        version = self._version(entry.version) if isinstance(entry, Decision) else None
        if isinstance(entry, Version) and id > self.since:
            if entry.shape != self.shape.digest:
                raise ShapeChanged(entry.version, id)
            self.version = entry.version
        statistics = self.statistics if id > self._learned_to else self._scratch
        self._close_due(id.ms, statistics)
        match entry:
            case Decision():
                assert version is not None
                self._fold_decision(id, entry, version, statistics)
            case Outcome():
                self._fold_outcome(id, entry, statistics)
            case Event():
                self._fold_event(id, entry, statistics)
            case Cut():
                self._fold_cut(statistics)
            case Robot():
                statistics.robots += 1
            case None:
                statistics.unreadable += 1
            case Tick() | Version():
                pass
        self.position = id

    def _fold_decision(self, id: StreamId, entry: Decision, version: LoadedVersion, statistics: Statistics) -> None:
        if self._open.get(entry.key) is not None:
            statistics.repeats += 1
            return
        statistics.decisions += 1
        statistics.control_decisions += entry.group == "control"
        statistics.pinned_decisions += entry.group == "pinned"
        self._open.open(id, entry, version)

    def _fold_outcome(self, id: StreamId, entry: Outcome, statistics: Statistics) -> None:
        slots = self._open.get(entry.key)
        if slots is None:
            statistics.closed += 1
            return
        if entry.slot is not None:
            slots = slots[entry.slot : entry.slot + 1]
        elif entry.name != "$impression":
            slots = (_attributed_slot(slots, None) or slots[0],)
        open_slots = [slot for slot in slots if not slot.closed]
        changes = [self._apply_outcome(id, entry, slot) for slot in open_slots]
        statistics.outcomes += any(changes)
        statistics.repeats += bool(open_slots) and not any(changes)
        statistics.closed += not open_slots

    def _apply_outcome(self, id: StreamId, entry: Outcome, slot: OpenSlot) -> bool:
        """Apply an outcome to one slot. Returns False if it changed nothing."""
        happened = id.ms - entry.age
        is_first = slot.seen_at is None
        if is_first:
            self._open.mark_seen(slot, happened, id.ms)
        if entry.name == "$click":
            slot.click(happened)
        return slot.pay(entry.name, entry.value, entry.message) or is_first

    def _fold_event(self, id: StreamId, entry: Event, statistics: Statistics) -> None:
        happened = id.ms - entry.age
        candidates = self._open.seen_by(entry.visitor, happened)
        if not candidates:
            statistics.unattributed += 1
            return
        if candidates[0][0].version.policy.reward.attribute == "last":
            candidates = candidates[:1]
        slots = [_attributed_slot(decision, happened) for decision in candidates]
        payments = [slot.pay(entry.name, None, entry.message) for slot in slots if slot is not None]
        statistics.outcomes += any(payments)
        statistics.repeats += not any(payments)

    def _fold_cut(self, statistics: Statistics) -> None:
        for slot in self._open:
            statistics.cut += 1
            self._open.close(slot)

    def _close_due(self, now: Milliseconds, statistics: Statistics) -> None:
        while (slot := self._open.due()) is not None and slot.deadline <= now:
            if slot.seen_at is None:
                statistics.unseen += 1
            else:
                self._settle(slot, statistics)
            self._open.close(slot)

    def _settle(self, slot: OpenSlot, statistics: Statistics) -> None:
        """Count the reward of a seen slot and learn it."""
        policy, decision = slot.version.policy, slot.decision()
        reward = _combine_values(slot.values, policy.reward)
        if decision.group == "control":
            statistics.control.add(reward)
        elif decision.group == "pinned":
            statistics.pinned.add(reward)
        else:
            statistics.policy.add(reward)
            statistics.action(policy.actions[decision.chosen[slot.index]].id).add(reward)
        if decision.group != "policy" or policy.explore.mode == "frozen":
            statistics.unlearned += 1
            return
        statistics.learned += 1
        if statistics is self.statistics:
            self.unpublished.append(slot.deadline)
            self._learn(slot, decision, reward)

    def _learn(self, slot: OpenSlot, decision: PackedDecision, reward: float) -> None:
        policy, actions = slot.version.policy, slot.version.actions
        earlier = set(decision.chosen[: slot.index])
        eligible = decision.eligible or range(len(actions))
        self._model.learn(
            slot_line(slot.context(decision), slot.index, policy.slots),
            actions,
            [action for action in eligible if action not in earlier] if earlier else eligible,
            decision.chosen[slot.index],
            cost=-(reward - policy.reward.low) / (policy.reward.high - policy.reward.low),
        )

    def _version(self, digest: Digest) -> LoadedVersion:
        version = self._versions.get(digest)
        if version is None:
            policy = self._policies(digest)
            version = LoadedVersion(self.shape, policy)
            if len(self._versions) >= _MAX_CACHED_VERSIONS:
                del self._versions[next(iter(self._versions))]
            self._versions[digest] = version
        return version


def _attributed_slot(slots: OpenDecision, happened: Milliseconds | None) -> OpenSlot | None:
    """The last clicked open slot, else the first seen one, among the slots seen before `happened`."""
    seen = list(_seen_slots(slots, happened))
    clicked = [(at, slot) for _, slot in seen if (at := slot.clicked_at) is not None]
    if clicked:
        return max(clicked, key=lambda item: item[0])[1]
    return min(seen, key=lambda item: item[0])[1] if seen else None


def _seen_slots(slots: OpenDecision, happened: Milliseconds | None) -> Iterator[tuple[Milliseconds, OpenSlot]]:
    for slot in slots:
        if not slot.closed and slot.seen_at is not None and (happened is None or slot.seen_at <= happened):
            yield slot.seen_at, slot


def _combine_values(values: tuple[float, ...], reward: Reward) -> float:
    match values, reward.combine:
        case (), _:
            total = reward.default
        case _, "first":
            total = values[0]
        case _, "max":
            total = max(values)
        case _:
            total = sum(values)
    return min(max(total, reward.low), reward.high)
