from __future__ import annotations

import pytest

from edgewise.bandit.expected_reward import ExpectedReward, Progress
from edgewise.http.learning_summary import describe_learning
from edgewise.policies.policy import Action, Algorithm, Explore, Mode, Policy
from edgewise.statistics import Statistics

ESTIMATES = [ExpectedReward(0.02, 0.01, 0.03, 0.004), ExpectedReward(0.05, 0.03, 0.07, 0.996)]


def summary(
    progress: Progress | None,
    expected: list[ExpectedReward] | None = None,
    mode: Mode = "online",
    algorithm: Algorithm = "auto",
    learned: int = 12_345,
) -> str:
    policy = Policy(
        "hero", (Action("plain"), Action("deal")), ("plain",), explore=Explore(mode=mode, algorithm=algorithm)
    )
    return describe_learning(policy, Statistics(learned=learned), progress, expected)


@pytest.mark.parametrize(
    ("progress", "expected", "sentences"),
    [
        (None, None, ["learned 12,345 decisions.", "is built again"]),
        (Progress(0, 0.5, 0), ESTIMATES, ["with 0 conversions.", "knows no action that is better"]),
        (
            Progress(1234, 0.004, 0),
            ESTIMATES,
            ["1,234 conversions", "deal is the best action with a probability of more than 99%"],
        ),
        (Progress(1234, 0.004, 0), ESTIMATES, ["less than 1% tried"]),
        (Progress(1234, 0.25, 2), ESTIMATES, ["25% tried", "tastes have changed 2 times"]),
        (Progress(7, 0.0, 0), ESTIMATES[:1], ["7 conversions. Of the last decisions, 0% tried"]),
    ],
)
def test_the_summary_has_conversions_certainty_and_exploration(
    progress: Progress | None, expected: list[ExpectedReward] | None, sentences: list[str]
) -> None:
    found = summary(progress, expected)
    assert all(sentence in found for sentence in sentences), found


def test_the_summary_has_the_mode_and_an_algorithm_without_certainty() -> None:
    assert "frozen, so it learns nothing" in summary(None, mode="frozen")
    assert "an apprentice. It shows the baseline" in summary(Progress(3, 0.0, 0), ESTIMATES, mode="apprentice")
    assert "squarecb does not measure how sure it is" in summary(None, algorithm="squarecb")


def test_a_model_without_a_reward_shows_all_actions_equally() -> None:
    assert summary(None, learned=0) == (
        "The model has learned 0 decisions. Until it has learned one, all eligible actions are equally likely."
    )


def test_estimates_follow_the_rewards_of_the_policy() -> None:
    scaled = ExpectedReward(0.5, 0.25, 1.0, 0.9).scaled(-10, 30)
    assert scaled == ExpectedReward(10, 0, 30, 0.9)
