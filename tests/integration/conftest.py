"""Fixtures for tests with real processes."""

from __future__ import annotations

from random import Random

import pytest

from tests.integration.chaos_rounds import SEED

for module in ("audit", "service", "chaos_traffic"):
    pytest.register_assert_rewrite(f"tests.integration.{module}")


@pytest.fixture
def chance(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Random:
    """Repeatable randomness. The report of a failure has its seed, and a test with many rounds prints it first."""
    repeat = f"EDGEWISE_CHAOS_SEED={SEED}"
    request.node.add_report_section("setup", "chaos", f"{repeat} pytest {request.node.nodeid!r}")
    if request.node.get_closest_marker("chaos"):
        with capsys.disabled():
            print(f"\n{request.node.name}: {repeat}")
    return Random(f"{SEED}/{request.node.originalname}")
