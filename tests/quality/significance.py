"""Paired bootstrap over seeds, and Holm's correction for many comparisons.

Sources: B. Efron and R. J. Tibshirani, An Introduction to the Bootstrap (1993), chapters 13 and 16. S. Holm, A simple
sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from tests.quality.stream import FloatArray

LEVEL = 0.05
"""The probability of at least one false mark in a table, and of an interval without the true mean."""

_RESAMPLES = 100_000


def bootstrap_p(differences: Sequence[float]) -> float:
    """Two-sided p-value for a mean difference of zero. `differences` has one value for each seed.

    n values have n^n resamples, so no p-value is below 2 / n^n. With two seeds, nothing is significant.
    """
    values = np.asarray(differences, float)
    if len(values) < 2:
        return 1.0
    means = _resampled_means(values)
    tail = min((means <= 0).mean(), (means >= 0).mean())
    return float(min(1.0, max(2 * tail, 2 / _RESAMPLES, 2 / len(values) ** len(values))))


def bootstrap_interval(differences: Sequence[float]) -> tuple[float, float]:
    """The percentile interval of the mean difference. NaN for less than two seeds."""
    values = np.asarray(differences, float)
    if len(values) < 2:
        return np.nan, np.nan
    low, high = np.quantile(_resampled_means(values), [LEVEL / 2, 1 - LEVEL / 2])
    return float(low), float(high)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values, in the same order. A comparison is significant if its value is below `LEVEL`."""
    adjusted = [0.0] * len(p_values)
    reached = 0.0
    for rank, position in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        reached = max(reached, min(1.0, (len(p_values) - rank) * p_values[position]))
        adjusted[position] = reached
    return adjusted


def _resampled_means(values: FloatArray) -> FloatArray:
    return np.asarray(_counts(len(values)) @ values / len(values))


@cache
def _counts(n: int) -> FloatArray:
    """How often each seed is in each resample. The resamples are always the same, so a report can be repeated."""
    return np.random.default_rng(n).multinomial(n, [1 / n] * n, _RESAMPLES).astype(np.float64)
