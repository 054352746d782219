"""Traffic: what a log says happened, and the policy that is to decide on it now."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from edgewise.policies.policy import Policy
from edgewise.types import Milliseconds


class Row(NamedTuple):
    """What happened once. `action` is an index into the policy's actions, `ms` is when it was decided."""

    context: Mapping[str, Any]
    action: int
    reward: float
    propensity: float
    ms: Milliseconds


class Traffic(NamedTuple):
    """Rows in the order of their times.

    `clamped` counts the rows whose reward was outside the policy's range, and was moved to its nearer end.
    """

    policy: Policy
    rows: Sequence[Row]
    clamped: int = 0

    def shuffled(self, seed: int) -> Traffic:
        """The same rows in an order of this seed's; the times stay where they were."""
        rows = random.Random(seed).sample(self.rows, len(self.rows))
        return self._replace(rows=[row._replace(ms=at.ms) for row, at in zip(rows, self.rows, strict=True)])
