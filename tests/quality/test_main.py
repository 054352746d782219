"""The command: it measures in other processes, writes JSON, and keeps the finished measurements."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.quality import __main__ as command
from tests.quality import easy_streams
from tests.quality.jobs import Job, JobError, plan, run_job
from tests.quality.measurement import Measurement

EASY = f"{easy_streams.__file__}:easy"


def test_a_run_prints_a_table_and_writes_a_row_for_each_measurement(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "out.json"
    methods = ["edgewise", "thompson", "oracle"]
    options = ["--streams", EASY, "--methods", *methods, "--seeds", "2", "--json", str(file), "--processes", "1"]
    assert command.main(options) == 0
    rows = json.loads(file.read_text())
    assert [(row["stream"], row["method"], row["seed"]) for row in rows] == [
        ("easy", method, seed) for seed in range(2) for method in methods
    ]
    assert all(row["score"] == 100 for row in rows if row["method"] == "oracle")
    assert "| easy " in capsys.readouterr().out


def test_an_interrupted_run_keeps_and_reports_the_finished_streams(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> Iterator[list[Measurement]]:
        yield [Measurement("shop5", "edgewise", 0, 12.5)]
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "run_jobs", interrupted)
    file = tmp_path / "out.json"
    assert command.main(["--streams", "shop5", "--methods", "edgewise", "--json", str(file)]) == 130
    assert json.loads(file.read_text()) == [{"stream": "shop5", "method": "edgewise", "seed": 0, "score": 12.5}]
    assert "12.5" in capsys.readouterr().out


def test_a_missed_goal_fails_only_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "run_jobs", lambda *_: iter([[Measurement("shop5", "edgewise", 0, 12.5)]]))
    options = ["--streams", "shop5", "--methods", "edgewise"]
    assert command.main(options) == 0
    assert command.main([*options, "--check"]) == 1


@pytest.mark.parametrize(
    "options",
    [["--streams", "shop6"], ["--methods", "guess"], ["--methods", "edgewise", "--streams", "shop5", "shop5"]],
)
def test_a_wrong_name_ends_with_status_2(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(options) == 2
    assert options[-1] in capsys.readouterr().err


def test_all_streams_of_a_seed_come_before_the_next_seed() -> None:
    jobs = plan(["a", "b"], 2, ["edgewise"])
    assert [(job.stream, job.seed) for job in jobs] == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]


def test_a_failure_names_stream_seed_and_method() -> None:
    with pytest.raises(JobError, match=r"easy, seed 3, guess: KeyError"):
        run_job(Job(EASY, 3, ["guess"]))
