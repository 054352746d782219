"""The webhook dispatcher: a process that sends the queued messages of all sites.

An index lists the visitors that have something to send, by time. Under a lease, one dispatcher at a time sends a
visitor's messages, in order. A message leaves its queue after the receiver accepted it. So a dispatcher that is killed
loses nothing: another one continues when the lease expires, and sends at most one message twice.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from contextlib import suppress

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
from edgewise.visitors.identity import read_profile, read_redirect
from edgewise.wall_clock import now_ms
from edgewise.webhooks import delivery_metrics as metrics
from edgewise.webhooks.delivery import Delivery
from edgewise.webhooks.dispatch_options import DEFAULT_OPTIONS, DispatchOptions
from edgewise.webhooks.triggers import Triggers, make_triggers
from edgewise.webhooks.webhook_state import PendingCondition, QueuedMessage, decode_message, met_field, read_pending

log = logging.getLogger(__name__)

_MOST_DUE = 500
_MAX_PROBLEM = 200

_CLOCK_TOLERANCE: Milliseconds = 60_000
"""A time that is later than possible by more than this was stored before the clock was set back."""


class Dispatcher:
    """Sends the queued messages. `environ` has the secrets that site files name as `$NAME`."""

    def __init__(
        self, store: Store, delivery: Delivery, environ: Mapping[str, str], options: DispatchOptions = DEFAULT_OPTIONS
    ) -> None:
        self._store = store
        self._delivery = delivery
        self._environ = environ
        self._options = options
        self._sites: dict[str, Triggers] = {}
        self._published: bytes | None = None
        self._tasks: dict[tuple[str, Digest], asyncio.Task[None]] = {}
        self._sending: dict[tuple[str, str], int] = {}
        self._last_checks: dict[tuple[str, Digest], Milliseconds] = {}
        self._errors = RepeatedErrorLog(log, "Webhook delivery failed and will be retried: %s")

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop` is set. Then finish the requests that are under way."""
        while not stop.is_set():
            try:
                await self._poll()
                self._errors.clear()
            except StoreError as error:
                self._errors.report(error)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._options.poll_every)
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _poll(self) -> None:
        packed = await self._store.registry.sites()
        if packed is not None and packed != self._published:
            self._sites = {site.name: make_triggers(site, Segments(site.segments)) for site in decode_sites(packed)}
            self._published = packed
        for site, triggers in self._sites.items():
            longest_wait = max(triggers.longest_after, self._options.last_delay) + _CLOCK_TOLERANCE
            for due in await self._store.webhook_queues.due(site, now_ms(), _MOST_DUE, longest_wait):
                key = (site, due.visitor)
                if key not in self._tasks and len(self._tasks) < self._options.max_visitors:
                    self._tasks[key] = asyncio.create_task(self._serve_leased(site, triggers, due))

    async def _serve_leased(self, site: str, triggers: Triggers, due: Due) -> None:
        token = os.urandom(8)
        try:
            if await self._store.webhook_queues.claim(site, due.visitor, token, self._options.lease):
                try:
                    next_at = await self._serve(site, triggers, due.visitor)
                    await self._store.webhook_queues.mark_checked(site, due, self._with_last_check(site, due, next_at))
                finally:
                    await self._store.webhook_queues.release(site, due.visitor, token)
        except EdgewiseError as error:
            self._errors.report(error)
        except Exception:  # Invalid data of one visitor must not block the others.
            log.exception("%s: The messages of a visitor could not be sent. They will be retried later.", site)
            with suppress(StoreError):
                await self._store.webhook_queues.mark_checked(site, due, now_ms() + self._options.last_delay)
        finally:
            del self._tasks[site, due.visitor]

    def _with_last_check(self, site: str, due: Due, next_at: Milliseconds | None) -> Milliseconds | None:
        """Add a last check if there is nothing left to do. A writer may have announced a message just now."""
        requested_at = self._last_checks.pop((site, due.visitor), None)
        if next_at is not None or requested_at == float(due.at):
            return next_at
        self._last_checks[site, due.visitor] = next_at = now_ms() + SOON
        return next_at

    async def _serve(self, site: str, triggers: Triggers, visitor: Digest) -> Milliseconds | None:
        """Send what can be sent now. Return the time of the visitor's next turn, or None for no more."""
        pending = await self._queue_due(site, triggers, visitor)
        for _ in range(self._options.messages_per_lease):
            packed = await self._store.webhook_queues.first(site, visitor)
            if packed is None:
                return min(pending, default=None)
            message = decode_message(packed)
            if 0 < message.not_before - now_ms() <= self._options.last_delay + _CLOCK_TOLERANCE:
                return min([*pending, message.not_before])
            webhook = triggers.find_webhook(message.webhook)
            receiver = (site, message.webhook)
            if self._sending.get(receiver, 0) >= self._options.max_per_webhook:
                return now_ms() + self._options.first_delay
            self._sending[receiver] = self._sending.get(receiver, 0) + 1
            try:
                await self._send(site, visitor, packed, message, webhook)
            finally:
                self._sending[receiver] -= 1
        return now_ms()

    async def _queue_due(self, site: str, triggers: Triggers, visitor: Digest) -> list[Milliseconds]:
        """Queue the messages of due conditions that still hold. Return the due times of the other ones."""
        later, queues = [], self._store.webhook_queues
        for webhook, field, packed, condition in read_pending(await queues.state(site, visitor)):
            if condition.due > (now := now_ms()):
                limited = _limit_wait(condition, triggers.find_webhook(webhook), now)
                if limited is not condition:
                    await queues.reschedule_condition(site, visitor, field, packed, limited.encode())
                later.append(limited.due)
                continue
            stored = await self._store.profiles.read(site, visitor)
            message = None
            if stored is not None and read_redirect(stored) is None:  # Else the id that it leads to has the condition.
                message = triggers.make_due_message(webhook, read_profile(stored), condition.ids, now)
            await queues.settle_condition(site, visitor, field, packed, met_field(webhook), message)
        return later

    async def _send(
        self, site: str, visitor: Digest, packed: bytes, message: QueuedMessage, webhook: Webhook | None
    ) -> None:
        try:
            if webhook is None:
                raise DeliveryFailed("The webhook is not in site.toml any more.")
            await self._delivery.post(webhook.url, message.id, message.body, self._secret(webhook))
        except DeliveryFailed as failure:
            log.warning("%s: Webhook %s failed for message %s: %s", site, message.webhook, message.id, failure)
            await self._retry(site, visitor, packed, message, failure, give_up=webhook is None)
        else:
            metrics.count_attempt(site, message.webhook, "sent")
            await self._store.webhook_queues.remove_delivered(site, visitor, packed)

    async def _retry(
        self,
        site: str,
        visitor: Digest,
        packed: bytes,
        message: QueuedMessage,
        failure: DeliveryFailed,
        give_up: bool,
    ) -> None:
        now = now_ms()
        tried = msgspec.structs.replace(
            message,
            attempts=message.attempts + 1,
            first_tried_at=min(message.first_tried_at or now, now),
            not_before=now + self._options.delay(message.attempts + 1),
            problem=str(failure)[:_MAX_PROBLEM],
        )
        await self._store.webhook_queues.retry_later(site, visitor, packed, tried.encode())
        metrics.count_attempt(site, message.webhook, "failed")
        if give_up or now - tried.first_tried_at >= self._options.give_up_after:
            log.error("%s: Webhook %s gave up message %s.", site, message.webhook, message.id)
            await self._store.webhook_queues.give_up(site, visitor, tried.encode(), now)
            metrics.count_attempt(site, message.webhook, "given_up")

    def _secret(self, webhook: Webhook) -> str:
        if not webhook.secret.startswith("$"):
            return webhook.secret
        if secret := self._environ.get(webhook.secret[1:]):
            return secret
        raise DeliveryFailed(f"Set the environment variable {webhook.secret[1:]} to the secret of the webhook.")


def _limit_wait(condition: PendingCondition, webhook: Webhook | None, now: Milliseconds) -> PendingCondition:
    """The condition with the longest wait from now on, if it is due later than possible. Otherwise itself."""
    after = 0 if webhook is None else webhook.after
    if condition.due - now <= after + _CLOCK_TOLERANCE:
        return condition
    return msgspec.structs.replace(condition, due=now + after)


async def run(settings: Settings) -> None:
    """Send from the store at `settings.redis` until SIGTERM or SIGINT.

    Raises:
        SettingsError: the settings name no store.
    """
    if settings.redis is None:
        raise SettingsError("Missing URL of the store. Set --redis or EDGEWISE_REDIS.")
    stop = stop_event()
    logging.getLogger("httpx").setLevel(logging.WARNING)  # It logs URLs, which may contain a site's secrets.
    store = await Store.connect(settings.redis, must_answer=False, key_prefix=settings.key_prefix)
    delivery = Delivery(settings.webhook_allow_private)
    log.info("The webhook dispatcher sends from the store at %s.", store.url)
    try:
        await Dispatcher(store, delivery, os.environ).run(stop)
    finally:
        await delivery.close()
        await store.close()
