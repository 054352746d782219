"""The attacks, in a run that is too short for meaningful figures."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from load_tests import attack, schema_attack
from load_tests.attack import AttackResult
from load_tests.attack_server import Observation
from load_tests.attacks import ATTACKS, Outcome

QUIET = Observation([0.001] * 100, 10, [])


async def test_attacks_are_measured_while_others_visit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attack, "MOST_P99", 30.0)  # The machine may be busy.
    shown = io.StringIO()
    names = ["claimed identities", "resets", "colliding keys"]
    assert await attack.run_attacks(names, 0.3, Console(width=200, file=shown)) == []
    assert all(name in shown.getvalue() for name in names)


@pytest.mark.parametrize(
    ("outcome", "observation", "memory", "missed"),
    [
        (Outcome({}, []), QUIET, 0, []),
        (Outcome({}, ["the victim's traits were changed"]), QUIET, 0, ["the victim's traits were changed"]),
        (Outcome({}, []), QUIET._replace(errors=["decide: status 500"] * 3), 0, ["decide: status 500"]),
        (Outcome({}, []), QUIET._replace(latencies=[0.001] * 98 + [2.0] * 2), 0, ["p99"]),
        (Outcome({}, []), QUIET, 100 << 20, ["memory"]),
    ],
)
def test_every_limit_can_be_missed(outcome: Outcome, observation: Observation, memory: int, missed: list[str]) -> None:
    assert AttackResult("attack", outcome, observation, memory).missed(QUIET) == missed


async def test_schema_check_without_its_tool_is_no_success(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(schema_attack, "PROGRAM", tmp_path / "schemathesis")
    (found,) = await schema_attack.check_schema(Console(file=io.StringIO()))
    assert found.startswith("schemathesis is missing.")


def test_every_attack_describes_itself() -> None:
    assert all(run.__doc__ for run in ATTACKS.values())
