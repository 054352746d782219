"""The fit of a hierarchical Bayesian linear regression.

The reward of action a in context x is x · w(a) plus noise. The weights of an action have two parts:

    w(a) = M z(a) + u(a)

z(a) are the action's own features, the first of which is 1. M is what actions with a feature have in common, and u(a)
is what only this action has. All weights have normal priors with mean 0. Weights of one attribute and one level share a
variance. The variances are estimated from the data, by expectation maximization. An attribute that explains nothing
gets a variance near 0, and costs little. Lindley and Smith, "Bayes estimates for the linear model", 1972. Dempster,
Laird and Rubin, "Maximum likelihood from incomplete data via the EM algorithm", 1977.

All variances are relative to the noise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]

EXPECTED_VARIANCE = 0.01
"""The prior variance of the weights, before any evidence."""

_SMALLEST_VARIANCE = 1e-9
_PRIOR_WEIGHT = 1.0
_PRIOR_SHARE = 0.01
"""A variance without evidence shrinks towards this share of its start."""

_LEAST_CROSSED = 0.1
_ACTIONS_WITHOUT_POOLING = 8


class Design(NamedTuple):
    """The data of a fit with K actions, d columns of the context and F features of the actions.

    `grams` are the sums of x xᵀ (K, d, d). `targets` are the sums of x times the centered reward (K, d). `squares` is
    the sum of the squared centered rewards, and `events` their number. `groups` has the attribute of each column, whose
    first one is the constant. `features` are the z(a) (K, F), and `levels` the attribute of each feature.
    """

    grams: Array
    targets: Array
    squares: float
    events: float
    groups: Index
    features: Array
    levels: Index


class Variances(NamedTuple):
    """Prior variances: `shared` by attribute and level of M, `own` by attribute of u. `noise` is that of a reward."""

    shared: Array
    own: Array
    noise: float


class Posterior(NamedTuple):
    """`weights` are the w(a) (K, d). `covariances` are theirs, without what all actions have in common (K, d, d).

    `common` is M (F, d), and `common_variances` has its variances.
    """

    weights: Array
    covariances: Array
    common: Array
    common_variances: Array


def initial_variance(actions: int, *, is_crossed: bool) -> float:
    """The first variance of a weight. With many actions, differences between visitors are expected to be smaller."""
    if not is_crossed:
        return EXPECTED_VARIANCE
    return EXPECTED_VARIANCE * min(1.0, max(_LEAST_CROSSED, _ACTIONS_WITHOUT_POOLING / actions))


def cost(actions: int, columns: int, features: int) -> int:
    """The approximate number of floating-point operations of a fit."""
    return 8 * actions * columns**3 + 4 * (features * columns) ** 3


def fit(design: Design, variances: Variances, *, update: bool) -> tuple[Posterior, Variances]:
    """The posterior for these variances. With `update`, the variances are those of one more step of estimation."""
    z, grams = design.features, design.grams
    actions, columns = design.targets.shape
    size = z.shape[1]
    diagonal = np.arange(columns)
    precision = 1 / np.maximum(variances.own[design.groups], _SMALLEST_VARIANCE)
    precisions = grams.copy()
    precisions[:, diagonal, diagonal] += precision
    own = np.asarray(np.linalg.inv(precisions), np.float64)
    alone = (own @ design.targets[:, :, None])[:, :, 0]
    # M has the evidence of all actions, after u(a) is integrated out.
    evidence = -precision[:, None] * own * precision
    evidence[:, diagonal, diagonal] += precision
    pairs = (z[:, :, None] * z[:, None, :]).reshape(actions, size * size)
    by_pair = (pairs.T @ evidence.reshape(actions, -1)).reshape(size, size, columns, columns)
    system = np.ascontiguousarray(by_pair.transpose(0, 2, 1, 3)).reshape(size * columns, size * columns)
    prior = 1 / np.maximum(variances.shared[design.groups][:, design.levels], _SMALLEST_VARIANCE)
    system[np.arange(len(system)), np.arange(len(system))] += prior.T.reshape(-1)
    covariance = np.linalg.inv(system)
    common = (covariance @ (z.T @ (precision * alone)).reshape(-1)).reshape(size, columns)
    expected = z @ common
    weights = alone + (own @ (precision * expected)[:, :, None])[:, :, 0]
    blocks = np.ascontiguousarray(covariance.reshape(size, columns, size, columns).transpose(0, 2, 1, 3))
    blocks = blocks.reshape(size * size, -1)
    gain = own * precision
    uncommon = z.copy()
    uncommon[:, 0] = 0
    differing = (uncommon[:, :, None] * uncommon[:, None, :]).reshape(actions, size * size)
    spread = (differing @ blocks).reshape(actions, columns, columns)
    posterior = Posterior(
        weights,
        (own + gain @ spread @ gain.transpose(0, 2, 1)) * variances.noise,
        common,
        np.diagonal(covariance).reshape(size, columns) * variances.noise,
    )
    if not update:
        return posterior, variances
    spread = (pairs @ blocks).reshape(actions, columns, columns)
    inherited = gain @ spread @ gain.transpose(0, 2, 1)
    kept = np.eye(columns) - gain
    own_variances = own[:, diagonal, diagonal] + (kept @ spread * kept).sum(axis=2)
    expected_own = ((weights - expected) ** 2 / variances.noise + own_variances).sum(axis=0)
    expected_shared = common.T**2 / variances.noise + np.diagonal(covariance).reshape(size, columns).T
    residual = (
        design.squares
        - 2 * (weights * design.targets).sum()
        + (weights * (grams @ weights[:, :, None])[:, :, 0]).sum()
        + variances.noise * (grams * (own + inherited)).sum()
    )
    return posterior, _updated(design, variances, expected_own, expected_shared, float(residual))


def _updated(design: Design, before: Variances, own: Array, shared: Array, residual: float) -> Variances:
    actions = len(design.targets)
    groups, levels = len(before.own), before.shared.shape[1]
    crossed = np.array([initial_variance(actions, is_crossed=group > 0) for group in range(groups)])
    start = _PRIOR_WEIGHT * _PRIOR_SHARE * crossed
    columns = np.bincount(design.groups, minlength=groups)
    new_own = (np.bincount(design.groups, own, minlength=groups) + start) / (columns * actions + _PRIOR_WEIGHT)
    new_shared = before.shared.copy()
    for level in range(levels):
        of_level = design.levels == level
        if of_level.any():
            sums = np.bincount(design.groups, shared[:, of_level].sum(axis=1), minlength=groups)
            new_shared[:, level] = (sums + start) / (columns * of_level.sum() + _PRIOR_WEIGHT)
    has_columns = columns > 0
    new_own = np.where(has_columns, new_own, before.own)
    new_shared = np.where(has_columns[:, None], new_shared, before.shared)
    return Variances(new_shared, new_own, max(residual / design.events, 1e-4))
