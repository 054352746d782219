from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from edgewise.entries import Decision, decode
from edgewise.ids.visitor import anonymous_digest, user_digest
from edgewise.store import Store
from edgewise.types import PolicyRef
from edgewise.visitors.identity import read_profile
from tests.servers import BEARER, SHOP, Server, serve, user

REF = PolicyRef("default", "hero")
DIGESTS = [user_digest("ann"), anonymous_digest("ann"), anonymous_digest("phone"), user_digest("phone")]


async def identify(server: Server, anonymous: str, id: str) -> None:
    message = {"type": "identify", "anonymousId": anonymous, **user(id), "messageId": f"{anonymous} is {id}"}
    response = await server.post("/v1/batch", {"batch": [message]})
    assert response.json()["accepted"] == 1, response.text


async def delete(server: Server, path: str, **headers: str) -> Any:
    return await server.client.delete(path, headers=headers or BEARER)


async def profiles_left(store: Store, *names: str) -> list[str]:
    digests = {name: (anonymous_digest(name), user_digest(name)) for name in names}
    return [name for name in names for digest in digests[name] if await store.profiles.read("default", digest)]


async def test_erasure_covers_every_id_of_the_visitor(store: Store, store_url: str) -> None:
    async with serve(store_url) as server:
        await identify(server, "phone", "ann")
        await identify(server, "laptop", "ann")
        await identify(server, "tablet", "bob")
        response = await delete(server, "/v1/profiles/phone?now=true")
    assert (response.status_code, response.json()) == (202, {"status": "accepted", "due": None})
    assert await profiles_left(store, "phone", "laptop", "ann", "tablet", "bob") == ["tablet", "bob"]
    pending = (await store.erasures.pending(["default"]))["default"]
    assert pending.is_due
    expected = {anonymous_digest("phone"), anonymous_digest("laptop"), user_digest("ann")}
    assert expected <= set(pending.waiting)
    assert user_digest("bob") not in pending.waiting


async def test_erasure_is_batched_and_has_a_due_time(store: Store, store_url: str) -> None:
    async with serve(store_url, erase_within=3_600_000) as server:
        response = await delete(server, "/v1/profiles/ann")
    due = datetime.fromisoformat(response.json()["due"]) - datetime.now(UTC)
    assert timedelta(minutes=59) < due <= timedelta(minutes=60)
    pending = (await store.erasures.pending(["default"]))["default"]
    assert not pending.is_due
    assert all(1_700_000 < at - pending.now <= 1_800_000 for at in pending.waiting.values())


async def test_unknown_id_can_be_erased_repeatedly(store: Store, store_url: str) -> None:
    """The log may have entries of a visitor without a profile, so the response is never a 404."""
    async with serve(store_url) as server:
        responses = [await delete(server, "/v1/profiles/nobody%2Fknown%20%C3%A9?now=true") for _ in range(2)]
    assert [response.status_code for response in responses] == [202, 202]
    pending = (await store.erasures.pending(["default"]))["default"]
    assert set(pending.waiting) == {anonymous_digest("nobody/known é"), user_digest("nobody/known é")}


async def test_erasure_needs_the_secret_key(store: Store, store_url: str) -> None:
    async with serve(store_url) as server:
        await identify(server, "phone", "ann")
        for headers in ({"authorization": "Basic ZGVmYXVsdDo="}, {"authorization": "Bearer wrong"}, {"x": "y"}):
            response = await delete(server, "/v1/profiles/phone", **headers)
            assert response.status_code == 401
            assert response.json()["error"]["code"] == "unauthorized"
    assert await profiles_left(store, "phone", "ann") == ["phone", "ann"]


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/v1/profiles/x?now=perhaps", 400, "now: Expected true or false, found 'perhaps'."),
        ("/v1/profiles/x?site=nope", 404, "site: Unknown site 'nope'. Use one of: default."),
        ("/v1/profiles/" + "x" * 257, 400, "id: Expected at most 256 characters."),
        ("/v1/profiles/x%00y", 400, "id: Expected a text without NUL characters"),
        ("/v1/profiles/x%ffy", 400, "id: Expected UTF-8 in the path"),
        ("/v1/profiles/%ed%a0%80", 400, "id: Expected UTF-8 in the path"),
        ("/v1/profiles/", 400, "id: Missing id."),
    ],
)
async def test_invalid_request_is_refused(store_url: str, path: str, status: int, message: str) -> None:
    async with serve(store_url) as server:
        response = await delete(server, path)
    assert response.status_code == status
    assert response.json()["error"]["message"].startswith(message)


