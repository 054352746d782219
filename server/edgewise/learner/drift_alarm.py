"""The drift alarm: warns when a few addresses bring most of a policy's rewards, and so decide what it learns."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from edgewise.store import Store
from edgewise.store.reward_sources import FEW
from edgewise.types import Milliseconds, PolicyRef

log = logging.getLogger(__name__)


class DriftAlarm:
    """Warns once for each policy, and again after the alarm was over."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._alarming: set[PolicyRef] = set()

    async def check(self, refs: Sequence[PolicyRef], now: Milliseconds) -> None:
        """
        Raises:
            StoreError: the store does not answer.
        """
        for ref, share in (await self._store.reward_sources.shares(refs, now)).items():
            if share.is_alarming and ref not in self._alarming:
                message = (
                    "%s/%s: %d addresses brought %.0f%% of %d rewards in two days. If you do not know them, "
                    "compare the policy with its control group. See docs/reference/limits.md."
                )
                log.warning(message, *ref, FEW, 100 * share.share, share.rewards)
            (self._alarming.add if share.is_alarming else self._alarming.discard)(ref)
