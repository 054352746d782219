"""Webhooks from the event to the receiver, over HTTP and with a real store."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import random
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from prometheus_client import REGISTRY

from edgewise.ids.visitor import anonymous_digest
from edgewise.privacy.access import VisitorData
from edgewise.store import Store
from edgewise.wall_clock import now_ms
from edgewise.webhooks.delivery import Delivery
from edgewise.webhooks.dispatch_options import DispatchOptions
from edgewise.webhooks.dispatcher import Dispatcher
from edgewise.webhooks.webhook_state import decode_message
from tests.eventually import eventually
from tests.servers import HERO, Server, serve, user
from tests.valkey import Valkey
from tests.webhooks.fast_dispatcher import FAST
from tests.webhooks.receiver import Received, Receiver, receiving

SECRET = "sixteen or more characters"
BUYERS = """
[[webhooks]]
name = "first-order"
url = "{url}"
secret = "sixteen or more characters"
when = {{ "visitor.segments" = {{ "$in" = ["buyers"] }} }}
[[webhooks]]
name = "second-order"
url = "{url}"
secret = "$SHOP_SECRET"
when = {{ "visitor.orders" = {{ "$gte" = 2 }} }}
[segments]
buyers = {{ "visitor.orders" = {{ "$gte" = 1 }} }}
"""
CART = """
[[webhooks]]
name = "cart-left"
url = "{url}"
secret = "sixteen or more characters"
after = "{after}"
when = {{ "visitor.cartItems" = {{ "$gte" = 1 }} }}
"""


@asynccontextmanager
async def shop(store: Store, receiver: Receiver, site: str = BUYERS, after: str = "1s") -> AsyncIterator[Server]:
    async with serve(store.url, {"site.toml": site.format(url=receiver.url, after=after), "hero.toml": HERO}) as server:
        yield server


@asynccontextmanager
async def dispatching(store: Store, options: DispatchOptions = FAST, reply_within: float = 10.0) -> AsyncIterator[None]:
    stop, delivery = asyncio.Event(), Delivery(allow_private=True, timeout=reply_within)
    running = asyncio.create_task(Dispatcher(store, delivery, {"SHOP_SECRET": SECRET}, options).run(stop))
    try:
        yield
    finally:
        stop.set()
        await running
        await delivery.close()


async def send(server: Server, visitor: str, *events: str, **more: Any) -> None:
    product = {"product_id": "p1", "price": 3, "quantity": 1}
    batch = [
        {"type": "track", "event": event, "anonymousId": visitor, "properties": product, **more} for event in events
    ]
    answer = await server.post("/v1/batch", {"batch": batch})
    assert answer.json() == {"success": True, "accepted": len(batch), "rejected": []}, answer.text


async def all_received(valkey: Valkey, receiver: Receiver) -> list[Received]:
    """Wait until all queues are empty, and return the messages that the receiver accepted.

    A batch is acknowledged after its messages were queued. A message leaves its queue after it was accepted.
    """

    async def queues_are_empty() -> bool:
        return valkey.execute("KEYS *}:wq") == "*0\r\n"

    await eventually(queues_are_empty)
    return await receiver.wait_for_messages(0)


def about(taken: list[Received]) -> list[tuple[str, str]]:
    """The visitor and the webhook of each message, sorted: messages of different visitors have no order."""
    return sorted((one.message["anonymousId"], one.message["webhook"]) for one in taken)


async def test_newly_met_condition_sends_one_signed_message(store: Store, valkey: Valkey) -> None:
    async with receiving() as receiver, shop(store, receiver) as server, dispatching(store):
        await send(server, "ann", "Product Viewed")
        for _ in range(3):
            await send(server, "ann", "Order Completed", **user("u1"))
        first, second = await all_received(valkey, receiver)
        await send(server, "ben", "Order Completed")
        third = (await all_received(valkey, receiver))[2]
        assert len(receiver.ids()) == 3
    assert [one.message["webhook"] for one in (first, second, third)] == ["first-order", "second-order", "first-order"]
    message = first.message
    assert (message["anonymousId"], message["userId"], message["site"]) == ("ann", "u1", "default")
    assert message["visitor"]["segments"] == ["buyers"]
    assert third.message["userId"] is None
    for one in (first, second):
        at, _, signed = one.headers["edgewise-signature"].partition(",")
        expected = hmac.new(SECRET.encode(), at[2:].encode() + b"." + one.body, hashlib.sha256).hexdigest()
        assert signed == f"v1={expected}"
        assert abs(time.time() - int(at[2:])) < 60
        assert one.headers["edgewise-message-id"] == one.message["id"]
        assert one.headers["host"] == f"127.0.0.1:{receiver.port}"


async def test_condition_that_failed_in_between_fires_again(store: Store, valkey: Valkey) -> None:
    site = CART.replace('after = "{after}"', "")
    async with receiving() as receiver, shop(store, receiver, site) as server, dispatching(store):
        await send(server, "ann", "Product Added", "Product Viewed")
        await send(server, "ann", "Product Removed")
        await send(server, "ann", "Product Added")
        assert len(await all_received(valkey, receiver)) == 2


async def test_identifying_does_not_fire_again(store: Store, valkey: Valkey) -> None:
    async with receiving() as receiver, shop(store, receiver) as server, dispatching(store):
        await send(server, "ann", "Order Completed")
        await send(server, "ann", "Product Viewed", **user("u1"))
        await send(server, "ben", "Order Completed")
        assert about(await all_received(valkey, receiver)) == [("ann", "first-order"), ("ben", "first-order")]


async def test_failing_receiver_gets_every_message_in_order_once_it_recovers(store: Store) -> None:
    visitors = [f"v{number}" for number in range(12)]
    async with receiving() as receiver, shop(store, receiver) as server, dispatching(store, reply_within=0.5):
        for behaviour in (500, "hang", "die", 302, 429):
            receiver.behaviour = behaviour
            sending = asyncio.create_task(_orders(server, visitors))
            await receiver.wait_for_requests(12)
            await sending
        assert receiver.accepted == []
        receiver.behaviour = 200
        taken = [one.message for one in await receiver.wait_for_messages(2 * len(visitors))]
    for visitor in visitors:
        names = [message["webhook"] for message in taken if message["anonymousId"] == visitor]
        assert names == ["first-order", "second-order"]


async def _orders(server: Server, visitors: list[str]) -> None:
    for visitor in random.sample(visitors, len(visitors)):
        await send(server, visitor, "Order Completed")


async def test_killed_dispatcher_loses_no_message(store: Store) -> None:
    async with receiving() as receiver, shop(store, receiver) as server:
        receiver.behaviour = "hang"
        for number in range(5):
            await send(server, f"v{number}", "Order Completed")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.webhooks.fast_dispatcher", store.url
        )
        try:
            await receiver.wait_for_requests(5)
        finally:
            process.kill()
            await process.wait()
        receiver.behaviour = 200
        async with dispatching(store):
            taken = await receiver.wait_for_messages(5)
    assert {one.message["anonymousId"] for one in taken} == {f"v{number}" for number in range(5)}


async def test_message_is_sent_if_the_worker_dies_after_the_write(store: Store) -> None:
    async with receiving() as receiver, shop(store, receiver) as server:
        await send(server, "ann", "Order Completed")
        visitor = anonymous_digest("ann")
        (due,) = await store.webhook_queues.due("default", int(time.time() * 1000) + 1, 10)
        # The state after the announcement and the write, without the last step.
        await store.webhook_queues.mark_checked("default", due, int(time.time() * 1000) + 300)
        async with dispatching(store):
            await receiver.wait_for_messages(1)
        assert due.visitor == visitor


async def test_pending_condition_fires_after_its_delay_if_it_still_holds(
    store: Store, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgewise.store.webhook_queues.SOON", 50)  # The default is 10 s.
    async with receiving() as receiver, shop(store, receiver, CART, "400ms") as server, dispatching(store):
        await send(server, "buys", "Product Added", "Order Completed")
        began = time.monotonic()
        await send(server, "leaves", "Product Added")
        (left,) = await receiver.wait_for_messages(1)
        assert time.monotonic() - began >= 0.39  # The due time is in whole milliseconds.
        assert left.message["anonymousId"] == "leaves"
        assert left.message["visitor"]["cart"] == ["p1"]
        await send(server, "leaves", "Product Viewed")
        assert await store.webhook_queues.state("default", anonymous_digest("leaves")) == {b"h:cart-left": b"1"}
        assert await store.webhook_queues.state("default", anonymous_digest("buys")) == {}
        assert len(await all_received(valkey, receiver)) == 1


def results(webhook: str) -> dict[str, float]:
    """The metrics of a webhook in this process."""
    labels = {"site": "default", "webhook": webhook}
    name = "edgewise_webhook_messages_total"
    return {
        result: REGISTRY.get_sample_value(name, labels | {"result": result}) or 0
        for result in ("sent", "failed", "given_up")
    }


async def test_message_that_is_never_accepted_becomes_a_dead_letter(store: Store) -> None:
    options, before = FAST._replace(give_up_after=150), results("first-order")
    async with receiving() as receiver, shop(store, receiver) as server, dispatching(store, options):
        receiver.behaviour = 500
        await send(server, "ann", "Order Completed")

        async def is_given_up() -> bool:
            return bool(await store.webhook_queues.dead("default"))

        await eventually(is_given_up)
        receiver.behaviour = 200
        await send(server, "ann", "Order Completed")
        (second,) = await receiver.wait_for_messages(1)
    assert second.message["webhook"] == "second-order"
    (dead,) = map(decode_message, await store.webhook_queues.dead("default"))
    assert (dead.webhook, dead.problem) == ("first-order", "Expected a status from 200 to 299, found 500.")
    assert dead.attempts > 1
    grown = {result: count - before[result] for result, count in results("first-order").items()}
    assert grown == {"sent": 0, "failed": dead.attempts, "given_up": 1}


async def test_erasure_removes_queued_and_dead_messages(store: Store, valkey: Valkey) -> None:
    async with receiving() as receiver, shop(store, receiver) as server:
        await send(server, "ann", "Order Completed")
        visitor = anonymous_digest("ann")
        packed = await store.webhook_queues.first("default", visitor)
        assert packed is not None
        await store.webhook_queues.give_up("default", visitor, packed, int(time.time() * 1000))
        await send(server, "ann", "Order Completed")
        assert await store.webhook_queues.first("default", visitor) is not None
        await VisitorData(store).erase("default", "ann", 0)
        assert await store.webhook_queues.first("default", visitor) is None
        assert await store.webhook_queues.dead("default") == []
        assert await store.webhook_queues.state("default", visitor) == {}
        async with dispatching(store):
            await send(server, "ben", "Order Completed")
            assert about(await all_received(valkey, receiver)) == [("ben", "first-order")]


async def test_visitor_without_consent_fires_no_webhook(store: Store, valkey: Valkey) -> None:
    async with receiving() as receiver, shop(store, receiver) as server, dispatching(store):
        await send(server, "ann", "Order Completed", context={"consent": "denied"})
        await send(server, "ben", "Order Completed")
        assert about(await all_received(valkey, receiver)) == [("ben", "first-order")]


async def test_concurrent_batches_fire_once(store: Store, valkey: Valkey) -> None:
    async with receiving() as receiver, shop(store, receiver) as server, shop(store, receiver) as other:
        orders = [send(one, "ann", "Order Completed") for one in (server, other) for _ in range(6)]
        await asyncio.gather(*orders)
        async with dispatching(store):
            await send(server, "ben", "Order Completed", "Order Completed")
            received = about(await all_received(valkey, receiver))
    assert received == [(visitor, f"{which}-order") for visitor in ("ann", "ben") for which in ("first", "second")]


async def test_slow_receiver_does_not_block_another_one(store: Store) -> None:
    site = CART.replace('after = "{after}"', "") + BUYERS.replace("{url}", "{after}")
    options = FAST._replace(max_visitors=8, max_per_webhook=3)
    async with receiving() as hangs, receiving() as takes:
        hangs.behaviour = "hang"
        async with shop(store, hangs, site, takes.url) as server:
            for number in range(20):
                await send(server, f"v{number}", "Product Added")
            await send(server, "ann", "Order Completed")
            async with dispatching(store, options, reply_within=60.0):
                await hangs.wait_for_requests(3)
                await takes.wait_for_messages(1)
                assert len(hangs.requests) == 3
                hangs.recover()
                assert len(await hangs.wait_for_messages(20)) == 20


async def test_message_of_a_clock_that_was_ahead_is_sent_after_the_quiet_time(
    store: Store, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiving() as receiver, shop(store, receiver, CART, after="200ms") as server, dispatching(store):
        with monkeypatch.context() as patched:
            patched.setattr("edgewise.events.profile_writer.now_ms", lambda: now_ms() + 24 * 3_600_000)
            await send(server, "ann", "Product Added")
        [one] = await receiver.wait_for_messages(1)
        assert one.message["anonymousId"] == "ann"


async def test_lease_from_before_the_clock_was_set_back_blocks_nobody(store: Store) -> None:
    queues, visitor = store.webhook_queues, anonymous_digest("ann")
    assert await queues.claim("default", visitor, b"killed", 3_600_000)
    assert await queues.claim("default", visitor, b"next", 60_000)
    assert not await queues.claim("default", visitor, b"third", 60_000)


async def test_retry_that_was_scheduled_too_far_ahead_is_made_now(store: Store) -> None:
    async with receiving() as receiver, shop(store, receiver) as server:
        await send(server, "ann", "Order Completed")
        queues, visitor = store.webhook_queues, anonymous_digest("ann")
        packed = await queues.first("default", visitor)
        assert packed is not None
        far = now_ms() + 24 * 3_600_000
        ahead = msgspec.structs.replace(decode_message(packed), not_before=far, first_tried_at=far, attempts=1)
        await queues.retry_later("default", visitor, packed, ahead.encode())
        async with dispatching(store):
            await receiver.wait_for_messages(1)
