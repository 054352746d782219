"""Fixtures of the tests with real processes."""

from __future__ import annotations

from random import Random

import pytest

from tests.integration.chaos import SEED

for module in ("audit", "service", "traffic"):
    pytest.register_assert_rewrite(f"tests.integration.{module}")


@pytest.fixture
def chance(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Random:
    """Chance that can be repeated: its seed stands in the report of a failure, and is printed before many rounds."""
    again = f"EDGEWISE_CHAOS_SEED={SEED}"
    request.node.add_report_section("setup", "chaos", f"{again} pytest {request.node.nodeid!r}")
    if request.node.get_closest_marker("chaos"):
        with capsys.disabled():
            print(f"\n{request.node.name}: {again}")
    return Random(f"{SEED}/{request.node.originalname}")
