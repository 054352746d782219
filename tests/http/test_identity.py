"""Strangers who know the write key and a victim's ids: nothing that they send counts for the victim."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from click.testing import CliRunner

from edgewise.cli import main
from edgewise.entries import Decision, Event, decode
from edgewise.ids.user_proof import hash_user_id
from edgewise.ids.visitor import anonymous_digest, user_digest
from edgewise.store import Store
from edgewise.types import Digest, PolicyRef
from edgewise.visitors.identity import read_profile, read_redirect
from edgewise.visitors.profile import Profile
from tests.eventually import eventually
from tests.servers import BEARER, HERO, SHOP, Server, serve, user

VICTIM, ATTACKER = "victim@shop.example", "attacker@shop.example"
LOYAL = HERO + 'when = { "visitor.orders" = { "$gte" = 1 } }\n'
TRUSTED = {**SHOP, "site.toml": 'identity = "trusted"'}
PROOFS: list[dict[str, str]] = [
    {"userId": VICTIM},
    {"userId": VICTIM, "userHash": ""},
    {"userId": VICTIM, "userHash": "0" * 64},
    {"userId": VICTIM, "userHash": user(ATTACKER)["userHash"]},
    {"userId": VICTIM, "userHash": user(VICTIM)["userHash"].upper()},
    {"userId": VICTIM, "userHash": hash_user_id(VICTIM, "")},
]
"""What a stranger may try beside the victim's id."""


async def make_victim(server: Server) -> None:
    """A customer with a device, an order, and a trait that the shop's server set."""
    order = {"event": "Order Completed", "anonymousId": "victim's phone", "properties": {"total": 50}}
    assert (await server.post("/v1/track", {**order, **user(VICTIM)})).status_code == 200
    traits = {"traits": {"plan": "pro"}}
    assert (await server.client.put(f"/v1/profiles/{VICTIM}", json=traits, headers=BEARER)).status_code == 200


async def held(server: Server, id: str) -> list[Any]:
    """What the shop answers to an access request."""
    response = await server.get(f"/v1/profiles/{id}?form=stored", **BEARER)
    found: list[Any] = response.json()["held"] if response.status_code == 200 else []
    return found


async def profile(store: Store, visitor: Digest) -> Profile:
    stored = await store.profiles.read("default", visitor)
    assert read_redirect(stored) is None
    return read_profile(stored)


async def decide(server: Server, who: dict[str, str], **headers: str) -> Any:
    response = await server.post("/v1/decide", {"placements": ["hero"], **who}, **headers)
    assert response.status_code == 200, response.text
    return response.json()


async def test_unproven_id_reads_nothing_of_the_user(store_url: str) -> None:
    async with serve(store_url, {"hero.toml": LOYAL}) as server:
        await make_victim(server)
        claims = [{**device, **proof} for proof in PROOFS for device in ({}, {"anonymousId": "mine"})]
        answers = [await decide(server, claim) for claim in claims]
        own = await decide(server, {"anonymousId": "laptop", **user(VICTIM)})
    for answer in answers:
        assert answer["decisions"][0]["propensity"] == 1.0, "the condition on orders must not hold"
        assert [hint["code"] for hint in answer["hints"]] == ["unproven_user"]
    assert (own["decisions"][0]["propensity"], "hints" in own) == (0.5, False)


async def test_unproven_id_changes_nothing_of_the_user(store: Store, store_url: str) -> None:
    messages: list[dict[str, Any]] = [
        {"type": "identify", "traits": {"plan": "free", "email": "x@y"}},
        {"type": "track", "event": "Order Completed"},
        {"type": "page"},
        {"type": "group", "groupId": "g"},
        {"type": "screen", "name": "s"},
        {"type": "alias", "previousId": "mine"},
    ]
    async with serve(store_url) as server:
        await make_victim(server)
        before = await held(server, VICTIM)
        batch = [
            {**one, **proof, **ids} for proof in PROOFS for ids in ({}, {"anonymousId": "mine"}) for one in messages
        ]
        response = await server.post("/v1/batch", {"batch": batch})
        assert (response.status_code, response.json()["accepted"]) == (200, len(batch))
        assert [hint["code"] for hint in response.json()["hints"]] == ["unproven_user"]
        for message in batch[: 2 * len(messages)]:
            response = await server.post(f"/v1/{message['type']}", message)
            assert (response.status_code, response.json()["accepted"]) == (200, 1)
            assert [hint["code"] for hint in response.json()["hints"]] == ["unproven_user"]
        assert await held(server, VICTIM) == before
    mine = await profile(store, anonymous_digest("mine"))
    assert mine.ids == (anonymous_digest("mine"),)
    assert mine.orders == len(PROOFS) + 1, "the visit stays with the anonymous id"
    assert mine.traits.keys() == {"plan", "email"}


