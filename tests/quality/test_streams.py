"""The streams are those that the goals were set on, event by event, where the file that defined them is present."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.quality.hillstrom import needs_log
from tests.quality.shop import shop
from tests.quality.stream import Stream
from tests.quality.streams import STREAMS

ORIGINAL = Path(__file__).parents[3] / "shared" / "quality" / "streams.py"

needs_original = pytest.mark.skipif(not ORIGINAL.exists(), reason=f"Missing {ORIGINAL.name} in {ORIGINAL.parent}.")

LEARNED = {"digits", "covertype-like", "digits-delay", "covertype-delay"}
SHOPS = [name for name in STREAMS if name not in {*LEARNED, "hillstrom", "small-shop"}]


@cache
def original_streams() -> dict[str, Any]:
    spec = importlib.util.spec_from_file_location("original_streams", ORIGINAL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return {**module.STREAMS, **module.EXTRA}


def assert_equal_to_the_original(name: str, seed: int) -> None:
    stream, original = STREAMS[name](seed), original_streams()[name][0](seed)
    assert (stream.name, stream.every, stream.delay) == (original.name, original.every, original.delay)
    assert list(stream.actions) == original.actions
    assert list(stream.contexts) == original.contexts
    for field in ("P", "X", "best", "logged"):
        np.testing.assert_array_equal(getattr(stream, field), getattr(original, field), field)


@needs_original
@pytest.mark.parametrize("name", SHOPS)
def test_a_shop_is_the_original_one(name: str) -> None:
    assert_equal_to_the_original(name, 1)


@needs_original
@pytest.mark.quality
@pytest.mark.parametrize("name", sorted(LEARNED))
def test_a_classification_is_the_original_one(name: str) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is missing. `make quality` installs it.")
    assert_equal_to_the_original(name, 1)


@needs_original
@needs_log
@pytest.mark.quality
def test_the_replay_is_the_original_one() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is missing. `make quality` installs it.")
    assert_equal_to_the_original("hillstrom", 1)


def test_every_original_stream_is_measured() -> None:
    if ORIGINAL.exists():
        assert original_streams().keys() <= STREAMS.keys()
    assert len(STREAMS) == 13


def kinds(stream: Stream) -> list[tuple[float, ...]]:
    return sorted({tuple(row) for row in stream.P.round(12).tolist()})


def test_a_shop_has_four_kinds_of_visitors_within_the_range_of_conversion() -> None:
    stream = shop("s", 20, 2000, 0, conversion=(0.1, 0.4))
    assert len(kinds(stream)) == 4
    assert stream.P.min() >= 0.1
    assert stream.P.max() <= 0.4


def test_a_change_of_tastes_gives_each_kind_the_rates_of_another() -> None:
    before, after = shop("s", 5, 2000, 3), shop("s", 5, 2000, 3, drift=True)
    assert after.change == 1000
    np.testing.assert_array_equal(before.P[:1000], after.P[:1000])
    assert (before.P[1000:] != after.P[1000:]).any(axis=1).all()
    assert kinds(before) == kinds(after)


def test_with_crossed_visitors_source_and_device_together_show_the_kind() -> None:
    stream = shop("s", 5, 3000, 0, cross=True)
    rates: dict[tuple[str, str], list[float]] = {}
    for context, row in zip(stream.contexts, stream.P.tolist(), strict=True):
        cell = (context["visitor"]["source"], context["device"]["type"])
        assert rates.setdefault(cell, row) == row
    assert len(rates) == 15
