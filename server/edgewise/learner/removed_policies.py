"""Lets the keys of policies expire that no site has any more. A policy that comes back in time has lost nothing."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Collection

from edgewise.errors import StoreError
from edgewise.logs import RepeatedErrorLog
from edgewise.sites import decode_sites
from edgewise.store import Store
from edgewise.types import Milliseconds, PolicyRef

log = logging.getLogger(__name__)

LONGEST_WINDOW: Milliseconds = 7 * 24 * 3600 * 1000
"""The longest reward window. So long, a decision may still get outcomes."""

CHECK_EVERY = 24 * 3600.0
"""Seconds between two checks while the served policies stay the same."""

RETRY_AFTER = 10.0
"""Seconds after a failed check."""


class RemovedPolicies:
    """Checks in the background. `retention` is how long logs keep their entries.

    `refs` are the removed policies that the store still has, as of the last check.
    """

    def __init__(self, store: Store, retention: Milliseconds) -> None:
        self.refs: frozenset[PolicyRef] = frozenset()
        self._store = store
        self._keep_for = retention + LONGEST_WINDOW
        self._checked: frozenset[PolicyRef] | None = None
        self._due_at = -math.inf
        self._task: asyncio.Task[None] | None = None
        self._errors = RepeatedErrorLog(log, "Cannot find removed policies: %s")

    @property
    def sites(self) -> set[str]:
        return {ref.site for ref in self.refs}

    def start(self, served: Collection[PolicyRef]) -> None:
        """Start a check if the served policies changed since the last one, or if a day has passed."""
        if self._task is not None and not self._task.done():
            return
        if time.monotonic() >= self._due_at or (self._checked is not None and self._checked != frozenset(served)):
            self._task = asyncio.create_task(self._run(frozenset(served)))

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def check(self) -> None:
        """Let the keys of removed policies expire, and keep those of served ones.

        A publication ends the expiry of its policies too, every few seconds. So nothing here is the only safeguard.

        Raises:
            StoreError: the store does not answer.
        """
        expiry = self._store.policy_expiry
        published = await self._published()
        if published is None:
            return
        await self._keep(*published)
        sites, served = published
        removed = await expiry.stored() - served
        for ref in sorted(removed):
            if await expiry.expire(ref, self._keep_for):
                days = self._keep_for / LONGEST_WINDOW * 7
                log.info("%s/%s: The policy was removed. Its log and model expire in %.0f days.", *ref, days)
        for site in sorted({ref.site for ref in removed} - sites):
            await expiry.expire_site(site, self._keep_for)
        # A policy may have come back meanwhile.
        if (published := await self._published()) is not None:
            await self._keep(*published)
            removed -= published[1]
        self.refs = frozenset(removed)

    async def _published(self) -> tuple[set[str], set[PolicyRef]] | None:
        """The names of the published sites, and their policies. None if nothing was published."""
        packed = await self._store.registry.sites()
        if packed is None:
            return None
        sites = decode_sites(packed)
        return {site.name for site in sites}, {PolicyRef(site.name, one) for site in sites for one in site.placements}

    async def _keep(self, sites: Collection[str], served: Collection[PolicyRef]) -> None:
        await self._store.policy_expiry.keep_sites(*sites)
        for ref in await self._store.policy_expiry.expiring(sorted(served)):
            if await self._store.policy_expiry.keep(ref):
                log.info("%s/%s: The policy came back before its log and model expired.", *ref)

    async def _run(self, served: frozenset[PolicyRef]) -> None:
        try:
            await self.check()
        except StoreError as error:
            self._errors.report(error)
            self._checked, self._due_at = None, time.monotonic() + RETRY_AFTER
        else:
            self._errors.clear()
            self._checked, self._due_at = served, time.monotonic() + CHECK_EVERY
