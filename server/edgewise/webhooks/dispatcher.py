"""The courier's process: sends what waits for the sites' webhooks. Nobody waits for it.

Who has something to be sent is in an index, by time. A visitor's messages are sent by one courier at a time, under a
lease, in order; a message leaves its queue after it was taken. So one that is killed loses nothing: when its lease is
over, another one goes on, and at worst sends one message again.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

import msgspec

from edgewise.errors import DeliveryFailed, EdgewiseError, SettingsError, StoreError
from edgewise.logs import RepeatedErrorLog
from edgewise.policies.segments import Segments
from edgewise.settings import Settings
from edgewise.signals import stop_event
from edgewise.sites import decode_sites
from edgewise.store import Due, Store
from edgewise.store.webhook_queues import SOON
from edgewise.types import Digest, Milliseconds, Webhook
from edgewise.visitors.identity import moved, readable
from edgewise.wall_clock import now_ms
from edgewise.webhooks import delivery_metrics as metrics
from edgewise.webhooks.delivery import Delivery
from edgewise.webhooks.triggers import Job, Triggers, decode_job, met_field, triggers_of, waiting_in

log = logging.getLogger(__name__)

_MOST_DUE = 500


class Pace(NamedTuple):
    """How the courier goes about it. Spans of time are in milliseconds, `look_every` is seconds.

    A message is tried again after `first_delay`, doubled each time up to `last_delay`, less up to a half at random, and
    given up `give_up_after` its first try. `turn` is how many messages of a visitor are sent under one lease,
    `at_once` how many visitors are served at once, `each` how many of them by one webhook: one that hangs must not hold
    up the others.
    """

    look_every: float = 0.25
    lease: Milliseconds = 60_000
    turn: int = 4
    at_once: int = 64
    each: int = 16
    first_delay: Milliseconds = 1000
    last_delay: Milliseconds = 3_600_000
    give_up_after: Milliseconds = 24 * 3_600_000

    def delay(self, attempts: int) -> Milliseconds:
        """How long to wait after so many attempts."""
        longest = min(self.first_delay * 2 ** min(attempts - 1, 40), self.last_delay)
        return int(longest * random.uniform(0.5, 1))


PACE = Pace()


class Courier:
    """Sends the messages of all sites in the store."""

    def __init__(self, store: Store, delivery: Delivery, environ: Mapping[str, str], pace: Pace = PACE) -> None:
        self._store = store
        self._delivery = delivery
        self._environ = environ
        self._pace = pace
        self._sites: dict[str, Triggers] = {}
        self._published: bytes | None = None
        self._turns: dict[tuple[str, Digest], asyncio.Task[None]] = {}
        self._sending: dict[tuple[str, str], int] = {}
        self._nothing_to_do: dict[tuple[str, Digest], Milliseconds] = {}
        self._errors = RepeatedErrorLog(log, "Webhook delivery failed and will be retried: %s")

    async def run(self, stop: asyncio.Event) -> None:
        """Send until told to stop; what is on its way then is given the time it has."""
        while not stop.is_set():
            try:
                await self._look()
                self._errors.clear()
            except StoreError as error:
                self._errors.report(error)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._pace.look_every)
        await asyncio.gather(*self._turns.values(), return_exceptions=True)

    async def _look(self) -> None:
        packed = await self._store.registry.sites()
        if packed is not None and packed != self._published:
            self._sites = {site.name: triggers_of(site, Segments(site.segments)) for site in decode_sites(packed)}
            self._published = packed
        for site, triggers in self._sites.items():
            for due in await self._store.queues.due(site, now_ms(), _MOST_DUE):
                key = (site, due.visitor)
                if key not in self._turns and len(self._turns) < self._pace.at_once:
                    self._turns[key] = asyncio.create_task(self._take_turn(site, triggers, due))

    async def _take_turn(self, site: str, triggers: Triggers, due: Due) -> None:
        token = os.urandom(8)
        try:
            if await self._store.queues.claim(site, due.visitor, token, self._pace.lease):
                try:
                    again_at = await self._serve(site, triggers, due.visitor)
                    await self._store.queues.looked(site, due, self._last_look(site, due, again_at))
                finally:
                    await self._store.queues.release(site, due.visitor, token)
        except EdgewiseError as error:
            self._errors.report(error)
        except Exception:  # One visitor's bytes, whatever they are, must not hold up the others.
            log.exception("%s: a visitor's messages cannot be sent", site)
            with suppress(StoreError):
                await self._store.queues.looked(site, due, now_ms() + self._pace.last_delay)
        finally:
            del self._turns[site, due.visitor]

    def _last_look(self, site: str, due: Due, again_at: Milliseconds | None) -> Milliseconds | None:
        """When nothing is left to do, look once more: whoever announced a message just now has yet to queue it."""
        asked_for = self._nothing_to_do.pop((site, due.visitor), None)
        if again_at is not None or asked_for == float(due.at):
            return again_at
        self._nothing_to_do[site, due.visitor] = again_at = now_ms() + SOON
        return again_at

    async def _serve(self, site: str, triggers: Triggers, visitor: Digest) -> Milliseconds | None:
        """Send what can be sent now; when this visitor is to be looked at again, None for no more."""
        waits = await self._mature(site, triggers, visitor)
        for _ in range(self._pace.turn):
            packed = await self._store.queues.first(site, visitor)
            if packed is None:
                return min(waits, default=None)
            job = decode_job(packed)
            if job.not_before > now_ms():
                return min([*waits, job.not_before])
            webhook = triggers.webhook(job.webhook)
            receiver = (site, job.webhook)
            if self._sending.get(receiver, 0) >= self._pace.each:
                return now_ms() + self._pace.first_delay
            self._sending[receiver] = self._sending.get(receiver, 0) + 1
            try:
                await self._send(site, visitor, packed, job, webhook)
            finally:
                self._sending[receiver] -= 1
        return now_ms()

    async def _mature(self, site: str, triggers: Triggers, visitor: Digest) -> list[Milliseconds]:
        """Queue the messages whose time has come, if their conditions still hold; when the others' time will."""
        later = []
        for name, field, held, waiting in waiting_in(await self._store.queues.state(site, visitor)):
            if waiting.due > (now := now_ms()):
                later.append(waiting.due)
                continue
            stored = await self._store.profiles.read(site, visitor)
            message = None
            if stored is not None and moved(stored) is None:  # Else it is waited for where the history moved to.
                message = triggers.matured(name, readable(stored), waiting.named, now)
            await self._store.queues.mature(site, visitor, field, held, met_field(name), message)
        return later

    async def _send(self, site: str, visitor: Digest, packed: bytes, job: Job, webhook: Webhook | None) -> None:
        queues = self._store.queues
        try:
            if webhook is None:
                raise DeliveryFailed("found no such webhook in site.toml any more")
            await self._delivery.post(webhook.url, job.id, job.body, self._secret(webhook))
        except DeliveryFailed as failure:
            now = now_ms()
            tried = msgspec.structs.replace(
                job,
                attempts=job.attempts + 1,
                tried_at=job.tried_at or now,
                not_before=now + self._pace.delay(job.attempts + 1),
                problem=str(failure)[:200],
            )
            await queues.put_off(site, visitor, packed, tried.encode())
            log.warning("webhook %s of %s: message %s: %s", job.webhook, site, job.id, failure)
            metrics.tried(site, job.webhook, "failed")
            if webhook is None or now - tried.tried_at >= self._pace.give_up_after:
                log.error("webhook %s of %s: message %s is given up", job.webhook, site, job.id)
                await queues.give_up(site, visitor, tried.encode(), now)
                metrics.tried(site, job.webhook, "given_up")
        else:
            metrics.tried(site, job.webhook, "sent")
            await queues.done(site, visitor, packed)

    def _secret(self, webhook: Webhook) -> str:
        if not webhook.secret.startswith("$"):
            return webhook.secret
        if secret := self._environ.get(webhook.secret[1:]):
            return secret
        raise DeliveryFailed(f"found no environment variable {webhook.secret[1:]}, expected the secret in it")


async def run(settings: Settings) -> None:
    """Send from the store at `settings.redis` until SIGTERM or SIGINT.

    Raises:
        SettingsError: no store is named.
    """
    if settings.redis is None:
        raise SettingsError("the courier needs the URL of a store, found none; expected --redis URL or EDGEWISE_REDIS")
    stop = stop_event()
    logging.getLogger("httpx").setLevel(logging.WARNING)  # It would log each address, with what a site put into it.
    store = await Store.connect(settings.redis, proven=False)
    delivery = Delivery(settings.webhook_allow_private)
    log.info("sending what waits for webhooks; the store is %s", store.url)
    try:
        await Courier(store, delivery, os.environ).run(stop)
    finally:
        await delivery.close()
        await store.close()
