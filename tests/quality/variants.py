"""Measures variants of learning on a log, including some without a setting in the product.

    python -m tests.quality.variants LOG MAP [--shuffles 16] [--algorithm squarecb] [--floor 0.02] [--label 1]
        [--set -l 0.5]...

- `--label` is the lower limit of the propensity in a label. With 1, as in the product, each label is a plain
  regression. With 0, the true propensity is used.
- `--set` changes the value of an option of Vowpal Wabbit's command line.

Prints the mean and the smallest difference from the best single action.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import NamedTuple, get_args

from edgewise.bandit.shape import Shape, shape_of
from edgewise.bandit.vowpal import VowpalLearner
from edgewise.entries import Decision
from edgewise.evaluation.logged_traffic import LoggedTraffic
from edgewise.evaluation.replay_report import Halves, ReplayResult, make_report
from edgewise.evaluation.replayed_policy import ReplayedPolicy
from edgewise.evaluation.traffic_reader import read_traffic
from edgewise.learner.fold import Fold
from edgewise.learner.open_slot import LoadedVersion, OpenSlot, PackedDecision
from edgewise.policies.policy import Algorithm, Explore, Policy
from edgewise.statistics import Statistics
from edgewise.types import DecisionKey, StreamId


class Variant(NamedTuple):
    """A way to learn. `least` is the lower limit of a propensity in a label, `options` are Vowpal Wabbit's."""

    explore: Explore = Explore("squarecb")
    least: float = 1.0
    options: Sequence[tuple[str, str]] = ()


class WeighingFold(Fold):
    """A fold whose labels have the propensity, or `least` if it is higher."""

    def __init__(self, policy: Policy, shape: Shape, least: float) -> None:
        super().__init__(shape, lambda _: policy)
        self._least = least
        self._propensities: dict[DecisionKey, float] = {}

    def _fold_decision(self, id: StreamId, entry: Decision, version: LoadedVersion, statistics: Statistics) -> None:
        # Every action is eligible here, and propensities are in the order of the actions.
        assert entry.eligible is None
        assert len(entry.slots) == 1
        slot = entry.slots[0]
        self._propensities[entry.key] = slot.propensities[slot.chosen]
        super()._fold_decision(id, entry, version, statistics)

    def _learn(self, slot: OpenSlot, decision: PackedDecision, reward: float) -> None:
        assert isinstance(self._model.engine, VowpalLearner), "Only Vowpal Wabbit's labels have a propensity."
        self._model.engine.probability = max(self._least, self._propensities.pop(slot.key))
        super()._learn(slot, decision, reward)


def replayed_policy(policy: Policy, variant: Variant, seed: int) -> ReplayedPolicy:
    """A replayed policy that learns in the variant's way."""
    policy = replace(policy, explore=variant.explore)
    shape = _with_options(shape_of(policy), variant.options)
    return ReplayedPolicy(policy, seed, WeighingFold(policy, shape, variant.least))


def measure(traffic: LoggedTraffic, variant: Variant, seed: int) -> Halves:
    """The variant's reward above that of the best single action, on a shuffle with this seed."""
    ordered = traffic.shuffled(seed)
    replayed = replayed_policy(traffic.policy, variant, seed)
    choices = [replayed.decide(row) for row in ordered.rows]
    return make_report(ordered, ReplayResult(choices, 1.0, {}), seed).difference


def _with_options(shape: Shape, options: Sequence[tuple[str, str]]) -> Shape:
    command = list(shape.command)
    for option, value in options:
        command[command.index(option) + 1] = value
    return replace(shape, command=tuple(command))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", type=Path)
    parser.add_argument("map", type=Path)
    parser.add_argument("--shuffles", type=int, default=16)
    parser.add_argument("--algorithm", choices=sorted(set(get_args(Algorithm)) - {"auto"}), default="squarecb")
    parser.add_argument("--floor", type=float, default=Explore().floor)
    parser.add_argument("--label", type=float, default=1.0)
    parser.add_argument("--set", nargs=2, action="append", default=[], metavar=("OPTION", "VALUE"))
    return parser.parse_args()


def main() -> None:
    given = _arguments()
    traffic = read_traffic(given.log, given.map)
    variant = Variant(Explore(given.algorithm, given.floor), given.label, given.set)
    with ProcessPoolExecutor() as pool:
        differences = list(pool.map(partial(measure, traffic, variant), range(given.shuffles)))
    for part in ("first", "second"):
        means = [getattr(halves, part).mean for halves in differences]
        print(f"{part} half: mean {fmean(means):+.4f}, min {min(means):+.4f}")


if __name__ == "__main__":
    main()