@pytest.mark.parametrize("previous", [VICTIM, "victim's phone", "victim's new phone"])
@pytest.mark.parametrize("attacker", [{"userId": ATTACKER}, user(ATTACKER)])
async def test_alias_of_a_victims_id_gives_nothing(
    store: Store, store_url: str, attacker: dict[str, str], previous: str
) -> None:
    async with serve(store_url) as server:
        await make_victim(server)
        await server.post("/v1/track", {"event": "Order Completed", "anonymousId": "victim's new phone"})
        before = await held(server, VICTIM), await held(server, "victim's new phone")
        for ids in ({}, {"anonymousId": "mine"}):
            await server.post("/v1/alias", {"previousId": previous, **attacker, **ids})
            await server.post("/v1/track", {"event": "Order Completed", **attacker, **ids})
        assert (await held(server, VICTIM), await held(server, "victim's new phone")) == before
        of_attacker = str(await held(server, ATTACKER))
        for id in (user_digest(VICTIM), anonymous_digest(previous), user_digest(previous)):
            assert id.hex() not in of_attacker
        await server.client.delete(f"/v1/profiles/{ATTACKER}?now=true", headers=BEARER)
        assert (await held(server, VICTIM), await held(server, "victim's new phone")) == before
    erased = (await store.erasures.pending(["default"]))["default"].waiting
    assert not {user_digest(VICTIM), anonymous_digest("victim's phone"), anonymous_digest(previous)} & set(erased)
    events = [e async for page in store.log.pages(PolicyRef("default", "hero")) for _, d in page if (e := decode(d))]
    for entry in events:
        if isinstance(entry, Event) and user_digest(ATTACKER) in entry.visitor:
            assert set(entry.visitor) <= {user_digest(ATTACKER), anonymous_digest("mine")}


async def test_server_may_alias_users_in_one_call(store: Store, store_url: str) -> None:
    async with serve(store_url) as server:
        await make_victim(server)
        await server.post("/v1/alias", {"previousId": VICTIM, "userId": "new-id"}, **BEARER)
        assert {one["id"] for one in await held(server, "new-id")} >= {user_digest(VICTIM).hex()}


async def test_decision_names_no_unproven_user_and_keeps_the_visitors_control_group(
    store: Store, store_url: str
) -> None:
    half = HERO.replace("share = 0.0", "share = 0.5")
    async with serve(store_url, {"hero.toml": half}) as server:
        await make_victim(server)
        for number in range(20):
            alone = await decide(server, {"anonymousId": f"a{number}"})
            claimed = await decide(server, {"anonymousId": f"a{number}", "userId": VICTIM})
            assert alone["decisions"][0]["group"] == claimed["decisions"][0]["group"]
    entries = [decode(data) async for page in store.log.pages(PolicyRef("default", "hero")) for _, data in page]
    visitors = {entry.visitor for entry in entries if isinstance(entry, Decision)}
    assert visitors == {(anonymous_digest(f"a{number}"),) for number in range(20)}


async def test_outcome_with_an_unproven_id_counts_for_its_decision(store: Store, store_url: str) -> None:
    async with serve(store_url) as server:
        id = (await decide(server, {"anonymousId": "mine"}))["decisions"][0]["decisionId"]
        outcome = {"event": "$click", "userId": VICTIM, "properties": {"decisionId": id}}
        assert (await server.post("/v1/track", outcome)).json()["accepted"] == 1
        assert (await store.log.length(PolicyRef("default", "hero"))) > 1
        wrong = await server.post("/v1/track", {"userId": VICTIM})
        assert wrong.json()["error"]["message"] == "event: Missing name. Name what happened."


async def test_browser_cannot_change_or_push_out_a_trait_of_the_server(store: Store, store_url: str) -> None:
    async with serve(store_url) as server:
        await make_victim(server)
        ids = {"anonymousId": "victim's phone", **user(VICTIM)}
        many = {f"t{number}": number for number in range(40)}
        for traits in ({"plan": "enterprise"}, {"plan": None}, many):
            await server.post("/v1/identify", {"traits": traits, **ids})
        found = (await profile(store, user_digest(VICTIM))).traits
        assert found["plan"][1] == "pro"
        # A trait that a browser set first, and that the server sets later, is the server's.
        await server.client.put(f"/v1/profiles/{VICTIM}", json={"traits": {"t39": "sure"}}, headers=BEARER)
        await server.post("/v1/identify", {"traits": {"t39": 0}, **ids})
        (described,) = [one["profile"] for one in await held(server, VICTIM) if one["profile"]]
    assert described["traits"]["t39"][1] == "sure"
    assert set(described["serverTraits"]) == {"plan", "t39"}
    assert described["traits"]["plan"][0] < 2**32


