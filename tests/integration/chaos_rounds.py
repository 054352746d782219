"""Seeded randomness and the number of rounds of chaos tests: few in the quick suite, many with `make chaos`."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import pytest

SEED = os.environ.get("EDGEWISE_CHAOS_SEED") or str(secrets.randbelow(2**32))
"""Each test derives its own seed from this one and its name, so a single test can be repeated."""

KILLS = 4
"""Kills per episode. Each episode starts a new service, because the supervisor delays repeated restarts."""


def rounds(quick: int | None, many: int) -> pytest.MarkDecorator:
    """Run a test with a few rounds, and with many (or EDGEWISE_CHAOS_ROUNDS) under the mark `chaos`."""
    many = int(os.environ.get("EDGEWISE_CHAOS_ROUNDS") or many)
    few = [] if quick is None else [pytest.param(quick)]
    return pytest.mark.parametrize("rounds", [*few, pytest.param(many, marks=pytest.mark.chaos)])


def episodes(rounds: int, kills: int = KILLS) -> Iterator[int]:
    """Split `rounds` kills into episodes. Yield the number of kills of each one."""
    while rounds > 0:
        yield min(rounds, kills)
        rounds -= kills
