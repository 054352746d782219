"""One limit for the logs of all policies together.

Most logs of a server are small, so a limit for each of them would either waste the memory of the store or exceed it.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable

from edgewise.entries import Cut, encode
from edgewise.errors import StoreError
from edgewise.learner.policy_learner import PolicyLearner
from edgewise.learner.retention import Retention
from edgewise.store import Store
from edgewise.types import PolicyRef

log = logging.getLogger(__name__)


class LogBudget:
    """Keeps all logs within `limit` bytes.

    If they exceed it, learned entries are removed first: from the logs of removed policies, then from the largest log
    on. If open decisions alone exceed it, the largest logs are cut. A log within its fair share is never cut, whatever
    the others hold. Logs of removed policies are never cut, and cause no cut of others.
    """

    def __init__(self, store: Store, retention: Retention, limit: int) -> None:
        self._store = store
        self._retention = retention
        self._limit = limit

    async def apply(self, learners: Collection[PolicyLearner], removed: Collection[PolicyRef] = ()) -> None:
        """Remove what exceeds the limit. `removed` are policies that no site has any more.

        Raises:
            StoreError: the store does not answer.
        """
        sizes = await self._sizes(learners)
        if sum(sizes.values()) + await self._size_of(removed) <= self._limit:
            return
        for ref in removed:
            await self._retention.remove_history_of_removed(ref)
        room = self._limit - await self._size_of(removed)
        if sum(sizes.values()) <= room:
            return
        for learner in sorted(sizes, key=sizes.__getitem__, reverse=True):
            if await self._removes_history(learner):
                sizes |= await self._sizes([learner])
                if sum(sizes.values()) <= room:
                    return
        await self._cut(sizes)

    async def _removes_history(self, learner: PolicyLearner) -> bool:
        """Remove the learned entries. Returns False if there are none, or if this learner cannot do so now."""
        try:
            return await self._retention.remove_history(learner)
        except StoreError:  # The learner's next checkpoint fails for the same reason, which is then reported.
            return False

    async def _cut(self, sizes: dict[PolicyLearner, int]) -> None:
        """Close open decisions of the largest logs. After the fold has read the cut, they no longer hold the log."""
        excess = sum(sizes.values()) - self._limit
        share = fair_share(sizes.values(), self._limit)
        for learner in sorted(sizes, key=sizes.__getitem__, reverse=True):
            if excess <= 0 or sizes[learner] <= share:
                break
            excess -= sizes[learner]
            if learner.fold is None or not learner.fold.open_decisions:
                continue
            await self._store.log.append(learner.ref, encode(Cut()))
            log.warning(
                "%s/%s: The logs exceed %d bytes, so the open decisions of this one are cut and not learned. Use a "
                "larger --log-bytes or a shorter reward window.",
                *learner.ref,
                self._limit,
            )

    async def _size_of(self, removed: Iterable[PolicyRef]) -> int:
        return sum(await self._store.log.sizes(removed))

    async def _sizes(self, learners: Collection[PolicyLearner]) -> dict[PolicyLearner, int]:
        sizes = await self._store.log.sizes([learner.ref for learner in learners])
        return dict(zip(learners, sizes, strict=True))


def fair_share(sizes: Iterable[int], limit: int) -> float:
    """The largest size that every log may have, so that together they fit. Small logs leave their rest to the others.

    It is infinite if all of them fit as they are.
    """
    left, ordered = float(limit), sorted(sizes)
    for index, size in enumerate(ordered):
        share = left / (len(ordered) - index)
        if size > share:
            return share
        left -= size
    return float("inf")
