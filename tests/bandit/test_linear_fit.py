"""The fit: against the same regression, written as one large system."""

from __future__ import annotations

import numpy as np
import pytest

from edgewise.bandit.linear_fit import Array, Design, Index, Variances, fit, initial_variance

GROUPS = np.array([0, 1, 1, 2])
LEVELS = np.array([0, 1, 2])
FEATURES = np.array([[1.0, 1.0, 0.5], [1.0, 0.0, -1.0], [1.0, 1.0, 0.0], [1.0, 0.0, 0.5], [1.0, 0.0, 0.0]])


def data(seed: int, events: int = 300) -> tuple[Array, Index, Array]:
    """Contexts, rows of the actions, and centered rewards. The first column matters to the first two actions."""
    random = np.random.default_rng(seed)
    x = np.concatenate([np.ones((events, 1)), random.normal(size=(events, 3))], axis=1)
    rows = random.integers(0, len(FEATURES), events)
    rewards = np.where(rows < 2, 0.5 * x[:, 1], 0) + 0.3 * FEATURES[rows, 1] + random.normal(0, 0.5, events)
    return x, rows, np.asarray(rewards - rewards.mean())


def design(x: Array, rows: Index, rewards: Array) -> Design:
    members = [rows == row for row in range(len(FEATURES))]
    return Design(
        np.stack([x[member].T @ x[member] for member in members]),
        np.stack([x[member].T @ rewards[member] for member in members]),
        float((rewards**2).sum()),
        float(len(rewards)),
        GROUPS,
        FEATURES,
        LEVELS,
    )


def prior(variances: Variances) -> tuple[Array, Array]:
    """The map from all weights (M, then every u) to the weights of each action, and the variances of all weights."""
    columns = len(GROUPS)
    blocks = []
    for row, z in enumerate(FEATURES):
        own = np.zeros((columns, len(FEATURES) * columns))
        own[:, row * columns : (row + 1) * columns] = np.eye(columns)
        blocks.append(np.concatenate([np.kron(z, np.eye(columns)), own], axis=1))
    shared = variances.shared[GROUPS][:, LEVELS].T.reshape(-1)
    return np.stack(blocks), np.concatenate([shared, np.tile(variances.own[GROUPS], len(FEATURES))])


def large_covariance(x: Array, rows: Index, variances: Variances) -> Array:
    """The covariance of all weights after these events, relative to the noise."""
    to_action, spread = prior(variances)
    regressors = np.einsum("ti,tij->tj", x, to_action[rows])
    return np.asarray(np.linalg.inv(regressors.T @ regressors + np.diag(1 / spread)))


def evidence(x: Array, rows: Index, rewards: Array, variances: Variances) -> float:
    """The logarithm of the density of the rewards."""
    to_action, spread = prior(variances)
    whole = np.einsum("ti,tij->tj", x, to_action[rows])
    covariance = variances.noise * (np.eye(len(x)) + whole * spread @ whole.T)
    _, logarithm = np.linalg.slogdet(covariance)
    return float(-0.5 * (logarithm + rewards @ np.linalg.solve(covariance, rewards)))


def start() -> Variances:
    return Variances(np.full((3, 3), 0.02), np.array([0.03, 0.01, 0.05]), 0.3)


def test_weights_and_their_variances_are_those_of_one_large_regression() -> None:
    x, rows, rewards = data(1)
    variances = start()
    posterior, same = fit(design(x, rows, rewards), variances, update=False)
    assert same is variances
    to_action, _ = prior(variances)
    covariance = large_covariance(x, rows, variances)
    weights = covariance @ np.einsum("ti,tij->tj", x, to_action[rows]).T @ rewards
    assert posterior.weights == pytest.approx(np.einsum("kij,j->ki", to_action, weights), rel=1e-6, abs=1e-9)
    common = len(LEVELS) * len(GROUPS)
    assert posterior.common.reshape(-1) == pytest.approx(weights[:common], rel=1e-6, abs=1e-9)
    assert posterior.common_variances.reshape(-1) == pytest.approx(0.3 * np.diag(covariance)[:common], rel=1e-6)


def test_each_step_of_estimation_explains_the_rewards_better() -> None:
    x, rows, rewards = data(2)
    whole, variances = design(x, rows, rewards), start()
    before = evidence(x, rows, rewards, variances)
    for _ in range(8):
        _, variances = fit(whole, variances, update=True)
        after = evidence(x, rows, rewards, variances)
        assert after > before - 0.01
        before = after
    assert variances.noise == pytest.approx(0.25, rel=0.2)


def test_attributes_that_explain_nothing_lose_their_variance() -> None:
    x, rows, rewards = data(3, events=2000)
    whole, variances = design(x, rows, rewards), start()
    for _ in range(60):
        _, variances = fit(whole, variances, update=True)
    assert variances.own[1] > 20 * variances.own[2]


def test_with_many_actions_little_difference_between_visitors_is_expected() -> None:
    assert initial_variance(5, is_crossed=True) == initial_variance(5, is_crossed=False)
    assert initial_variance(40, is_crossed=True) < initial_variance(40, is_crossed=False)
    assert initial_variance(2000, is_crossed=True) > 0


def test_differences_between_actions_do_not_have_the_doubt_about_all_of_them() -> None:
    x, rows, rewards = data(4)
    whole, variances = design(x, rows, rewards), start()
    posterior, _ = fit(whole, variances, update=False)
    covariance = large_covariance(x, rows, variances)[: len(LEVELS) * len(GROUPS), : len(LEVELS) * len(GROUPS)]
    precision = 1 / variances.own[GROUPS]
    for row, z in enumerate(FEATURES):
        own = np.linalg.inv(whole.grams[row] + np.diag(precision))
        inherit = own * precision @ np.kron([0.0, *z[1:]], np.eye(len(GROUPS)))
        expected = variances.noise * (own + inherit @ covariance @ inherit.T)
        assert posterior.covariances[row] == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_a_step_of_estimation_uses_the_whole_posterior() -> None:
    """The expected squares of all weights, and of the noise, by the large regression."""
    x, rows, rewards = data(5)
    variances, columns = start(), len(GROUPS)
    to_action, _ = prior(variances)
    regressors = np.einsum("ti,tij->tj", x, to_action[rows])
    covariance = large_covariance(x, rows, variances)
    weights = covariance @ regressors.T @ rewards
    squares = weights**2 / variances.noise + np.diag(covariance)
    shared, own = squares[: len(LEVELS) * columns].reshape(-1, columns), squares[len(LEVELS) * columns :]
    _, updated = fit(design(x, rows, rewards), variances, update=True)
    for group in range(3):
        kept = 0.01 * initial_variance(len(FEATURES), is_crossed=group > 0)
        members = group == GROUPS
        found = own.reshape(-1, columns)[:, members]
        assert updated.own[group] == pytest.approx((found.sum() + kept) / (found.size + 1), rel=1e-6)
        for level in range(3):
            found = shared[level == LEVELS][:, members]
            assert updated.shared[group, level] == pytest.approx((found.sum() + kept) / (found.size + 1), rel=1e-6)
    errors = ((rewards - regressors @ weights) ** 2).sum()
    doubt = variances.noise * np.trace(regressors @ covariance @ regressors.T)
    assert updated.noise == pytest.approx((errors + doubt) / len(rewards), rel=1e-6)
