"""What a policy would have earned on a log that another one made: the self-normalized replay estimate."""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]

_Z = 1.959963984540054
"""The standard normal's quantile that leaves 2.5% above it."""


class Estimate(NamedTuple):
    """A mean reward, half the width of its 95% interval, and the number of rows that it rests on.

    Without a row there is no mean, without a second one no interval: then these are NaN.
    """

    mean: float
    half_width: float
    rows: int


def snips(rewards: Floats, propensities: Floats, matched: Mask) -> Estimate:
    """The mean reward of a policy, from the rows of a log in which it chose what the log's own policy had chosen.

    With r the rewards of the n rows that matched, p the probabilities with which the log's policy had chosen in them,
    and w = 1/p:

        V = Σ w·r / Σ w        half width = 1.96 · sqrt(n/(n-1) · Σ w²·(r - V)²) / Σ w

    Where all p are the same, V is the plain mean. It assumes that the log's policy drew with these probabilities, that
    it could draw whatever this policy would choose, and that rows do not depend on what was chosen in earlier ones. The
    choice may depend on all earlier rows, so a policy that learns on the way may be estimated. V is biased by about
    1/n; the interval is the usual linearization of a ratio.

    References: Li, Chu, Langford, Wang, "Unbiased offline evaluation of contextual-bandit-based news article
    recommendation algorithms", WSDM 2011 (replay). Swaminathan, Joachims, "The self-normalized estimator for
    counterfactual learning", NIPS 2015 (V). Owen, "Monte Carlo theory, methods and examples", 2013, section 9.2 (the
    interval).
    """
    mean, pulls = _mean_and_pulls(rewards, propensities, matched)
    return Estimate(mean, _half_width(pulls), int(matched.sum()))


def snips_difference(rewards: Floats, propensities: Floats, one: Mask, other: Mask) -> Estimate:
    """How much more the policy that matched in `one` earns than the one that matched in `other`.

    Both are estimated as by `snips`. The interval heeds that they share rows: in a row where both match, the pulls on
    their means cancel out, wholly where the two always choose the same. `rows` are those where either matched.
    """
    mean, pulls = _mean_and_pulls(rewards, propensities, one)
    other_mean, other_pulls = _mean_and_pulls(rewards, propensities, other)
    return Estimate(mean - other_mean, _half_width(pulls - other_pulls), int((one | other).sum()))


def _mean_and_pulls(rewards: Floats, propensities: Floats, matched: Mask) -> tuple[float, Floats]:
    """V, and how far each row pulls it from where the others would have it."""
    rows = int(matched.sum())
    if rows == 0:
        return math.nan, np.full(len(rewards), math.nan)
    weights = matched / propensities
    total = weights.sum()
    mean = float((weights * rewards).sum() / total)
    small = math.sqrt(rows / (rows - 1)) if rows > 1 else math.nan
    return mean, small * weights * (rewards - mean) / total


def _half_width(pulls: Floats) -> float:
    return _Z * float(np.sqrt((pulls**2).sum()))
