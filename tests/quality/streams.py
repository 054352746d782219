"""The streams that `make quality` measures: classification, a real e-mail experiment, and simulated shops.

Each entry of `STREAMS` is a function that makes the stream of a seed.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import TypeAlias

import numpy as np

from tests.quality.hillstrom import LOG
from tests.quality.shop import shop
from tests.quality.stream import FloatArray, IntArray, Stream, StreamError

MakeStream: TypeAlias = Callable[[int], Stream]


def digits(seed: int) -> Stream:
    """The handwritten digits of scikit-learn, drawn 5,000 times with replacement. An action is a digit."""
    images, labels, oracle = _digits()
    drawn = np.random.default_rng([seed, 1]).integers(0, len(labels), 5000)
    return _classification("digits", images[drawn], labels[drawn], oracle[drawn])


@cache
def _digits() -> tuple[FloatArray, IntArray, IntArray]:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return images, labels, _predicted(images, labels)


def covertype_like(seed: int) -> Stream:
    """8,000 points of seven overlapping classes, with about as many numbers as the covertype data have."""
    from sklearn.datasets import make_classification

    points, labels = make_classification(
        n_samples=8000,
        n_features=20,
        n_informative=12,
        n_redundant=4,
        n_classes=7,
        n_clusters_per_class=2,
        class_sep=1.5,
        flip_y=0.05,
        random_state=1000 + seed,
    )
    return _classification("covertype-like", points, labels, _predicted(points, labels))


def hillstrom(seed: int) -> Stream:
    """Kevin Hillstrom's e-mail experiment in the random order of the seed, for a replay. A visit is the reward.

    The oracle shows the best action by one logistic regression for each e-mail.
    """
    from sklearn.linear_model import LogisticRegression

    rows = _hillstrom_rows()
    rows = [rows[position] for position in np.random.default_rng([seed, 2]).permutation(len(rows))]
    texts, numbers = ("history_segment", "zip_code", "channel"), ("recency", "history", "mens", "womens", "newbie")
    contexts = [
        {"data": {**{name: row[name] for name in texts}, **{name: float(row[name]) for name in numbers}}}
        for row in rows
    ]
    emails = ("Mens E-Mail", "No E-Mail", "Womens E-Mail")
    logged = np.array([emails.index(row["segment"]) for row in rows])
    visits = np.array([float(row["visit"]) for row in rows])
    P = np.broadcast_to(visits[:, None], (len(rows), 3))
    stream = Stream("hillstrom", [(email, {}) for email in emails], contexts, P, logged=logged)
    chances = []
    for email in range(3):
        fitted = LogisticRegression(max_iter=300).fit(stream.X[logged == email], visits[logged == email])
        chances.append(fitted.predict_proba(stream.X)[:, 1])
    stream.best = np.argmax(chances, axis=0)
    return stream


@cache
def _hillstrom_rows() -> list[dict[str, str]]:
    if not LOG.exists():
        raise StreamError(
            f"hillstrom: Missing {LOG.name} in {LOG.parent}. docs/engineering/learning.md has its source."
        )
    with gzip.open(LOG, "rt") as file:
        return list(csv.DictReader(file))


def _predicted(points: FloatArray, labels: IntArray) -> IntArray:
    """The classes by a logistic regression that has seen all points."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=10.0, max_iter=300)).fit(points, labels)
    return np.asarray(model.predict(points))


def _classification(name: str, points: FloatArray, labels: IntArray, oracle: IntArray) -> Stream:
    """An action is a class. The reward is 1 for the right one."""
    contexts = [{"data": {f"f{column}": float(value) for column, value in enumerate(row)}} for row in points]
    classes = int(labels.max()) + 1
    actions: list[tuple[str, dict[str, str]]] = [(f"class{number}", {}) for number in range(classes)]
    return Stream(name, actions, contexts, np.eye(classes)[labels], oracle)


def _delayed(make: MakeStream, name: str, seed: int) -> Stream:
    """The same stream with rewards that are known 500 events later."""
    return replace(make(seed), name=name, delay=500)


STREAMS: dict[str, MakeStream] = {
    "digits": digits,
    "covertype-like": covertype_like,
    "hillstrom": hillstrom,
    "clicks5": partial(shop, "clicks5", 5, 15_000, conversion=(0.1, 0.4)),
    "shop5": partial(shop, "shop5", 5, 15_000),
    "shop20": partial(shop, "shop20", 20, 15_000),
    "shop200": partial(shop, "shop200", 200, 10_000),
    "small-shop": partial(shop, "small-shop", 5, 10_000, conversion=(0.02, 0.05)),
    "shop5-drift": partial(shop, "shop5-drift", 5, 20_000, drift=True),
    "shop5-delay": partial(shop, "shop5-delay", 5, 15_000, delay=500),
    "shop20-delay": partial(shop, "shop20-delay", 20, 15_000, delay=500),
    "digits-delay": partial(_delayed, digits, "digits-delay"),
    "covertype-delay": partial(_delayed, covertype_like, "covertype-delay"),
}
