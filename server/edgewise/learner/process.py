"""The learner's process: reads every policy's log and lets each policy's learner take it."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from contextlib import suppress

from edgewise.errors import EdgewiseError, Fenced, SettingsError, StoreError, WritesLost
from edgewise.gc_tuning import tame
from edgewise.learner.erasure import Eraser
from edgewise.learner.policy_learner import PolicyLearner
from edgewise.logs import RepeatedErrorLog
from edgewise.settings import Settings
from edgewise.signals import stop_event
from edgewise.sites import decode_sites
from edgewise.store import Page, Store
from edgewise.types import PolicyRef

log = logging.getLogger(__name__)

READ_EVERY = 0.1
"""Seconds between two looks at quiet logs."""

MAINTAIN_EVERY = 10.0
"""Seconds between two looks at the logs' bounds."""

ERASE_EVERY = 0.5
"""Seconds between two looks at what is to be erased."""

STAND_BY = 30.0
"""Seconds that a learner stays away from a policy that another learner has taken over."""

_COUNT = 500


class Learner:
    """Learns every policy of every site in the store."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._learners: dict[PolicyRef, PolicyLearner] = {}
        self._standing_by: dict[PolicyRef, float] = {}
        self._learning_errors = RepeatedErrorLog(log, "Learning failed and will be retried: %s")
        self._erasure_errors = RepeatedErrorLog(log, "Erasure failed and will be retried: %s")
        self._maintained_at = time.monotonic()
        self._eraser = Eraser(store, self._start_anew)
        self._erased_at = -math.inf

    async def run(self, stop: asyncio.Event) -> None:
        """Learn until told to stop; what was learned by then is published."""
        while not stop.is_set():
            busy = False
            try:
                busy = await self._turn()
                self._learning_errors.clear()
            except StoreError as error:
                self._learning_errors.report(error)
            if not busy:
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), READ_EVERY)
        for ref, learner in self._learners.items():
            try:
                await learner.publish()
            except Fenced:
                pass  # It is another learner's now, which folds the same log.
            except StoreError as error:
                self._learning_errors.report(error, ref)

    async def _turn(self) -> bool:
        """One look at every log; whether there may be more to read at once."""
        await self._look_at_sites()
        if time.monotonic() - self._erased_at >= ERASE_EVERY:
            await self._erase()
        # Looked up afterwards: one that is taken back has a new learner.
        active = {ref: self._learners[ref] for ref in self._learners if self._is_ours(ref)}
        if not active:
            return False
        pages = await self._store.log.read({ref: learner.read_from for ref, learner in active.items()}, _COUNT)
        maintain = time.monotonic() - self._maintained_at >= MAINTAIN_EVERY
        if maintain:
            self._maintained_at = time.monotonic()
        busy = [await self._learn(learner, pages[ref], maintain) for ref, learner in active.items()]
        return any(busy)

    async def _learn(self, learner: PolicyLearner, page: Page, maintain: bool) -> bool:
        try:
            busy = await learner.take(page)
            await learner.publish_if_due()
            if maintain:
                await learner.keep_within_bounds()
        except Fenced:
            # Nothing is lost, and whoever upgrades or moves a learner does just that.
            message = "%s/%s: another learner has taken it over; this one stands by for %.0f s, and takes it back then"
            log.warning(message, *learner.ref, STAND_BY)
            self._standing_by[learner.ref] = time.monotonic() + STAND_BY
            return False
        except WritesLost as lost:
            log.warning("%s; the store has lost its tail, so the policy is taken over again", lost)
            self._start_anew(learner.ref)
            return True
        except EdgewiseError as error:
            self._learning_errors.report(error, learner.ref)
            return False
        self._learning_errors.clear(learner.ref)
        return busy

    def _is_ours(self, ref: PolicyRef) -> bool:
        """False while another learner has the policy. Afterwards it is taken over: two learners are a mistake."""
        until = self._standing_by.get(ref)
        if until is None:
            return True
        if time.monotonic() < until:
            return False
        del self._standing_by[ref]
        self._learners[ref] = self._learner(ref)
        return True

    async def _look_at_sites(self) -> None:
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
            await self._eraser.look(self._learners.keys())
        except StoreError as error:  # It is done again by the next look; learning does not wait for it.
            self._erasure_errors.report(error)
        else:
            self._erasure_errors.clear()

    def _start_anew(self, ref: PolicyRef) -> None:
        if ref in self._learners:
            self._learners[ref] = self._learner(ref)

    def _learner(self, ref: PolicyRef) -> PolicyLearner:
        return PolicyLearner(self._store, ref, self._settings.retention, self._settings.log_bytes)


async def run(settings: Settings) -> None:
    """Learn from the store at `settings.redis` until SIGTERM or SIGINT.

    Raises:
        SettingsError: no store is named.
        StoreUnavailable: it does not answer at the start; later it is waited for.
    """
    if settings.redis is None:
        raise SettingsError("the learner needs the URL of a store, found none; expected --redis URL or EDGEWISE_REDIS")
    stop = stop_event()
    store = await Store.connect(settings.redis)
    tame()
    try:
        await Learner(store, settings).run(stop)
    finally:
        await store.close()
