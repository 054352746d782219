from __future__ import annotations

from pathlib import Path

import pytest

from edgewise.demo.demo_report import complaints, counts, progress
from edgewise.demo.example import Example, copied
from edgewise.demo.screen import View
from edgewise.demo.simulated_visitors import SEGMENTS, arriving
from edgewise.demo.tally import Tally
from edgewise.demo.vitals import Vitals

EXAMPLES = Path(__file__).parents[2] / "policies"


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    return copied(EXAMPLES, tmp_path_factory.mktemp("demo") / "policies")


@pytest.fixture
def tally(example: Example) -> Tally:
    """A thousand visitors, each of whom was shown what they like."""
    tally = Tally(SEGMENTS, 1000, example.worth)
    for visitor in arriving(1000, 1):
        tally.arrived()
        tally.decided(visitor, "policy", visitor.segment.favourite)
        tally.reacted(visitor, "policy", visitor.segment.favourite)
    return tally


def view(example: Example, tally: Tally, learned: int = 1000) -> View:
    return View(tally, Vitals(model_version=9, learned=learned), example, "http://server")


def test_there_is_nothing_to_complain_of_when_all_was_served_and_learned(example: Example, tally: Tally) -> None:
    assert complaints(view(example, tally)) == []
    assert "model 9 knows 1,000 of the policy group's 1,000 decisions" in counts(view(example, tally))


def test_lost_calls_and_messages_are_complained_of(example: Example, tally: Tally) -> None:
    tally.failures, tally.refused = 6, 5
    assert complaints(view(example, tally)) == ["11 calls and messages were lost, expected at most 1% of 1000"]


def test_fallbacks_are_complained_of_when_they_are_the_most(example: Example, tally: Tally) -> None:
    tally.fallbacks = 501
    assert complaints(view(example, tally)) == ["501 of 1000 answers were fallbacks, expected a few at most"]


def test_a_model_that_does_not_know_is_complained_of(example: Example, tally: Tally) -> None:
    assert complaints(view(example, tally, learned=900)) == ["the model has learned from 900 of 1000 decisions"]


def test_progress_tells_what_each_segment_is_shown_most(example: Example, tally: Tally) -> None:
    text = progress(view(example, tally))
    assert "students new-arrivals 100%, bargain hunters summer-sale 100%, gift buyers free-shipping 100%" in text
    assert "lift not known yet" in text  # There is nobody in the control group.