async def test_trait_of_the_server_survives_the_merge_with_an_anonymous_history(store: Store, store_url: str) -> None:
    async with serve(store_url) as server:
        await make_victim(server)
        await server.post("/v1/identify", {"anonymousId": "tablet", "traits": {"plan": "enterprise"}})
        await server.post("/v1/page", {"anonymousId": "tablet", **user(VICTIM)})
    assert (await profile(store, user_digest(VICTIM))).traits["plan"][1] == "pro"


async def test_server_sets_traits_by_identify_for_good(store: Store, store_url: str) -> None:
    async with serve(store_url) as server:
        await server.post("/v1/identify", {"userId": VICTIM, "traits": {"plan": "pro"}}, **BEARER)
        await server.post("/v1/identify", {**user(VICTIM), "traits": {"plan": "free", "color": "red"}})
        assert (await profile(store, user_digest(VICTIM))).traits["plan"][1] == "pro"
        await server.post("/v1/identify", {"userId": VICTIM, "traits": {"plan": None}}, **BEARER)
        await server.post("/v1/identify", {**user(VICTIM), "traits": {"plan": "free"}})
    assert (await profile(store, user_digest(VICTIM))).traits["plan"][1] == "free"


async def test_trusted_site_believes_ids_but_lets_no_browser_join_users(store: Store, store_url: str) -> None:
    async with serve(store_url, TRUSTED) as server:
        await make_victim(server)
        await server.post("/v1/track", {"event": "Order Completed", "anonymousId": "mine", "userId": ATTACKER})
        await server.post("/v1/alias", {"previousId": VICTIM, "userId": ATTACKER})
        await server.post("/v1/alias", {"previousId": "my tablet", "userId": ATTACKER})
        assert "hints" not in await decide(server, {"userId": ATTACKER})
    assert (await profile(store, user_digest(ATTACKER))).orders == 1
    assert (await profile(store, user_digest(VICTIM))).orders == 1
    redirect = read_redirect(await store.profiles.read("default", anonymous_digest("my tablet")))
    assert redirect is not None
    assert redirect.to == user_digest(ATTACKER)


@pytest.mark.parametrize(
    ("headers", "counts"),
    [
        ({}, False),
        ({"origin": "http://localhost:3000"}, False),
        ({"authorization": "Basic ZGVmYXVsdDo="}, False),
        (BEARER, True),
    ],
)
async def test_only_the_secret_key_replaces_the_hash(store_url: str, headers: dict[str, str], counts: bool) -> None:
    async with serve(store_url, {"hero.toml": LOYAL}) as server:
        await make_victim(server)
        answer = await decide(server, {"userId": VICTIM}, **headers)
    assert ("hints" not in answer, answer["decisions"][0]["propensity"] < 1) == (counts, counts)


async def test_owner_sees_refused_ids_in_metric_and_log(store_url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        async with serve(store_url, {**SHOP, "site.toml": 'name = "logged"'}) as server:
            for _ in range(3):
                await decide(server, {"userId": VICTIM})
            metrics = (await server.get("/metrics")).text
    assert 'edgewise_unproven_user_ids_total{site="logged"} 3.0' in metrics
    (line,) = [record.getMessage() for record in caplog.records if "userId" in record.getMessage()]
    assert line.startswith("site 'logged': A browser sent a userId without a valid userHash.")
    assert VICTIM not in caplog.text


async def test_secret_of_the_command_proves_ids_at_once(store_url: str) -> None:
    async with serve(store_url) as server:

        async def command(*flags: str) -> str:
            arguments = ["identity-secret", *flags, "--redis", store_url]
            result = await asyncio.to_thread(CliRunner().invoke, main, arguments)
            assert result.exit_code == 0, result.output
            return result.stdout.strip()

        async def proves(secret: str) -> bool:
            answer = await decide(server, {"userId": VICTIM, "userHash": hash_user_id(VICTIM, secret)})
            return "hints" not in answer

        async def proves_not(secret: str) -> bool:
            return not await proves(secret)

        first = await command()
        assert len(first) == 64
        assert await command() == first
        await eventually(lambda: proves(first))
        assert "hints" in await decide(server, user(VICTIM)), "the site's own secret overrides the common one"
        second = await command("--rotate")
        await eventually(lambda: proves(second))
        assert await proves(first)
        assert await command("--revoke") == second
        await eventually(lambda: proves_not(first))
        third = await command("--rotate", "--revoke")
        await eventually(lambda: proves(third))
        assert not await proves(second)
