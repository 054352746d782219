"""The probability of each action to be the best one, if the scores are independent normal variables."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

MAX_COMPARED = 32
"""The most actions that are compared with each other. The others are too unlikely to be the best one."""

_CHANCELESS = 4.0
"""An action is compared only if its mean plus so many deviations reaches another one's mean minus as many."""

_nodes, _weights = np.polynomial.hermite_e.hermegauss(5)
_NODES = _nodes.astype(np.float32)
_WEIGHTS = _weights.astype(np.float32)
_STEEPNESS = np.float32(1.702 / 2)
"""The logistic function of 1.702 z is within 0.01 of the normal distribution function. Camilli, "Origin of the scaling
constant d = 1.7 in item response theory", 1994."""

_SMALLEST = np.float32(1e-6)


def best_probabilities(means: Floats, deviations: Floats) -> Floats:
    """The probability of each action to have the highest score. The sum is 1 within rounding.

    For action a it is the integral of a's density times the product of the other actions' distribution functions, by
    Gauss-Hermite quadrature with five nodes. It is 0 for an action that is almost certainly not the best one.
    """
    reach = _CHANCELESS * deviations
    highest = means + reach
    rivals = (highest >= (means - reach).max()).nonzero()[0]
    if len(rivals) > MAX_COMPARED:
        rivals = rivals[highest[rivals].argpartition(-MAX_COMPARED)[-MAX_COMPARED:]]
    if len(rivals) == len(means):
        return _compare(means, deviations)
    probabilities = np.zeros(len(means), means.dtype)
    probabilities[rivals] = _compare(means[rivals], deviations[rivals])
    return probabilities


def _compare(means: Floats, deviations: Floats) -> Floats:
    deviations = np.maximum(deviations, _SMALLEST)
    points = means[:, None] + deviations[:, None] * _NODES
    # One row for each rival. A factor of 2 for each is left in, because all products have it.
    below = points.reshape(-1) - means[:, None]
    below *= (_STEEPNESS / deviations)[:, None]
    np.tanh(below, out=below)
    below += 1.0
    below.reshape(-1)[_own(len(means))] = 1.0
    best = np.multiply.reduce(below, axis=0).reshape(points.shape) @ _WEIGHTS
    return np.asarray(best / best.sum())


@lru_cache(maxsize=MAX_COMPARED)
def _own(count: int) -> npt.NDArray[np.int64]:
    """The places where an action is compared with itself."""
    rows = np.arange(count)[:, None]
    return (rows * count * len(_NODES) + rows * len(_NODES) + np.arange(len(_NODES))).reshape(-1)
