"""The log of the e-mail experiment and its map."""

from __future__ import annotations

from pathlib import Path

import pytest

LOG = Path(__file__).parents[3] / "shared" / "data" / "hillstrom.csv.gz"
MAP = Path(__file__).with_name("hillstrom.toml")

needs_log = pytest.mark.skipif(not LOG.exists(), reason=f"Missing {LOG.name} in {LOG.parent}.")
