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

import pytest
from prometheus_client import REGISTRY

from edgewise.ids.visitor import anonymous_digest
from edgewise.privacy.access import Customers
from edgewise.store import Store
from edgewise.webhooks.delivery import Delivery
from edgewise.webhooks.dispatcher import Courier, Pace
from edgewise.webhooks.triggers import decode_job
from tests.eventually import eventually
from tests.servers import HERO, Server, serve
from tests.valkey import Valkey
from tests.webhooks.quick import QUICK
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
async def courier(store: Store, pace: Pace = QUICK, patience: float = 10.0) -> AsyncIterator[None]:
    stop, delivery = asyncio.Event(), Delivery(allow_private=True, patience=patience)
    running = asyncio.create_task(Courier(store, delivery, {"SHOP_SECRET": SECRET}, pace).run(stop))
    try:
        yield
    finally:
        stop.set()
        await running
        await delivery.close()


async def tell(server: Server, visitor: str, *events: str, **more: Any) -> None:
    product = {"product_id": "p1", "price": 3, "quantity": 1}
    batch = [
        {"type": "track", "event": event, "anonymousId": visitor, "properties": product, **more} for event in events
    ]
    answer = await server.post("/v1/batch", {"batch": batch})
    assert answer.json() == {"success": True, "accepted": len(batch), "rejected": []}, answer.text


async def all_told(valkey: Valkey, receiver: Receiver) -> list[Received]:
    """Whatever follows at once from what was told by now, and nothing is left to come.

    A batch is acknowledged after its messages were queued, and a message leaves its queue after it was taken.
    """

    async def nothing_waits() -> bool:
        return valkey.tell("KEYS *}:wq") == "*0\r\n"

    await eventually(nothing_waits)
    return await receiver.takes(0)


def about(taken: list[Received]) -> list[tuple[str, str]]:
    """Whom the messages are about, and which webhook's they are. Different visitors' come in any order."""
    return sorted((one.message["anonymousId"], one.message["webhook"]) for one in taken)


async def test_a_condition_that_is_newly_met_is_told_once_and_signed(store: Store, valkey: Valkey) -> None:
    async with receiving() as receiver, shop(store, receiver) as server, courier(store):
        await tell(server, "ann", "Product Viewed")
        for _ in range(3):
            await tell(server, "ann", "Order Completed", userId="u1")
        first, second = await all_told(valkey, receiver)
        await tell(server, "ben", "Order Completed")
        third = (await all_told(valkey, receiver))[2]
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


async def test_a_condition_that_failed_meanwhile_is_told_again(store: Store, valkey: Valkey) -> None:
    site = CART.replace('after = "{after}"', "")
    async with receiving() as receiver, shop(store, receiver, site) as server, courier(store):
        await tell(server, "ann", "Product Added", "Product Viewed")
        await tell(server, "ann", "Product Removed")
        await tell(server, "ann", "Product Added")
        assert len(await all_told(valkey, receiver)) == 2


async def test_who_identifies_is_not_told_of_again(store: Store, valkey: Valkey) -> None:
    async with receiving() as receiver, shop(store, receiver) as server, courier(store):
        await tell(server, "ann", "Order Completed")
        await tell(server, "ann", "Product Viewed", userId="u1")
        await tell(server, "ben", "Order Completed")
        assert about(await all_told(valkey, receiver)) == [("ann", "first-order"), ("ben", "first-order")]


async def test_a_receiver_that_fails_hangs_and_dies_gets_every_message_in_order(store: Store) -> None:
    visitors = [f"v{number}" for number in range(12)]
    async with receiving() as receiver, shop(store, receiver) as server, courier(store, patience=0.5):
        for behaviour in (500, "hang", "die", 302, 429):
            receiver.behaviour = behaviour
            telling = asyncio.create_task(_orders(server, visitors))
            await receiver.tries(12)
            await telling
        assert receiver.taken == []
        receiver.behaviour = 200
        taken = [one.message for one in await receiver.takes(2 * len(visitors))]
    for visitor in visitors:
        told = [message["webhook"] for message in taken if message["anonymousId"] == visitor]
        assert told == ["first-order", "second-order"]


async def _orders(server: Server, visitors: list[str]) -> None:
    for visitor in random.sample(visitors, len(visitors)):
        await tell(server, visitor, "Order Completed")


async def test_a_courier_that_is_killed_loses_nothing(store: Store) -> None:
    async with receiving() as receiver, shop(store, receiver) as server:
        receiver.behaviour = "hang"
        for number in range(5):
            await tell(server, f"v{number}", "Order Completed")
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.webhooks.quick", store.url)
        try:
            await receiver.tries(5)
        finally:
            process.kill()
            await process.wait()
        receiver.behaviour = 200
        async with courier(store):
            taken = await receiver.takes(5)
    assert {one.message["anonymousId"] for one in taken} == {f"v{number}" for number in range(5)}


