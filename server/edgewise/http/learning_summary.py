"""The state of a policy's learning, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgewise.bandit.expected_reward import ExpectedReward, Progress
from edgewise.policies.policy import Policy
from edgewise.statistics import Statistics


def describe_learning(
    policy: Policy, statistics: Statistics, progress: Progress | None, expected: Sequence[ExpectedReward] | None
) -> str:
    """How many rewards the model has learned, how sure it is, and how much it explores.

    `expected` has the estimates of the policy's actions for the average visitor. Both are None for Vowpal
    Wabbit's algorithms, and before the first reward.
    """
    return " ".join(_sentences(policy, statistics, progress, expected))


def _sentences(
    policy: Policy, statistics: Statistics, progress: Progress | None, expected: Sequence[ExpectedReward] | None
) -> Iterator[str]:
    if policy.explore.mode == "frozen":
        yield "The policy is frozen, so it learns nothing."
    elif policy.explore.mode == "apprentice":
        yield "The policy is an apprentice. It shows the baseline and learns from it."
    if progress is None:
        yield f"The model has learned {statistics.learned:,} decisions."
        if policy.explore.algorithm == "auto" and statistics.learned:
            yield "It is built again from the log, because the policy has another algorithm or other features."
        elif policy.explore.algorithm == "auto":
            yield "Until it has learned one, all eligible actions are equally likely."
        else:
            yield f"The algorithm {policy.explore.algorithm} does not measure how sure it is."
        return
    yield f"The model has learned {statistics.learned:,} decisions with {progress.conversions:,} conversions."
    if not progress.conversions:
        yield "Until it has learned a conversion, it knows no action that is better than the others."
        return
    if expected and len(expected) > 1:
        place, leader = max(enumerate(expected), key=lambda item: item[1].best)
        name, probability = policy.actions[place].id, _percent(leader.best)
        yield f"For the average visitor, {name} is the best action with a probability of {probability}."
    yield f"Of the last decisions, {_percent(progress.explored)} tried an action that did not seem the best one."
    if progress.changes:
        yield f"The visitors' tastes have changed {progress.changes:,} times since the start."


def _percent(share: float) -> str:
    if 0 < share < 0.01:
        return "less than 1%"
    if share > 0.99:
        return "more than 99%"
    return f"{share:.0%}"
