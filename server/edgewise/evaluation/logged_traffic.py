"""Logged traffic: the rows of a log, and the policy that decides them again."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from edgewise.policies.policy import Policy
from edgewise.types import Milliseconds


class LoggedRow(NamedTuple):
    """One logged decision. `action` is a position in the policy. `ms` is the time of the decision."""

    context: Mapping[str, Any]
    action: int
    reward: float
    propensity: float
    ms: Milliseconds


class LoggedTraffic(NamedTuple):
    """Rows in the order of their times.

    `clamped` is the number of rows with a reward outside the policy's range. They have the nearest value in the range.
    """

    policy: Policy
    rows: Sequence[LoggedRow]
    clamped: int = 0

    def shuffled(self, seed: int) -> LoggedTraffic:
        """The same rows in a random order. The times keep their order."""
        rows = random.Random(seed).sample(self.rows, len(self.rows))
        return self._replace(rows=[row._replace(ms=at.ms) for row, at in zip(rows, self.rows, strict=True)])
