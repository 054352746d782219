"""Comparisons, goals and the report of known measurements."""

from __future__ import annotations

import math
from functools import cache

import pytest

from tests.quality.easy_streams import easy
from tests.quality.goals import Goal, goals
from tests.quality.measurement import Drift, Measurement, measure
from tests.quality.peers import MARKS
from tests.quality.report import report
from tests.quality.results import Results

SEEDS = range(10)
SCORES = {
    "digits": {"edgewise": 85.0, "thompson": 10.0, "linucb-1": 70.0, "best-single": 90.0},
    "shop5": {"edgewise": 40.0, "thompson": 20.0, "linucb-1": 45.0, "best-single": 30.0},
    "small-shop": {"edgewise": 25.0, "thompson": 26.0, "linucb-1": 24.0, "best-single": 20.0},
}


@cache
def results() -> Results:
    measured = [
        Measurement(stream, method, seed, score + seed % 3 * (method == "edgewise"))
        for stream, scores in SCORES.items()
        for method, score in scores.items()
        for seed in SEEDS
    ]
    return Results(measured, list(SCORES), list(SCORES["digits"]))


def found(results: Results, text: str) -> Goal:
    (goal,) = [goal for goal in goals(results) if text in goal.text]
    return goal


def test_the_best_peer_needs_no_hindsight() -> None:
    assert [results().best_peer(stream) for stream in SCORES] == ["linucb-1", "linucb-1", "thompson"]


def test_a_stream_counts_as_above_only_if_every_peer_is_significantly_below() -> None:
    assert [results().is_above_every_peer(stream) for stream in SCORES] == [True, False, False]


def test_seeds_that_only_one_method_has_are_not_compared() -> None:
    measured = [Measurement("s", "edgewise", seed, 1.0) for seed in (0, 1)] + [Measurement("s", "lints", 1, 3.0)]
    assert Results(measured, ["s"], ["edgewise", "lints"]).differences("s", "lints") == [-2.0]


def test_goals_compare_with_the_best_peer_and_with_thresholds() -> None:
    assert found(results(), "at most 3 points").found == "more on 1 of 3: shop5 4.1"
    assert not found(results(), "at most 3 points").is_reached
    assert found(results(), "a third of the streams").found == "1 of 3"
    assert found(results(), "a third of the streams").is_reached
    assert found(results(), "`digits`") == Goal("`digits`: a score of at least 80", "85.9", True)
    assert not found(results(), "`shop5`").is_reached
    assert found(results(), "five weeks") == Goal(found(results(), "five weeks").text, "10 of 10", True)


def test_a_goal_without_measurements_is_left_out() -> None:
    assert list(goals(Results([], [], []))) == []
    assert [goal.text for goal in goals(results()) if "shop200" in goal.text] == []


def test_recovery_is_the_mean_score_after_the_change_as_a_share_of_the_mean_before() -> None:
    measured = [Measurement("d", "edgewise", 0, 1.0, Drift([], 40.0, 40.0))]
    measured.append(Measurement("d", "edgewise", 1, 1.0, Drift([], 60.0, 30.0)))
    drifted = Results(measured, ["d"], ["edgewise"])
    assert drifted.recovered("d", "edgewise") == pytest.approx(0.7)
    assert found(drifted, "before the change").found == "70%"
    assert math.isnan(results().recovered("shop5", "edgewise"))


def test_a_measured_change_has_the_scores_of_the_windows_around_it() -> None:
    measured = measure(easy(0, 8000, every=500, change=2000), "oracle", 3)
    assert measured.drift == Drift([100.0] * 8, 100.0, 100.0)
    assert measured.as_json()["recovered"] == 1
    assert measured.as_json()["windows"] == [100.0] * 8
    single = measure(easy(0, 8000, every=500, change=2000), "best-single", 3).drift
    assert single is not None
    assert (single.before, single.after) == pytest.approx((single.windows[1], single.windows[6]))


def test_a_change_too_near_to_the_end_has_no_recovery() -> None:
    row = measure(easy(0, 3000, every=500, change=2000), "oracle", 0).as_json()
    assert row["recovered"] is None
    assert len(row["windows"]) == 3


def test_a_row_has_stream_method_seed_and_score() -> None:
    assert Measurement("s", "m", 3, 12.345678).as_json() == {"stream": "s", "method": "m", "seed": 3, "score": 12.3457}
    assert Measurement("s", "m", 3, math.nan).as_json()["score"] is None


def test_the_report_marks_significant_differences() -> None:
    text = report(results(), list(MARKS))
    (digits, *_) = [line.split("|") for line in text.splitlines() if line.startswith("| digits")]
    assert [cell.strip() for cell in digits[2:-1]] == ["10", "85.9", "10.0▼", "70.0▼", "90.0▲"]
    assert "best-single*" in text
    assert "| NO " in text


def test_the_report_of_methods_without_edgewise_has_no_goals() -> None:
    text = report(Results([Measurement("s", "lints", 0, 5.0)], ["s"], ["lints"]), list(MARKS))
    assert "5.0" in text
    assert "reached" not in text
