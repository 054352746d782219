"""Laws of the fold: it equals the simple reference, and it can be interrupted anywhere."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgewise.bandit.features import slot_line
from edgewise.bandit.model import ActionExamples, LearningModel
from edgewise.entries import Decision, Entry, Event, Outcome, SlotChoice, Tick, Version, encode
from edgewise.learner import open_decisions
from edgewise.learner.fold import Fold
from edgewise.policies.policy import Algorithm
from edgewise.types import BEGINNING, StreamId
from tests.learner import logs
from tests.learner.reference import Reference

Log = list[tuple[StreamId, Entry]]

few = settings(max_examples=25)


def fold_in_one_go(log: Log, algorithm: Algorithm = "squarecb") -> Fold:
    fold = Fold(logs.shape(algorithm), logs.policies(algorithm).__getitem__, since=log[0][0])
    for id, entry in log:
        fold.advance(id, encode(entry))
    return fold


def state(fold: Fold) -> tuple[object, ...]:
    return fold.serialize(), fold.statistics, fold.position, fold.read_again, fold.open_decisions, fold.due


class Learner:
    """A fold that can be killed: what it keeps is what a checkpoint holds."""

    def __init__(self, log: Log, algorithm: Algorithm) -> None:
        self.log, self.algorithm = log, algorithm
        self.policies = logs.policies(algorithm).__getitem__
        self.fold = Fold(logs.shape(algorithm), self.policies, since=log[0][0])
        self.first = 0
        self.next = 0
        self.kept: tuple[StreamId, StreamId, bytes, bytes] | None = None

    def read(self, count: int) -> None:
        for id, entry in self.log[self.next : self.next + count]:
            self.fold.advance(id, encode(entry))
        self.next = min(self.next + count, len(self.log))

    def checkpoint(self) -> None:
        fold = self.fold
        if fold.position == BEGINNING or not fold.caught_up:
            return
        self.kept = (fold.position, fold.read_again, fold.serialize(), fold.statistics.encode())

    def trim(self) -> None:
        """Remove the entries before the checkpoint's `read_again`."""
        if self.kept is not None:
            self.first = next(n for n, (id, _) in enumerate(self.log) if id >= self.kept[1])

    def kill(self) -> None:
        since = self.log[0][0]
        if self.kept is None:
            self.fold = Fold(logs.shape(self.algorithm), self.policies, since=since)
            self.next = 0
            return
        position, read_again, model, statistics = self.kept
        self.fold = Fold(
            logs.shape(self.algorithm),
            self.policies,
            since=since,
            learned_to=position,
            model=model,
            statistics=statistics,
        )
        self.next = next(n for n, (id, _) in enumerate(self.log) if id >= read_again)
        assert self.next >= self.first


steps = st.lists(st.one_of(st.integers(1, 8), st.sampled_from(("checkpoint", "kill", "trim"))), max_size=25)


@given(logs.logs(), steps)
def test_interrupted_and_trimmed_fold_equals_one_in_one_go(log: Log, steps: list[int | str]) -> None:
    learner = Learner(log, "squarecb")
    for step in steps:
        if isinstance(step, int):
            learner.read(step)
        else:
            getattr(learner, step)()
    learner.read(len(log))
    in_one_go = fold_in_one_go(log)
    assert state(learner.fold)[:3] == state(in_one_go)[:3]
    assert (learner.fold.open_decisions, learner.fold.due) == (in_one_go.open_decisions, in_one_go.due)


@pytest.mark.parametrize("algorithm", get_args(Algorithm))
@few
@given(log=logs.logs(), cut=st.integers(1, 40), again=st.integers(0, 40))
def test_every_algorithm_resumes_to_equal_bytes(algorithm: Algorithm, log: Log, cut: int, again: int) -> None:
    learner = Learner(log, algorithm)
    learner.read(cut)
    learner.checkpoint()
    learner.read(again)
    learner.kill()
    learner.read(len(log))
    assert learner.fold.serialize() == fold_in_one_go(log, algorithm).serialize()


@given(logs.logs(most=60))
def test_fold_equals_the_reference(log: Log) -> None:
    fold, reference = fold_in_one_go(log), Reference(logs.policies())
    reference.fold(log)
    counted = fold.statistics
    for name in ("decisions", "outcomes", "repeats", "closed", "unattributed", "unseen", "cut", "unlearned", "robots"):
        assert getattr(counted, name) == reference.counts.get(name, 0), name
    assert counted.learned == len(reference.learned)
    assert counted.policy.seen == len(reference.rewards["policy"])
    assert counted.control.seen == len(reference.rewards["control"])
    assert counted.policy.reward == pytest.approx(sum(reference.rewards["policy"]))
    assert fold.serialize() == model_of(reference, log)


@given(logs.logs(most=60))
def test_fold_that_often_drops_closed_decisions_equals_the_others(log: Log) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(open_decisions, "_CHECK_EVERY", 1)
        often = state(fold_in_one_go(log))
    assert often == state(fold_in_one_go(log))


def model_of(reference: Reference, log: Log) -> bytes:
    """The model that learned the slots of the reference, in its order."""
    model, policies = LearningModel(logs.shape()), logs.policies()
    made = {entry.key: entry for _, entry in log if isinstance(entry, Decision)}
    for key, slot, reward in reference.learned:
        entry = made[key]
        policy = policies[entry.version]
        eligible = range(len(policy.actions)) if entry.eligible is None else entry.eligible
        earlier = [choice.chosen for choice in entry.slots[:slot]]
        model.learn(
            slot_line(entry.context, slot, policy.slots),
            ActionExamples(logs.shape(), policy.actions),
            [action for action in eligible if action not in earlier],
            entry.slots[slot].chosen,
            -(reward - policy.reward.low) / (policy.reward.high - policy.reward.low),
        )
    return model.serialize()


def test_event_read_again_pays_the_same_decision() -> None:
    short, long, _ = logs.policies()
    visitor = logs.VISITORS[:1]
    slots = (SlotChoice(1, [0.25] * 4),)
    first, later = (
        Decision(name, version, 0, "policy", visitor, "shared |x basket=1", None, slots)
        for name, version in ((b"first made..", short), (b"made later..", long))
    )
    entries: list[Entry] = [
        Version(short, logs.shape().digest),
        first,
        later,
        Outcome(later.key, 0, "$impression", None, 0, b"message1"),
        Outcome(first.key, 0, "$impression", None, 0, b"message2"),
        Event(visitor, "bought", 0, b"message3"),
    ]
    log: Log = [(StreamId(1000 + n, 0), entry) for n, entry in enumerate(entries)]
    log += [(StreamId(1100, 0), Tick()), (StreamId(1300, 0), Tick())]
    learner = Learner(log, "squarecb")
    learner.read(7)
    assert learner.fold.open_decisions == 1, "the one that was paid is closed, the other one is open"
    learner.checkpoint()
    learner.kill()
    learner.read(len(log))
    assert state(learner.fold) == state(fold_in_one_go(log))
