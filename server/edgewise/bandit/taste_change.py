"""A test for changes of taste: rewards that an average action explains better than the model does.

The learner adds up the surprise of each reward, and never goes below 0. If the sum exceeds `threshold`, tastes have
changed. Page, "Continuous inspection schemes", 1954.
"""

from __future__ import annotations

from math import log

LEAST_EVENTS = 2000
"""With fewer rewards, a model has too little to forget. It is often wrong without any change."""

_THRESHOLD = 6.0

_DOUBT = 0.5
"""An expectation counts only as far as it is more than so many standard deviations from the average action."""

_LEAST_PROBABILITY = 0.005


def threshold(events: float) -> float:
    """The sum of surprises that shows a change to a model with so many rewards.

    By chance, it is exceeded about once in a number of rewards that grows with its exponential. It grows with the
    logarithm of the rewards, so that a large site does not forget every few days.
    """
    return _THRESHOLD + log(max(events / LEAST_EVENTS, 1.0))


def surprise(reward: float, expected: float, deviation: float, average: float) -> float:
    """The logarithm of the likelihood of a reward for an average action, divided by that for the expectation.

    All are rewards from 0 to 1. `deviation` is that of the expectation. The likelihood is Bernoulli's, also for rewards
    between 0 and 1.
    """
    doubt = _DOUBT * deviation
    advantage = expected - average
    sure = _as_probability(average + max(advantage - doubt, 0.0) + min(advantage + doubt, 0.0))
    average = _as_probability(average)
    return reward * log(average / sure) + (1 - reward) * log((1 - average) / (1 - sure))


def _as_probability(reward: float) -> float:
    return min(max(reward, _LEAST_PROBABILITY), 1 - _LEAST_PROBABILITY)
