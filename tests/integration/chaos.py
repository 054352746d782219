"""Chance with a seed, and how many rounds of it: few in the quick suite, many with `make chaos`."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import pytest

SEED = os.environ.get("EDGEWISE_CHAOS_SEED") or str(secrets.randbelow(2**32))
"""Each test draws from this and its own name, so that one test alone meets the same chances."""

KILLS = 4
"""Kills in one episode: the supervisor starts what keeps dying later and later, so each episode is a new service."""


def rounds(quick: int | None, many: int) -> pytest.MarkDecorator:
    """Runs a test with a few rounds, and once more, marked `chaos`, with many (or EDGEWISE_CHAOS_ROUNDS)."""
    many = int(os.environ.get("EDGEWISE_CHAOS_ROUNDS") or many)
    few = [] if quick is None else [pytest.param(quick)]
    return pytest.mark.parametrize("rounds", [*few, pytest.param(many, marks=pytest.mark.chaos)])


def episodes(rounds: int, kills: int = KILLS) -> Iterator[int]:
    """The number of kills in each episode, `rounds` in all."""
    while rounds > 0:
        yield min(rounds, kills)
        rounds -= kills
