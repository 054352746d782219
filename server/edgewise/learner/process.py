"""The learner's process: reads the logs of all policies and passes them to their learners."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from contextlib import suppress

from edgewise.errors import EdgewiseError, Fenced, SettingsError, StoreError, WritesLost
from edgewise.gc_tuning import configure_gc
from edgewise.learner.clock_watch import ClockWatch
from edgewise.learner.drift_alarm import DriftAlarm
from edgewise.learner.erasure import Eraser
from edgewise.learner.log_budget import LogBudget
from edgewise.learner.policy_learner import PolicyLearner
from edgewise.learner.removed_policies import RemovedPolicies
from edgewise.learner.retention import Retention
from edgewise.learner.room_maker import RoomMaker
from edgewise.logs import RepeatedErrorLog
from edgewise.malloc_tuning import configure_malloc, return_free_memory
from edgewise.settings import Settings
from edgewise.signals import stop_event
from edgewise.sites import decode_sites
from edgewise.store import Page, Store
from edgewise.types import PolicyRef
from edgewise.wall_clock import now_ms

log = logging.getLogger(__name__)

READ_EVERY = 0.1
"""Seconds between two reads of quiet logs."""

MAINTAIN_EVERY = 10.0
"""Seconds between two checks of the logs' bounds."""

ERASE_EVERY = 0.5
"""Seconds between two checks for pending erasures."""

TAKE_BACK_AFTER = 30.0
"""Seconds until a learner takes back a policy that another learner has taken over."""

_PAGE = 500


class Learner:
    """Learns the policies of all sites in the store."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._retention = Retention(store, settings.retention)
        self._log_budget = LogBudget(store, self._retention, settings.log_bytes)
        self._learners: dict[PolicyRef, PolicyLearner] = {}
        self._displaced_until: dict[PolicyRef, float] = {}
        self._learning_errors = RepeatedErrorLog(log, "Learning failed and will be retried: %s")
        self._erasure_errors = RepeatedErrorLog(log, "Erasure failed and will be retried: %s")
        self._clocks = ClockWatch()
        self._maintained_at = time.monotonic()
        self._eraser = Eraser(store, self._restart)
        self._erased_at = -math.inf
        self._drift = DriftAlarm(store)
        self._removed = RemovedPolicies(store, settings.retention)
        self._room = RoomMaker(store, settings.store_memory)

    async def run(self, stop: asyncio.Event) -> None:
        """Learn until `stop` is set, then publish what was learned."""
        while not stop.is_set():
            busy = False
            try:
                busy = await self._run_once()
                self._learning_errors.clear()
            except StoreError as error:
                self._learning_errors.report(error)
            if not busy:
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), READ_EVERY)
        await self._room.stop()
        await self._removed.stop()
        for ref, learner in self._learners.items():
            try:
                await learner.publish()
            except Fenced:
                pass  # Another learner has the policy and folds the same log.
            except StoreError as error:
                self._learning_errors.report(error, ref)

    async def _run_once(self) -> bool:
        """Read each log once. Returns whether there may be more to read."""
        await self._load_sites()
        self._removed.start(self._learners.keys())
        if time.monotonic() - self._erased_at >= ERASE_EVERY:
            await self._erase()
        # Read after the erasures, because a restarted policy has a new learner.
        active = {ref: self._learners[ref] for ref in self._learners if self._is_ours(ref)}
        if not active:
            return False
        pages = await self._store.log.read({ref: learner.read_from for ref, learner in active.items()}, _PAGE)
        read_at = time.monotonic()
        maintain = read_at - self._maintained_at >= MAINTAIN_EVERY
        if maintain:
            self._maintained_at = time.monotonic()
        busy = [await self._learn(learner, pages[ref], maintain) for ref, learner in active.items()]
        if maintain:
            await self._log_budget.apply(active.values(), self._removed.refs)
            await self._drift.check(list(active), now_ms())
            self._room.start(sorted({ref.site for ref in active}))
            return_free_memory()  # The models that rest by now left gaps between smaller blocks.
        times = {ref: (learner.ahead, pages[ref].now) for ref, learner in active.items()}
        self._clocks.check(times, now_ms(), read_at)
        return any(busy)

    async def _learn(self, learner: PolicyLearner, page: Page, maintain: bool) -> bool:
        try:
            busy = await learner.fold_page(page)
            await learner.publish_if_due()
            if maintain:
                await self._retention.apply(learner)
        except Fenced:
            # Not an error: this happens when a learner is moved or upgraded.
            message = "%s/%s: another learner has taken over. This one will take back the policy in %.0f s."
            log.warning(message, *learner.ref, TAKE_BACK_AFTER)
            self._displaced_until[learner.ref] = time.monotonic() + TAKE_BACK_AFTER
            return False
        except WritesLost as lost:
            log.warning("%s The store lost writes, so this learner takes over the policy again.", lost)
            self._restart(learner.ref)
            return True
        except EdgewiseError as error:
            self._learning_errors.report(error, learner.ref)
            return False
        self._learning_errors.clear(learner.ref)
        return busy

    def _is_ours(self, ref: PolicyRef) -> bool:
        """Whether this learner has the policy. It takes a displaced policy back after a while."""
        until = self._displaced_until.get(ref)
        if until is None:
            return True
        if time.monotonic() < until:
            return False
        del self._displaced_until[ref]
        self._learners[ref] = self._learner(ref)
        return True

    async def _load_sites(self) -> None:
        packed = await self._store.registry.sites()
        if packed is None:
            return
        refs = {PolicyRef(site.name, placement) for site in decode_sites(packed) for placement in site.placements}
        self._learners = {ref: learner for ref, learner in self._learners.items() if ref in refs}
        for ref in sorted(refs - self._learners.keys()):
            self._learners[ref] = self._learner(ref)

    async def _erase(self) -> None:
        self._erased_at = time.monotonic()
        try:
            await self._eraser.run_once(self._learners.keys(), self._removed.sites)
        except StoreError as error:  # The next check starts it again. Learning continues.
            self._erasure_errors.report(error)
        else:
            self._erasure_errors.clear()

    def _restart(self, ref: PolicyRef) -> None:
        if ref in self._learners:
            self._learners[ref] = self._learner(ref)

    def _learner(self, ref: PolicyRef) -> PolicyLearner:
        return PolicyLearner(self._store, ref)


async def run(settings: Settings) -> None:
    """Learn from the store at `settings.redis` until SIGTERM or SIGINT.

    Raises:
        SettingsError: `settings` names no store, or it would lose data.
        StoreUnavailable: the store does not answer at the start. Later, the learner waits for it.
    """
    if settings.redis is None:
        raise SettingsError("Missing store URL. Set --redis or EDGEWISE_REDIS.")
    stop = stop_event()
    store = await Store.connect(settings.redis, key_prefix=settings.key_prefix)
    configure_malloc()
    configure_gc()
    try:
        await store.check()
        await Learner(store, settings).run(stop)
    finally:
        await store.close()
