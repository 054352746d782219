"""The features of actions in a linear model: what some of them have in common."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgewise.bandit.linear_fit import Array, Index
from edgewise.bandit.terms import Term


def action_features(actions: Sequence[Sequence[Term]], levels: dict[str, int], most: int) -> tuple[Array, Index]:
    """z(a) of each action (K, F), and the level of each of the F features, which are at most `most`.

    The first feature is 1. A text is a feature if some actions have it and others do not. The most common ones are
    used. Numbers are standardized over the actions. `levels` has the level of each attribute. New ones are added.
    """
    texts: dict[tuple[str, str], list[int]] = {}
    numbers: dict[str, Array] = {}
    for row, terms in enumerate(actions):
        for term in terms:
            if term.is_number:
                numbers.setdefault(term.attribute, np.zeros(len(actions)))[row] = term.value
            else:
                texts.setdefault((term.column, term.attribute), []).append(row)
    features, found = [np.ones(len(actions))], [0]
    for attribute, values in numbers.items():
        deviation = values.std()
        if deviation > 1e-9 and len(features) < most:
            features.append((values - values.mean()) / deviation)
            found.append(levels.setdefault(attribute, len(levels)))
    common = sorted(((key, rows) for key, rows in texts.items() if 1 < len(rows) < len(actions)), key=_rarity)
    for (_, attribute), rows in common[: max(0, most - len(features))]:
        feature = np.zeros(len(actions))
        feature[rows] = 1
        features.append(feature)
        found.append(levels.setdefault(attribute, len(levels)))
    return np.stack(features, axis=1), np.array(found)


def _rarity(item: tuple[tuple[str, str], list[int]]) -> tuple[int, str]:
    return -len(item[1]), item[0][0]
