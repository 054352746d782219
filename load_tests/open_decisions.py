"""Measures the memory of open decisions in the fold.

python -m load_tests.open_decisions COUNT

Repeats the decisions of the shop's log in the store at EDGEWISE_REDIS, each with a key and a visitor of its own. Prints
the result as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle, islice

import msgspec
from msgspec import Struct

from edgewise.bandit.shape import shape_of
from edgewise.entries import Decision, Outcome, encode
from edgewise.learner.fold import Fold
from edgewise.policies.policy import Policy
from edgewise.types import StreamId
from load_tests.learning import read_log
from load_tests.process_memory import proportional_bytes

_LONG = 7 * 24 * 3600 * 1000


class OpenDecisionBytes(Struct, frozen=True):
    """Mean bytes of one open decision: in the log, and in the fold before and after its impression."""

    logged: float
    unseen: float
    seen: float


def measure(policy: Policy, decisions: Sequence[Decision], count: int) -> OpenDecisionBytes:
    """Open `count` decisions, and half as many before, so that memory that the process has freed is in use."""
    policy = replace(policy, reward=replace(policy.reward, window=_LONG, impression_within=_LONG))
    fold = Fold(shape_of(policy), lambda _: policy)
    before = count // 2
    logged = 0
    memory = []
    for number, decision in enumerate(islice(cycle(decisions), before + count)):
        if number == before:
            logged = 0
            memory.append(_memory())
        data = encode(decision._replace(key=_key(number), visitor=(_key(number)[-8:],)))
        logged += len(data)
        fold.advance(StreamId(1 + number, 0), data)
    memory.append(_memory())
    for number in range(before, before + count):
        outcome = Outcome(_key(number), None, "$impression", None, 1500, _key(number)[-8:])
        fold.advance(StreamId(1 + before + count + number, 0), encode(outcome))
    memory.append(_memory())
    assert fold.open_decisions == before + count
    return OpenDecisionBytes(logged / count, (memory[1] - memory[0]) / count, (memory[2] - memory[0]) / count)


def _memory() -> int:
    gc.collect()
    return proportional_bytes()


def _key(number: int) -> bytes:
    return number.to_bytes(12, "big")


def main() -> None:
    policy, decisions = asyncio.run(read_log(1000))
    print(msgspec.json.encode(measure(policy, decisions, int(sys.argv[1]))).decode())


if __name__ == "__main__":
    main()
