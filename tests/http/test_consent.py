"""Consent through the API: without it, the store has no data of a person."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from edgewise.entries import Decision, Entry, Outcome, decode
from edgewise.ids.visitor import anonymous_digest, message_digest, user_digest
from edgewise.store import Store
from edgewise.types import BEGINNING, PolicyRef
from tests.servers import BEARER, HERO, Server, serve, user
from tests.stored_bytes import read_store

ANONYMOUS, USER, OLD = "visitor-4711", "customer-0815", "visitor-before"
MESSAGES = ("of-4711-page", "of-4711-order", "of-4711-click", "of-4711-alias", "of-4711-reward")
CONTEXT = {
    "page": {"url": f"https://shop.example/cart?customer={USER}#{ANONYMOUS}", "type": "cart"},
    "device": {"type": "mobile"},
    "data": {"member": USER},
}
REF = PolicyRef("default", "hero")


def site(text: str) -> dict[str, str]:
    return {"hero.toml": HERO, "site.toml": text}


async def decide(server: Server, *, headers: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    body = {"placements": ["hero"], "anonymousId": ANONYMOUS, **user(USER), "context": CONTEXT} | more
    response = await server.client.post("/v1/decide", json={"writeKey": "default"} | body, headers=headers)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def send_messages(server: Server, id: str | None, *, headers: dict[str, str] | None = None, **more: Any) -> None:
    """Send messages of every type with the ids of this visitor, as a batch and one by one."""
    ids = {"anonymousId": ANONYMOUS, **user(USER)}
    page, order, click, alias, reward = MESSAGES
    decision = {"decisionId": id}
    batch: list[dict[str, Any]] = [
        {"type": "page", "messageId": page, "properties": {"url": CONTEXT["page"]}} | ids,
        {"type": "track", "event": "Order Completed", "messageId": order, "properties": {"total": 5}} | ids,
        {"type": "identify", "traits": {"email": f"{USER}@example.com"}} | ids,
        {"type": "alias", "previousId": OLD, **user(USER), "messageId": alias},
    ]
    if id is not None:
        batch.append({"type": "track", "event": "$click", "messageId": click, "properties": decision} | ids)
        for _ in range(2):
            event = {"type": "track", "event": "$reward", "messageId": reward}
            batch.append(event | {"properties": decision | {"value": 0.5}} | ids)
    consent = {key: value for key, value in more.items() if key == "consent"}
    for message in batch:
        message |= {key: value for key, value in more.items() if key != "consent"}
    with_key = {"writeKey": "default"} | consent
    response = await server.client.post("/v1/batch", json=with_key | {"batch": batch}, headers=headers)
    assert response.json() == {"success": True, "accepted": len(batch), "rejected": []}
    for message in batch:
        response = await server.client.post(f"/v1/{message['type']}", json=with_key | message, headers=headers)
        assert (response.status_code, response.json()["accepted"]) == (200, 1), response.text


async def logged(url: str) -> list[Entry]:
    store = await Store.connect(url)
    page = (await store.log.read({REF: BEGINNING}, 1000))[REF]
    await store.close()
    return [entry for _, raw in page.entries if isinstance(entry := decode(raw), Decision | Outcome)]


def traces(stored: bytes) -> Iterable[str]:
    """The ids of this visitor, and the ids of their messages, that appear in these bytes, as text or as digest."""
    for id in (ANONYMOUS, USER, OLD):
        for form in (id.encode(), anonymous_digest(id), user_digest(id)):
            if form in stored or form.hex().encode() in stored:
                yield f"{id} as {form!r}"
    for message in MESSAGES:
        digest = message_digest(message)
        if message.encode() in stored or digest in stored or digest.hex().encode() in stored:
            yield message


DENIED: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("", {"consent": "denied"}, {}),
    ("", {"consent": "pending"}, {}),
    ("", {}, {"sec-gpc": "1"}),
    ("", {"consent": "granted"}, {"sec-gpc": "1"}),
    ("", {"consent": "granted"}, {"sec-gpc": "1"} | BEARER),
    ('consent = "required"', {}, {}),
    ('consent = "required"', {}, BEARER),
    ('consent = "assumed"', {"consent": "denied"}, {}),
]


@pytest.mark.parametrize(("site_table", "consent", "headers"), DENIED)
async def test_without_consent_the_store_has_no_id_and_no_digest_of_one(
    store_url: str, site_table: str, consent: dict[str, Any], headers: dict[str, str]
) -> None:
    async with serve(store_url, site(site_table)) as server:
        body = await decide(server, headers=headers, **consent)
        (decision,) = body["decisions"]
        assert (body["anonymousId"], decision["group"]) == (None, "policy")
        await send_messages(server, decision["decisionId"], headers=headers, **consent)
        assert list(traces(read_store(store_url))) == []
        entry, *outcomes = await logged(store_url)
    assert isinstance(entry, Decision)
    assert (entry.visitor, "type=cart" in entry.context, "mobile" in entry.context) == ((), True, True)
    logged_outcomes = [one for one in outcomes if isinstance(one, Outcome)]
    assert [one.name for one in logged_outcomes] == ["$click", "$reward", "$reward"] * 2
    assert len({one.message for one in logged_outcomes if one.name == "$reward"}) == 1, "a repeated message counts once"


@pytest.mark.parametrize("consent", [{"consent": "granted"}, {}])
async def test_with_consent_the_store_has_the_ids(store_url: str, consent: dict[str, Any]) -> None:
    """A check of the check: `traces` finds the ids if they are there."""
    async with serve(store_url, site("")) as server:
        body = await decide(server, **consent)
        assert body["anonymousId"] == ANONYMOUS
        await send_messages(server, body["decisions"][0]["decisionId"], **consent)
    found = " ".join(traces(read_store(store_url)))
    assert ANONYMOUS in found
    assert USER in found
    assert MESSAGES[1] in found


async def test_consent_in_a_message_applies_to_the_message(store_url: str) -> None:
    async with serve(store_url, site("")) as server:
        await send_messages(server, None, context={"consent": "denied"})
        assert list(traces(read_store(store_url))) == []
        await send_messages(server, None, consent="denied", context={"consent": "granted"})
        assert list(traces(read_store(store_url))) == [], "the strictest consent applies"
        await send_messages(server, None, context={"consent": {"categoryPreferences": {"Advertising": False}}})
        assert list(traces(read_store(store_url))) != [], "Edgewise ignores Segment's consent object"


async def test_message_can_grant_the_consent_that_the_site_requires(store_url: str) -> None:
    async with serve(store_url, site('consent = "required"')) as server:
        await send_messages(server, None, context={"consent": "granted"})
    assert list(traces(read_store(store_url))) != []


async def test_unknown_consent_value_is_refused(store_url: str) -> None:
    async with serve(store_url, site("")) as server:
        for value, found in (("no", "'no'"), (False, "a boolean")):
            message = {"type": "page", "anonymousId": ANONYMOUS, "context": {"consent": value}}
            response = await server.post("/v1/batch", {"batch": [message]})
            (rejection,) = response.json()["rejected"]
            assert rejection["message"] == f"context.consent: Expected one of granted, pending, denied, found {found}."
        assert (await server.post("/v1/batch", {"batch": [], "consent": "no"})).status_code == 400
        assert (await server.post("/v1/decide", {"placements": ["hero"], "consent": "no"})).status_code == 400
    assert list(traces(read_store(store_url))) == []


async def test_profile_is_neither_read_nor_written_after_withdrawal(store_url: str) -> None:
    loyal = HERO + 'when = { "visitor.orders" = { "$gte" = 1 } }\n'
    async with serve(store_url, {"hero.toml": loyal}) as server:
        known = await decide(server)
        await send_messages(server, known["decisions"][0]["decisionId"])
        assert (await decide(server))["decisions"][0]["propensity"] == 0.5
        before = read_store(store_url)
        withdrawn = (await decide(server, consent="denied"))["decisions"][0]
        assert withdrawn["propensity"] == 1.0, "the action for loyal customers is not shown"
        after = read_store(store_url)
        await send_messages(server, known["decisions"][0]["decisionId"], consent="denied")
        assert read_store(store_url) == after, "the earlier decision would link the outcome to the visitor"
    assert after.count(anonymous_digest(ANONYMOUS)) == before.count(anonymous_digest(ANONYMOUS))


async def test_site_can_disable_learning_without_consent(store_url: str) -> None:
    async with serve(store_url, site("learn_without_consent = false")) as server:
        before = read_store(store_url)
        decision = (await decide(server, consent="denied"))["decisions"][0]
        assert (decision["group"], decision["decisionId"], decision["propensity"]) == ("policy", None, 0.5)
        await send_messages(server, None, consent="denied")
        assert read_store(store_url) == before
        assert (await decide(server))["decisions"][0]["decisionId"] is not None
