"""The self-normalized replay estimate: the reward of one policy, estimated from the log of another."""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]

_Z = 1.959963984540054
"""The 97.5% quantile of the standard normal distribution."""


class Estimate(NamedTuple):
    """A mean reward, half the width of its 95% interval, and the number of rows behind it.

    The mean of no rows is NaN. So is the half width of fewer than two rows.
    """

    mean: float
    half_width: float
    rows: int


def snips(rewards: Floats, propensities: Floats, matched: Mask) -> Estimate:
    """Estimate a policy's mean reward from the rows of a log in which it chose the logged action.

    With r the rewards of the n matching rows, p the logged probabilities of their actions, and w = 1/p:

        V = Σ w·r / Σ w        half width = 1.96 · sqrt(n/(n-1) · Σ w²·(r - V)²) / Σ w

    If all p are equal, V is the plain mean. The estimate assumes:

    - The log's policy drew with these probabilities.
    - It could draw every action that this policy chooses.
    - Rows do not depend on the actions of earlier rows.

    A choice may depend on all earlier rows, so the policy may learn on the way. V has a bias of about 1/n. The interval
    is the usual linearization of a ratio.

    References: Li, Chu, Langford, Wang, "Unbiased offline evaluation of contextual-bandit-based news article
    recommendation algorithms", WSDM 2011 (replay). Swaminathan, Joachims, "The self-normalized estimator for
    counterfactual learning", NIPS 2015 (V). Owen, "Monte Carlo theory, methods and examples", 2013, section 9.2 (the
    interval).
    """
    mean, influences = _mean_and_influences(rewards, propensities, matched)
    return Estimate(mean, _half_width(influences), int(matched.sum()))


def snips_difference(rewards: Floats, propensities: Floats, one: Mask, other: Mask) -> Estimate:
    """Estimate how much more the policy that matched in `one` earns than the policy that matched in `other`.

    Both are estimated as by `snips`. The interval accounts for shared rows: where both match, their influences on the
    means cancel out. `rows` counts the rows in which either matched.
    """
    mean, influences = _mean_and_influences(rewards, propensities, one)
    other_mean, other_influences = _mean_and_influences(rewards, propensities, other)
    return Estimate(mean - other_mean, _half_width(influences - other_influences), int((one | other).sum()))


def _mean_and_influences(rewards: Floats, propensities: Floats, matched: Mask) -> tuple[float, Floats]:
    """V, and the influence of each row on it."""
    rows = int(matched.sum())
    if rows == 0:
        return math.nan, np.full(len(rewards), math.nan)
    weights = matched / propensities
    total = weights.sum()
    mean = float((weights * rewards).sum() / total)
    small = math.sqrt(rows / (rows - 1)) if rows > 1 else math.nan
    return mean, small * weights * (rewards - mean) / total


def _half_width(influences: Floats) -> float:
    return _Z * float(np.sqrt((influences**2).sum()))