async def test_erased_ids_match_those_in_the_log(store: Store, store_url: str) -> None:
    """The learner finds the log entries by the erased ids."""
    async with serve(store_url) as server:
        body = {"placements": ["hero"], "anonymousId": "phone", **user("ann")}
        assert (await server.post("/v1/decide", body)).status_code == 200
        await delete(server, "/v1/profiles/ann")
    pending = (await store.erasures.pending(["default"]))["default"]
    entries = [decode(data) async for page in store.log.pages(REF) for _, data in page]
    (decision,) = [entry for entry in entries if isinstance(entry, Decision)]
    assert set(decision.visitor) & set(pending.waiting) == {user_digest("ann")}


async def put(server: Server, path: str, body: Any) -> Any:
    return await server.client.put(path, json=body, headers=BEARER)


async def test_stored_data_is_the_same_under_every_id(store: Store, store_url: str) -> None:
    async with serve(store_url) as server:
        await identify(server, "phone", "ann")
        by_user = await server.get("/v1/profiles/ann?form=stored", **BEARER)
        by_device = await server.get("/v1/profiles/phone?form=stored", **BEARER)
        nobody = await server.get("/v1/profiles/nobody", **BEARER)
    assert by_user.status_code == 200
    held = {one["id"]: one for one in by_user.json()["held"]}
    assert held.keys() == {anonymous_digest("phone").hex(), user_digest("ann").hex()}
    assert held[anonymous_digest("phone").hex()]["movedTo"] == user_digest("ann").hex()
    assert held[user_digest("ann").hex()]["profile"]["sessions"] == 1
    assert by_device.json()["held"] == by_user.json()["held"]
    assert nobody.status_code == 404


async def test_traits_are_merged_and_null_deletes_one(store: Store, store_url: str) -> None:
    async with serve(store_url) as server:
        await identify(server, "phone", "ann")
        first = await put(server, "/v1/profiles/ann", {"traits": {"plan": "pro", "age": 41, "vip": True}})
        assert first.status_code == 200, first.text
        second = await put(server, "/v1/profiles/ann", {"traits": {"plan": None, "score": 0.5}})
    (seen,) = second.json()["visitors"]
    assert seen["visitor"]["traits"] == {"age": 41, "vip": True, "score": 0.5}
    assert seen["visitor"]["sessions"] == 1, "setting traits does not count as a visit"


async def test_traits_are_a_users_by_default_even_if_a_browser_took_the_id(store: Store, store_url: str) -> None:
    async with serve(store_url) as server:
        await put(server, "/v1/profiles/phone?anonymous=true", {"traits": {"plan": "pro"}})
        await server.post("/v1/page", {"anonymousId": "ann"})
        await put(server, "/v1/profiles/ann", {"traits": {"plan": "pro"}})
    assert [read_profile(await store.profiles.read("default", one)).traits.keys() for one in DIGESTS] == [
        {"plan"},
        set(),
        {"plan"},
        set(),
    ]


