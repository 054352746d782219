"""Measures the memory of open decisions in the fold.

python -m load_tests.open_decisions COUNT

Repeats the decisions of the shop's log in the store at EDGEWISE_REDIS, each with a key and a visitor of its own. Prints
the result as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable, Iterable, Sequence
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
    policy = replace(policy, reward=replace(policy.reward, window=_LONG, impression_within=_LONG))
    fold = Fold(shape_of(policy), lambda _: policy)
    fold.serialize()
    logged = 0

    def decide() -> None:
        nonlocal logged
        for number, decision in enumerate(islice(cycle(decisions), count)):
            key = _key(number)
            data = encode(decision._replace(key=key, visitor=(key[-8:],)))
            logged += len(data)
            fold.advance(StreamId(1 + number, 0), data)

    def see() -> None:
        for number in range(count):
            key = _key(number)
            outcome = Outcome(key, None, "$impression", None, 1500, key[-8:])
            fold.advance(StreamId(1 + count + number, 0), encode(outcome))

    unseen, seen = _growth((decide, see))
    assert fold.open_decisions == count
    return OpenDecisionBytes(logged / count, unseen / count, seen / count)


def _growth(steps: Iterable[Callable[[], None]]) -> list[int]:
    """The bytes by which the process has grown since the beginning, after each step."""
    gc.collect()
    before = proportional_bytes()
    grown = []
    for step in steps:
        step()
        gc.collect()
        grown.append(proportional_bytes() - before)
    return grown


def _key(number: int) -> bytes:
    return number.to_bytes(12, "big")


def main() -> None:
    policy, decisions = asyncio.run(read_log())
    print(msgspec.json.encode(measure(policy, decisions, int(sys.argv[1]))).decode())


if __name__ == "__main__":
    main()