async def test_a_worker_that_dies_before_it_says_so_is_made_up_for(store: Store) -> None:
    async with receiving() as receiver, shop(store, receiver) as server:
        await tell(server, "ann", "Order Completed")
        visitor = anonymous_digest("ann")
        (due,) = await store.queues.due("default", int(time.time() * 1000) + 1, 10)
        # As it stands after the announcement and the write, without the last step.
        await store.queues.looked("default", due, int(time.time() * 1000) + 300)
        async with courier(store):
            await receiver.takes(1)
        assert due.visitor == visitor


async def test_one_that_waits_for_a_quiet_while_is_told_then_if_it_still_holds(
    store: Store, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgewise.store.webhook_queues.SOON", 50)  # Else nobody is looked at within 10 s.
    async with receiving() as receiver, shop(store, receiver, CART, "400ms") as server, courier(store):
        await tell(server, "buys", "Product Added", "Order Completed")
        began = time.monotonic()
        await tell(server, "leaves", "Product Added")
        (left,) = await receiver.takes(1)
        assert time.monotonic() - began >= 0.39  # Milliseconds are cut off.
        assert left.message["anonymousId"] == "leaves"
        assert left.message["visitor"]["cart"] == ["p1"]
        await tell(server, "leaves", "Product Viewed")
        assert await store.queues.state("default", anonymous_digest("leaves")) == {b"h:cart-left": b"1"}
        assert await store.queues.state("default", anonymous_digest("buys")) == {}
        assert len(await all_told(valkey, receiver)) == 1


def results(webhook: str) -> dict[str, float]:
    """What is measured of a webhook in this process."""
    labels = {"site": "default", "webhook": webhook}
    name = "edgewise_webhook_messages_total"
    return {
        result: REGISTRY.get_sample_value(name, labels | {"result": result}) or 0
        for result in ("sent", "failed", "given_up")
    }


async def test_what_is_never_taken_is_given_up_and_kept_among_the_dead_letters(store: Store) -> None:
    pace, before = QUICK._replace(give_up_after=150), results("first-order")
    async with receiving() as receiver, shop(store, receiver) as server, courier(store, pace):
        receiver.behaviour = 500
        await tell(server, "ann", "Order Completed")

        async def is_given_up() -> bool:
            return bool(await store.queues.dead("default"))

        await eventually(is_given_up)
        receiver.behaviour = 200
        await tell(server, "ann", "Order Completed")
        (second,) = await receiver.takes(1)
    assert second.message["webhook"] == "second-order"
    (dead,) = map(decode_job, await store.queues.dead("default"))
    assert (dead.webhook, dead.problem) == ("first-order", "found status 500, expected 200 to 299")
    assert dead.attempts > 1
    grown = {result: count - before[result] for result, count in results("first-order").items()}
    assert grown == {"sent": 0, "failed": dead.attempts, "given_up": 1}


async def test_erasure_removes_what_waits_and_what_was_given_up(store: Store, valkey: Valkey) -> None:
    async with receiving() as receiver, shop(store, receiver) as server:
        await tell(server, "ann", "Order Completed")
        visitor = anonymous_digest("ann")
        packed = await store.queues.first("default", visitor)
        assert packed is not None
        await store.queues.give_up("default", visitor, packed, int(time.time() * 1000))
        await tell(server, "ann", "Order Completed")
        assert await store.queues.first("default", visitor) is not None
        await Customers(store).erase("default", "ann", 0)
        assert await store.queues.first("default", visitor) is None
        assert await store.queues.dead("default") == []
        assert await store.queues.state("default", visitor) == {}
        async with courier(store):
            await tell(server, "ben", "Order Completed")
            assert about(await all_told(valkey, receiver)) == [("ben", "first-order")]


async def test_nobody_who_did_not_consent_is_told_of(store: Store, valkey: Valkey) -> None:
    async with receiving() as receiver, shop(store, receiver) as server, courier(store):
        await tell(server, "ann", "Order Completed", context={"consent": "denied"})
        await tell(server, "ben", "Order Completed")
        assert about(await all_told(valkey, receiver)) == [("ben", "first-order")]


async def test_of_many_at_once_only_one_fires(store: Store, valkey: Valkey) -> None:
    async with receiving() as receiver, shop(store, receiver) as server, shop(store, receiver) as other:
        orders = [tell(one, "ann", "Order Completed") for one in (server, other) for _ in range(6)]
        await asyncio.gather(*orders)
        async with courier(store):
            await tell(server, "ben", "Order Completed", "Order Completed")
            told = about(await all_told(valkey, receiver))
    assert told == [(visitor, f"{which}-order") for visitor in ("ann", "ben") for which in ("first", "second")]


async def test_a_receiver_that_hangs_does_not_hold_up_another_one(store: Store) -> None:
    site = CART.replace('after = "{after}"', "") + BUYERS.replace("{url}", "{after}")
    pace = QUICK._replace(at_once=8, each=3)
    async with receiving() as hangs, receiving() as takes:
        hangs.behaviour = "hang"
        async with shop(store, hangs, site, takes.url) as server:
            for number in range(20):
                await tell(server, f"v{number}", "Product Added")
            await tell(server, "ann", "Order Completed")
            async with courier(store, pace, patience=60.0):
                await hangs.tries(3)
                await takes.takes(1)
                assert len(hangs.requests) == 3
                hangs.recovers()
                assert len(await hangs.takes(20)) == 20
