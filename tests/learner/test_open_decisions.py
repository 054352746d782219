from __future__ import annotations

import tracemalloc
from dataclasses import replace

import pytest

from edgewise.entries import Decision, Outcome, SlotChoice, encode
from edgewise.learner.fold import Fold
from edgewise.policies.policy import Policy, Reward
from edgewise.types import StreamId
from tests.learner import logs

CONTEXT = "shared |p type=home path=/tea |d type=mobile os=ios |g country=DE |l language=de |t hour=%n12 weekday=%n2"


LONG = Reward(window=10**9, impression_within=10**9)


def fold_of(**rewards: Reward) -> Fold:
    """A fold with one policy version for each reward, named by it."""
    policy: Policy = replace(next(iter(logs.policies().values())), slots=1)
    versions = {name.encode(): replace(policy, reward=reward) for name, reward in rewards.items()}
    return Fold(logs.shape(), versions.__getitem__)


def decision(number: int, version: str) -> bytes:
    visitor = (number.to_bytes(8, "big"),)
    slots = (SlotChoice(number % 4, [0.25] * 4),)
    return encode(Decision(number.to_bytes(12, "big"), version.encode(), 1, "policy", visitor, CONTEXT, None, slots))


def impression(number: int) -> bytes:
    return encode(Outcome(number.to_bytes(12, "big"), 0, "$impression", None, 1500, number.to_bytes(8, "big")))


def test_an_open_decision_takes_at_most_600_bytes() -> None:
    count = 5000
    fold = fold_of(long=LONG)
    entries = [decision(number, "long") for number in range(count)] + [impression(number) for number in range(count)]
    tracemalloc.start()
    for number, data in enumerate(entries):
        fold.advance(StreamId(10**12 + number, 0), data)
    allocated, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert fold.open_decisions == count
    assert allocated / count <= 600


@pytest.mark.parametrize(
    "short",
    [
        pytest.param(Reward(window=10, impression_within=10**9), id="seen"),
        pytest.param(Reward(window=10, impression_within=10), id="unseen"),
    ],
)
def test_closed_decisions_take_no_memory_while_an_old_one_is_open(short: Reward) -> None:
    fold = fold_of(long=LONG, short=short)
    fold.advance(StreamId(10**12, 0), decision(0, "long"))
    allocated = []
    tracemalloc.start()
    for number in range(1, 4001):
        fold.advance(StreamId(10**12 + 20 * number, 0), decision(number, "short"))
        if short.impression_within > short.window:
            fold.advance(StreamId(10**12 + 20 * number, 1), impression(number))
        fold.unpublished.clear()
        if number % 2000 == 0:
            allocated.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert fold.open_decisions == 2
    assert allocated[1] - allocated[0] < 20_000
