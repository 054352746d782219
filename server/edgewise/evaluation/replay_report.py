"""The report of a replay: the rewards of the policy, of the log, and of the best single action."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from edgewise.evaluation.estimate import Estimate, Floats, Mask, snips, snips_difference
from edgewise.evaluation.logged_traffic import LoggedTraffic


class ReplayResult(NamedTuple):
    """The choice in each row of the traffic, and the seconds that the replay took.

    A choice is a position in the policy. It is None for a row that the policy did not decide. `left_out` counts those
    rows by the group of the result. No eligible action is group `none`.
    """

    choices: Sequence[int | None]
    seconds: float
    left_out: Mapping[str, int]


class Halves(NamedTuple):
    """An estimate over all rows, over the first half, and over the second half."""

    all: Estimate
    first: Estimate
    second: Estimate


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """The results of one replay. `seed` is that of the shuffle, or None for the order of the log.

    `best_action` is the single action with the highest mean reward in the whole log. `difference` is the policy's mean
    reward minus that of the best action.
    """

    placement: str
    seed: int | None
    rows: int
    seconds: float
    clamped: int
    left_out: Mapping[str, int]
    best_action: str
    policy: Halves
    logged: Halves
    best: Halves
    difference: Halves

    @property
    def decisions_per_second(self) -> float:
        return self.rows / self.seconds

    def as_json(self) -> dict[str, Any]:
        """The report in the types of JSON. Unknown values are null."""
        return {
            "placement": self.placement,
            "seed": self.seed,
            "rows": self.rows,
            "matched": self.policy.all.rows,
            "leftOut": dict(self.left_out),
            "clamped": self.clamped,
            "decisionsPerSecond": round(self.decisions_per_second, 1),
            "policy": _as_json(self.policy),
            "logged": _as_json(self.logged),
            "best": {"action": self.best_action, **_as_json(self.best)},
            "difference": _as_json(self.difference),
        }


def make_report(traffic: LoggedTraffic, replayed: ReplayResult, seed: int | None = None) -> ReplayReport:
    """Estimate the rewards of these choices, and compare them with the log."""
    columns = (np.array(column) for column in zip(*[row[1:4] for row in traffic.rows], strict=True))
    logged, rewards, propensities = columns
    chosen = np.array([-1 if choice is None else choice for choice in replayed.choices])
    actions = traffic.policy.actions
    singles = [snips(rewards, propensities, logged == index).mean for index in range(len(actions))]
    best = max(range(len(actions)), key=lambda index: -math.inf if math.isnan(singles[index]) else singles[index])

    def halves(estimate: Callable[..., Estimate], *matched: Mask, weights: Floats = propensities) -> Halves:
        middle = len(rewards) // 2
        parts = (slice(None), slice(middle), slice(middle, None))
        return Halves(*(estimate(rewards[part], weights[part], *(mask[part] for mask in matched)) for part in parts))

    every = np.ones(len(rewards), dtype=bool)
    return ReplayReport(
        placement=traffic.policy.placement,
        seed=seed,
        rows=len(rewards),
        seconds=replayed.seconds,
        clamped=traffic.clamped,
        left_out=Counter(replayed.left_out),
        best_action=actions[best].id,
        policy=halves(snips, chosen == logged),
        logged=halves(snips, every, weights=np.ones(len(rewards))),
        best=halves(snips, logged == best),
        difference=halves(snips_difference, chosen == logged, logged == best),
    )


def _as_json(halves: Halves) -> dict[str, Any]:
    return {
        part: {
            "mean": _number_or_none(estimate.mean),
            "halfWidth": _number_or_none(estimate.half_width),
            "rows": estimate.rows,
        }
        for part, estimate in halves._asdict().items()
    }


def _number_or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
