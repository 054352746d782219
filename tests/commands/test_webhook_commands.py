"""The commands about webhooks, as their users meet them."""

from __future__ import annotations

import asyncio
import json
import sys
import time

from click.testing import CliRunner

from edgewise.cli import main
from edgewise.ids.visitor import VisitorIds, anonymous_digest
from edgewise.sites import Site, encode_sites
from edgewise.store import Store
from edgewise.visitors.profile import Profile
from edgewise.webhooks.webhook_state import PendingCondition, QueuedMessage

VISITOR = b"visitor1"


async def test_idle_courier_logs_its_start_and_stops_on_sigterm(store_url: str) -> None:
    courier = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "edgewise", "courier", "--redis", store_url), stderr=asyncio.subprocess.PIPE
    )
    assert courier.stderr is not None
    async with asyncio.timeout(60):
        assert (
            f"The webhook dispatcher sends from the store at {store_url}.".encode() in await courier.stderr.readline()
        )
        courier.terminate()
        assert await courier.wait() == 0


async def test_dead_letters_are_printed(store: Store, store_url: str) -> None:
    await store.registry.publish_sites(encode_sites([Site("shop", "key", (), ())]))
    job = QueuedMessage(
        "m1", "cart-left", b'{"id":"m1","anonymousId":"a1"}', attempts=21, problem="found status 500"
    ).encode()
    await store.webhook_queues.settle_condition("shop", VISITOR, b"d:cart-left", b"", b"h:cart-left", job)
    assert await store.webhook_queues.first("shop", VISITOR) is None, "nothing was waited for"
    await store.pipeline.submit(
        store.webhook_queues.write_command("shop", VISITOR, None, b"profile", 60_000, {}, [job]),
        asyncio.get_running_loop().time() + 5,
    )
    await store.webhook_queues.give_up("shop", VISITOR, job, int(time.time() * 1000))
    said = await asyncio.to_thread(CliRunner().invoke, main, ["webhooks", "dead", "--redis", store_url])
    assert said.exit_code == 0, said.output
    assert json.loads(said.stdout) == {
        "attempts": 21,
        "problem": "found status 500",
        "message": {"id": "m1", "anonymousId": "a1"},
    }


async def test_no_dead_letters_are_reported(store: Store, store_url: str) -> None:
    await store.registry.publish_sites(encode_sites([Site("shop", "key", (), ())]))
    shown = await asyncio.to_thread(CliRunner().invoke, main, ["webhooks", "dead", "--redis", store_url])
    assert (shown.exit_code, shown.stdout, shown.stderr) == (0, "", "There are no dead letters.\n")


async def test_at_most_a_hundred_messages_of_a_visitor_wait(store: Store, store_url: str) -> None:
    jobs = [QueuedMessage(f"m{number}", "n", b"{}").encode() for number in range(120)]
    command = store.webhook_queues.write_command("shop", VISITOR, None, b"profile", 60_000, {b"h:n": b"1"}, jobs)
    assert await store.pipeline.submit(command, asyncio.get_running_loop().time() + 5) == 1
    for expected in jobs[:100]:
        first = await store.webhook_queues.first("shop", VISITOR)
        assert first == expected
        await store.webhook_queues.remove_delivered("shop", VISITOR, first)
    assert await store.webhook_queues.first("shop", VISITOR) is None


async def test_export_of_a_visitor_has_their_webhook_messages(store: Store, store_url: str) -> None:
    await store.registry.publish_sites(encode_sites([Site("shop", "key", (), ())]))
    visitor = anonymous_digest("a1")
    jobs = [QueuedMessage(id, "n", b'{"anonymousId":"a1"}').encode() for id in ("m1", "m2")]
    state: dict[bytes, bytes | None] = {b"h:n": b"1", b"d:later": PendingCondition(7, VisitorIds("a1", None)).encode()}
    command = store.webhook_queues.write_command("shop", visitor, None, Profile().encode(), 60_000, state, jobs)
    await store.pipeline.submit(command, asyncio.get_running_loop().time() + 5)
    await store.webhook_queues.give_up("shop", visitor, jobs[0], int(time.time() * 1000))
    arguments = ["export", "--visitor", "a1", "--redis", store_url]
    said = await asyncio.to_thread(CliRunner().invoke, main, arguments)
    assert said.exit_code == 0, said.output
    id = visitor.hex()
    assert [json.loads(line) for line in said.stdout.splitlines()][1:] == [
        {"id": id, "webhook": "n", "met": True},
        {"id": id, "webhook": "later", "due": 7, "anonymousId": "a1", "userId": None},
        {"id": id, "webhook": "n", "is": "waits", "message": {"anonymousId": "a1"}},
        {"id": id, "webhook": "n", "is": "given up", "message": {"anonymousId": "a1"}},
    ]
