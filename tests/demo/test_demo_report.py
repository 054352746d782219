from __future__ import annotations

from pathlib import Path

import pytest

from edgewise.demo.demo_report import counts, problems, progress
from edgewise.demo.example import ExamplePolicies, copy_examples
from edgewise.demo.screen import DemoState
from edgewise.demo.server_status import ServerStatus
from edgewise.demo.simulated_visitors import SEGMENTS, generate_visitors
from edgewise.demo.tally import DemoTally

EXAMPLES = Path(__file__).parents[2] / "policies"


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> ExamplePolicies:
    return copy_examples(EXAMPLES, tmp_path_factory.mktemp("demo") / "policies")


@pytest.fixture
def tally(example: ExamplePolicies) -> DemoTally:
    """A thousand visitors, each with the favorite action of their segment."""
    tally = DemoTally(SEGMENTS, 1000, example.rewards)
    for visitor in generate_visitors(1000, 1):
        tally.count_visitor()
        tally.count_decision(visitor, "policy", visitor.segment.favorite)
        tally.count_reaction(visitor, "policy", visitor.segment.favorite)
    return tally


def state(example: ExamplePolicies, tally: DemoTally, learned: int = 1000) -> DemoState:
    return DemoState(tally, ServerStatus(model_version=9, learned=learned), example, "http://server")


def test_a_successful_demo_has_no_problems(example: ExamplePolicies, tally: DemoTally) -> None:
    assert problems(state(example, tally)) == []
    assert "Model 9 includes 1,000 of 1,000 decisions of the policy group" in counts(state(example, tally))


def test_lost_calls_and_messages_are_a_problem(example: ExamplePolicies, tally: DemoTally) -> None:
    tally.failures, tally.rejected = 6, 5
    assert problems(state(example, tally)) == ["Lost 11 calls and messages, expected at most 1% of 1000."]


def test_a_majority_of_fallbacks_is_a_problem(example: ExamplePolicies, tally: DemoTally) -> None:
    tally.fallbacks = 501
    assert problems(state(example, tally)) == ["Got 501 fallbacks in 1000 decisions, expected a few at most."]


def test_missing_decisions_in_the_model_are_a_problem(example: ExamplePolicies, tally: DemoTally) -> None:
    assert problems(state(example, tally, learned=900)) == ["The model has learned from only 900 of 1000 decisions."]


def test_progress_has_the_most_frequent_action_of_each_segment(example: ExamplePolicies, tally: DemoTally) -> None:
    text = progress(state(example, tally))
    assert "students new-arrivals 100%, bargain hunters summer-sale 100%, gift buyers free-shipping 100%" in text
    assert "lift not known yet" in text  # The control group is empty.
