"""Traits that a server or a file sets fire webhooks, as the activities of visitors do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from edgewise.cli import main
from edgewise.ids.visitor import anonymous_digest, user_digest
from edgewise.store import Store
from tests.servers import BEARER, Server, user
from tests.valkey import Valkey
from tests.webhooks.receiver import Receiver, receiving
from tests.webhooks.test_dispatcher import about, all_received, dispatching, shop

PRO = """
[[webhooks]]
name = "pro"
url = "{url}"
secret = "sixteen or more characters"
when = {{ "visitor.traits.plan" = "pro" }}
"""
QUIET = PRO + 'after = "30m"\n'


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


async def put(server: Server, id: str, **traits: Any) -> None:
    answer = await server.client.put(f"/v1/profiles/{id}", json={"traits": traits}, headers=BEARER)
    assert answer.status_code == 200, answer.text


async def pending(store: Store, visitor: bytes) -> bytes:
    """The stored pending condition."""
    (stored,) = (await store.webhook_queues.state("default", visitor)).values()
    return stored


async def test_traits_that_a_server_sets_fire_at_once(store: Store, valkey: Valkey, receiver: Receiver) -> None:
    async with shop(store, receiver, PRO) as server, dispatching(store):
        await put(server, "ann", plan="free")
        await put(server, "ann", plan="pro")
        await put(server, "ann", age=40)
        (received,) = await all_received(valkey, receiver)
        assert (received.message["userId"], received.message["anonymousId"]) == ("ann", None)
        assert received.message["visitor"]["traits"] == {"plan": "pro"}
        await put(server, "ann", plan=None)
        await put(server, "ann", plan="pro")
        assert len(await all_received(valkey, receiver)) == 2


async def test_condition_met_under_the_anonymous_id_does_not_fire_again_for_the_user(
    store: Store, valkey: Valkey, receiver: Receiver
) -> None:
    async with shop(store, receiver, PRO) as server, dispatching(store):
        await server.client.put("/v1/profiles/a1?anonymous=true", json={"traits": {"plan": "pro"}}, headers=BEARER)
        await server.post("/v1/identify", {"anonymousId": "a1", **user("ann")})
        await server.client.put("/v1/profiles/a1?anonymous=true", json={"traits": {"age": 40}}, headers=BEARER)
        await put(server, "ann", age=41)
        assert [one.message["anonymousId"] for one in await all_received(valkey, receiver)] == ["a1"]


async def test_next_user_of_a_device_does_not_inherit_a_met_condition(
    store: Store, valkey: Valkey, receiver: Receiver
) -> None:
    async with shop(store, receiver, PRO) as server, dispatching(store):
        await server.client.put("/v1/profiles/a1?anonymous=true", json={"traits": {"plan": "pro"}}, headers=BEARER)
        await server.post("/v1/identify", {"anonymousId": "a1", **user("ann")})
        await server.post("/v1/identify", {"anonymousId": "a1", **user("ben"), "traits": {"plan": "pro"}})
        received = [(one.message["anonymousId"], one.message["userId"]) for one in await all_received(valkey, receiver)]
        assert sorted(received, key=str) == [("a1", "ben"), ("a1", None)]


async def test_imported_traits_fire_at_once(store: Store, valkey: Valkey, receiver: Receiver, tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    file.write_text("id,plan\n" + "".join(f"a{n},{('free', 'pro')[n % 2]}\n" for n in range(6)))
    words = ["import", str(file), "--anonymous", "--redis", store.url]
    async with shop(store, receiver, PRO), dispatching(store):
        for _ in range(2):
            result = await asyncio.to_thread(CliRunner().invoke, main, words)
            assert result.exit_code == 0, result.output
        assert about(await all_received(valkey, receiver)) == [("a1", "pro"), ("a3", "pro"), ("a5", "pro")]


async def test_traits_from_a_server_start_a_delay_and_do_not_restart_it(store: Store, receiver: Receiver) -> None:
    async with shop(store, receiver, QUIET) as server:
        await put(server, "ann", plan="pro")
        began = await pending(store, user_digest("ann"))
        await put(server, "ann", age=40)
        assert await pending(store, user_digest("ann")) == began
        await server.post("/v1/page", {"anonymousId": "a1", **user("ann")})
        assert await pending(store, user_digest("ann")) != began, "The new state has other ids."
        await put(server, "ann", plan="free")
        assert await store.webhook_queues.state("default", user_digest("ann")) == {}


async def test_concurrent_traits_of_one_visitor_are_all_kept_and_fire_once(
    store: Store, valkey: Valkey, receiver: Receiver
) -> None:
    async with shop(store, receiver, PRO) as server, dispatching(store):
        paths = ["/v1/profiles/a1?anonymous=true", "/v1/profiles/ann"] * 10
        await server.post("/v1/identify", {"anonymousId": "a1", **user("ann")})
        puts = [
            server.client.put(path, json={"traits": {f"t{n % 5}": n, "plan": "pro"}}, headers=BEARER)
            for n, path in enumerate(paths)
        ]
        assert {answer.status_code for answer in await asyncio.gather(*puts)} == {200}
        assert len(await all_received(valkey, receiver)) == 1
        answer = await server.client.get("/v1/profiles/ann", headers=BEARER)
        (seen,) = answer.json()["visitors"]
        assert set(seen["visitor"]["traits"]) == {"plan", *(f"t{n}" for n in range(5))}
        assert await store.profiles.read("default", anonymous_digest("a1")) is not None