@pytest.mark.parametrize(
    ("traits", "path", "message"),
    [
        ({"name": "x" * 257}, "traits.name", "Expected a text of 0 to 256 bytes of UTF-8, found 257."),
        ({"name": "a\0b"}, "traits.name", "Expected a text without NUL characters."),
        ({"x" * 41: 1}, "traits", "Expected a name of 1 to 40 bytes of UTF-8, found 41."),
        ({"": 1}, "traits", "Expected a name of 1 to 40 bytes of UTF-8, found 0."),
        ({"n": 2**64}, "traits.n", "Expected a number from -2^53 to 2^53, found 18446744073709551616."),
        ({"n": {}}, "traits.n", "Expected a text, a number, true, false, null or a list, found an object."),
        ({str(n): n for n in range(65)}, "traits", "Expected at most 64 traits, found 65."),
    ],
)
async def test_invalid_trait_is_refused(
    store: Store, store_url: str, traits: dict[str, Any], path: str, message: str
) -> None:
    async with serve(store_url) as server:
        response = await put(server, "/v1/profiles/ann", {"traits": traits | {"ok": 1} if len(traits) == 1 else traits})
    assert response.status_code == 400
    details = response.json()["error"]["details"]
    assert [detail["path"] for detail in details] == [path]
    assert details[0]["message"].startswith(message)
    assert await store.profiles.read("default", user_digest("ann")) is None


async def test_erasure_does_not_follow_a_shared_device(store: Store, store_url: str) -> None:
    async with serve(store_url) as server:
        await identify(server, "kiosk", "ann")
        await identify(server, "kiosk", "bob")
        await delete(server, "/v1/profiles/ann?now=true")
    assert await profiles_left(store, "ann", "bob") == ["bob"]
    assert user_digest("bob") not in (await store.erasures.pending(["default"]))["default"].waiting


async def test_concurrent_traits_are_all_kept(store: Store, store_url: str) -> None:
    async with serve(store_url) as server:
        responses = await asyncio.gather(
            *(put(server, "/v1/profiles/ann", {"traits": {f"trait {n}": n}}) for n in range(6))
        )
        assert {response.status_code for response in responses} == {200}
        last = await server.get("/v1/profiles/ann", **BEARER)
    assert len(last.json()["visitors"][0]["visitor"]["traits"]) == 6


async def test_profile_shows_what_conditions_see(store: Store, store_url: str) -> None:
    site = 'sensitive = ["gender"]\n[segments]\npro = { "visitor.traits.plan" = "pro" }\n'
    customer = {f"column {n}": "ä" * 100 for n in range(20)} | {"plan": "pro", "gender": "f", "sizes": ["S", 38]}
    async with serve(store_url, SHOP | {"site.toml": site}) as server:
        await identify(server, "phone", "ann")
        await put(server, "/v1/profiles/ann", {"traits": customer})
        by_user = (await server.get("/v1/profiles/ann", **BEARER)).json()
        by_device = (await server.get("/v1/profiles/phone?form=conditions", **BEARER)).json()
        wrong = await server.get("/v1/profiles/ann?form=raw", **BEARER)
    ((seen,), (of_device,)) = by_user["visitors"], by_device["visitors"]
    assert by_user.keys() == {"id", "visitors"}
    assert seen.pop("kind") == "user"
    assert of_device.pop("kind") == "anonymous"
    assert seen == of_device
    assert seen["sensitiveTraits"] == {"gender": "f"}
    assert seen["visitor"]["traits"] == {name: value for name, value in customer.items() if name != "gender"}
    assert (seen["visitor"]["sessions"], seen["visitor"]["orders"]) == (1, 0)
    assert seen["visitor"]["segments"] == ["pro"]
    assert wrong.json()["error"]["details"] == [
        {"path": "form", "message": "Expected conditions or stored, found 'raw'."}
    ]


async def test_an_id_of_a_user_and_of_a_device_has_both_profiles(store: Store, store_url: str) -> None:
    async with serve(store_url) as server:
        await put(server, "/v1/profiles/ann", {"traits": {"plan": "pro"}})
        await put(server, "/v1/profiles/ann?anonymous=true", {"traits": {"plan": "free"}})
        found = (await server.get("/v1/profiles/ann", **BEARER)).json()["visitors"]
    assert {one["kind"]: one["visitor"]["traits"]["plan"] for one in found} == {"user": "pro", "anonymous": "free"}
