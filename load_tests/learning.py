"""Compares the fold over a log with a bare vowpal-wabbit-next loop that parses and learns the same events.

The loop and one fold use the algorithm `squarecb`. Another fold uses `auto`.

python -m load_tests.learning EVENTS ROUNDS

Reads the decisions from the shop's log in the store at EDGEWISE_REDIS. Prints the result as JSON. Times are CPU times,
which depend little on other processes.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import cycle, islice
from statistics import median
from time import process_time
from typing import NamedTuple, TypeAlias

import msgspec
from msgspec import Struct
from vowpal_wabbit_next import TextFormatParser, Workspace

from edgewise.bandit.features import action_line
from edgewise.bandit.shape import Shape, shape_of
from edgewise.entries import Decision, Outcome, Tick, decode, encode
from edgewise.learner.fold import Fold
from edgewise.policies.compiled_policy import decode_policy
from edgewise.policies.policy import Algorithm, Policy
from edgewise.settings import Settings
from edgewise.store import Store
from edgewise.types import BEGINNING, StreamId
from load_tests import bench_shop
from load_tests.load_client import MeasurementError

CANDIDATES = 20
CLICKED = 0.2
"""The share of decisions with a click. All have an impression."""

ALGORITHMS: tuple[Algorithm, Algorithm] = ("squarecb", "auto")

Log: TypeAlias = list[tuple[StreamId, bytes]]
Lines: TypeAlias = list[list[str]]
Learn: TypeAlias = Callable[[], Callable[[], bytes]]
"""A function that learns all events. It returns a function for the model's bytes."""


class LearningComparison(Struct, frozen=True):
    """Events a second of CPU for the two folds and the bare loop.

    `ratios` has the fold's rate by that of the loop for each round. `costs` has the time of `auto` by that of the loop.
    """

    ratios: Sequence[float]
    costs: Sequence[float]
    fold: float
    auto: float
    bare: float
    events: int


class Events(NamedTuple):
    """The same events as a policy's log and as lines of Vowpal Wabbit's text format."""

    log: Log
    lines: Lines


def measure(policy: Policy, events: Events, rounds: int) -> LearningComparison:
    """Learn the events with the folds and with the bare loop, in alternating order.

    Raises:
        MeasurementError: The two models differ.
    """
    squarecb, auto = (replace(policy, explore=replace(policy.explore, algorithm=name)) for name in ALGORITHMS)
    folds: list[float] = []
    loops: list[float] = []
    autos: list[float] = []
    for number in range(rounds):
        turns = [(folds, _fold(squarecb, events.log)), (loops, _loop(shape_of(squarecb), events.lines))]
        models = []
        for times, learn in turns if number % 2 == 0 else reversed(turns):
            began = process_time()
            serialize = learn()
            times.append(process_time() - began)
            models.append(serialize())
        if models[0] != models[1]:
            raise MeasurementError("Expected the same model from the fold and from the bare loop, found two models.")
        learn = _fold(auto, events.log)
        began = process_time()
        learn()
        autos.append(process_time() - began)
    ratios = [loop / fold for fold, loop in zip(folds, loops, strict=True)]
    costs = [fold / loop for fold, loop in zip(autos, loops, strict=True)]
    count = len(events.lines)
    return LearningComparison(ratios, costs, count / median(folds), count / median(autos), count / median(loops), count)


def prepare(policy: Policy, decisions: Sequence[Decision], count: int) -> Events:
    """One decision per millisecond. Its impression comes 0.1 s later, and its click, if any, 0.2 s later."""
    chance = random.Random(0)
    timed: list[tuple[int, bytes]] = []
    lines: Lines = []
    for number, decision in enumerate(islice(cycle(decisions), count)):
        key = number.to_bytes(12, "big")
        clicked = chance.random() < CLICKED
        timed.append((number, encode(decision._replace(key=key))))
        timed.append((number + 100, encode(Outcome(key, None, "$impression", None, 0, key[-8:]))))
        if clicked:
            timed.append((number + 200, encode(Outcome(key, None, "$click", None, 0, key[-8:]))))
        lines.append(_lines(policy, decision, clicked))
    timed.sort(key=lambda item: item[0])
    timed.append((count + policy.reward.impression_within, encode(Tick())))
    return Events([(StreamId(1 + ms, sequence), data) for sequence, (ms, data) in enumerate(timed)], lines)


def _lines(policy: Policy, decision: Decision, clicked: bool) -> list[str]:
    lines = [action_line(action) for action in policy.actions]
    cost = -policy.reward.events["$click"] if clicked else -0.0
    chosen = decision.slots[0].chosen
    lines[chosen] = f"0:{cost}:1 {lines[chosen]}"
    return [decision.context, *lines]


def _fold(policy: Policy, log: Log) -> Learn:
    fold = Fold(shape_of(policy), lambda _: policy)

    def learn() -> Callable[[], bytes]:
        for id, data in log:
            fold.advance(id, data)
        return fold.serialize

    return learn


def _loop(shape: Shape, lines: Lines) -> Learn:
    workspace = Workspace([*shape.command, "--quiet", "--preserve_performance_counters"])
    parser = TextFormatParser(workspace)

    def learn() -> Callable[[], bytes]:
        for event in lines:
            workspace.learn_one([parser.parse_line(line) for line in event])
        return workspace.serialize

    return learn


async def read_log(count: int = 10_000) -> tuple[Policy, list[Decision]]:
    """The policy with 20 candidates, and the decisions among the first entries of its log."""
    ref = bench_shop.policy_ref(CANDIDATES)
    settings = Settings.load({}, os.environ)
    assert settings.redis is not None
    store = await Store.connect(settings.redis)
    try:
        current = (await store.versions.current([ref]))[ref]
        blob = await store.versions.blob(ref, current.version)
        assert blob is not None
        page = (await store.log.read({ref: BEGINNING}, count))[ref]
    finally:
        await store.close()
    entries = [decode(data) for _, data in page.entries]
    return decode_policy(blob), [entry for entry in entries if isinstance(entry, Decision)]


def main() -> None:
    count, rounds = map(int, sys.argv[1:])
    policy, decisions = asyncio.run(read_log())
    events = prepare(policy, [decision for decision in decisions if decision.model_version], count)
    measure(policy, events, 1)  # Warm up.
    print(msgspec.json.encode(measure(policy, events, rounds)).decode())


if __name__ == "__main__":
    main()
