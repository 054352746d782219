from __future__ import annotations

import base64
import gzip
import json
from typing import Any, get_args

import msgspec
import pytest

from edgewise.entries import Event, Outcome, decode
from edgewise.ids.visitor import anonymous_digest, user_digest
from edgewise.store import Store
from edgewise.types import BEGINNING, PolicyRef
from edgewise.visitors import profile as profiles
from edgewise.visitors.message import Kind
from tests.servers import BEARER, HERO, Server, serve
from tests.valkey import Valkey

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHORT = {"t": "track", "p": "page", "i": "identify", "a": "alias", "s": "screen", "g": "group"}


async def decision_id(server: Server, placement: str = "hero", **more: Any) -> str:
    answer = await server.post("/v1/decide", {"placements": [placement], **more})
    found: str = answer.json()["decisions"][0]["decisionId"]
    return found


def track(event: str, **more: Any) -> dict[str, Any]:
    return {"type": "track", "event": event, **more}


async def batch(server: Server, *messages: Any, **more: Any) -> dict[str, Any]:
    answer = await server.post("/v1/batch", {"batch": list(messages), **more})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert body["success"] is True
    return body


async def logged(url: str, placement: str = "hero") -> list[Outcome | Event]:
    store = await Store.connect(url)
    ref = PolicyRef("default", placement)
    page = (await store.log.read({ref: BEGINNING}, 100_000))[ref]
    await store.close()
    return [entry for _, raw in page.entries if isinstance(entry := decode(raw), Outcome | Event)]


async def test_accepted_outcomes_and_events_are_logged(server: Server, valkey: Valkey) -> None:
    id = await decision_id(server, anonymousId="v1")
    answer = await batch(
        server,
        track("$impression", messageId="m1", properties={"decisionId": id}, timestamp="2026-01-01T00:00:00.000Z"),
        track("$reward", messageId="m2", properties={"decisionId": id, "slot": 0, "value": 3}),
        track("Order Completed", messageId="m3", anonymousId="v1"),
        sentAt="2026-01-01T00:00:01.500Z",
    )
    assert answer == {"success": True, "accepted": 3, "rejected": []}
    impression, reward, order = (await logged(valkey.url))[-3:]
    assert isinstance(impression, Outcome)
    assert isinstance(reward, Outcome)
    assert (impression.name, impression.slot, impression.value, impression.age) == ("$impression", None, None, 1500)
    assert (reward.name, reward.slot, reward.value, reward.age) == ("$reward", 0, 3.0, 0)
    assert isinstance(order, Event)
    assert (order.name, order.visitor) == ("Order Completed", (anonymous_digest("v1"),))


async def test_one_bad_message_never_sinks_a_batch(server: Server) -> None:
    id = await decision_id(server)
    row = await decision_id(server, "row")
    forged = ("A" if id[10] != "A" else "B").join((id[:10], id[11:]))
    bad: list[tuple[Any, str, str]] = [
        (5, "invalid_message", "Expected an object, found a whole number."),
        ({"anonymousId": "v"}, "invalid_message", "Missing field `type`. Add it."),
        ({"type": "purchase", "anonymousId": "v"}, "invalid_message", "type: Unknown value 'purchase'. Use one of"),
        (track("", anonymousId="v"), "invalid_message", "event: Missing name."),
        ({"type": "track", "anonymousId": "v"}, "invalid_message", "event: Missing name."),
        ({"type": "page"}, "invalid_message", "anonymousId, userId: Missing id."),
        ({"type": "page", "anonymousId": 7}, "invalid_message", "anonymousId: Expected a text or null"),
        ({"type": "page", "anonymousId": "a\0b"}, "invalid_message", "anonymousId: "),
        (
            {"type": "page", "anonymousId": "v", "timestamp": "yesterday"},
            "invalid_message",
            "timestamp: Expected a time such as",
        ),
        ({"type": "page", "anonymousId": "v", "traits": []}, "invalid_message", "traits: Expected an object or null"),
        (
            {"type": "page", "anonymousId": "x" * 257},
            "invalid_message",
            "anonymousId: Expected at most 256 characters.",
        ),
        (
            track("Big", anonymousId="v", properties={"x": "y" * 40_000}),
            "invalid_message",
            "message: Expected at most 32768 bytes, found 40",
        ),
        (track("$click"), "unknown_decision", "properties.decisionId: Expected the id of a decision, found nothing."),
        (
            track("$click", properties={"decisionId": 5}),
            "unknown_decision",
            "properties.decisionId: Expected the id of a decision, found a value of",
        ),
        (
            track("$click", properties={"decisionId": "made-up"}),
            "unknown_decision",
            "properties.decisionId: Unknown decision id.",
        ),
        (
            track("$click", properties={"decisionId": forged}),
            "unknown_decision",
            "properties.decisionId: Unknown decision id.",
        ),
        (track("Order Completed", properties={"decisionId": forged}), "unknown_decision", "properties.decisionId"),
        (
            track("$click", properties={"decisionId": id, "slot": 1}),
            "invalid_message",
            "properties.slot: Expected a whole number from 0 to 0, found 1.",
        ),
        (
            track("$click", properties={"decisionId": row, "slot": 2}),
            "invalid_message",
            "properties.slot: Expected a whole number from 0 to 1, found 2.",
        ),
        (
            track("$click", properties={"decisionId": row, "slot": -1}),
            "invalid_message",
            "properties.slot: Expected a whole number from 0 to 1, found -1.",
        ),
        (
            track("$click", properties={"decisionId": id, "slot": True}),
            "invalid_message",
            "properties.slot: Expected a whole number from 0 to 0, found a",
        ),
        (
            track("$click", properties={"decisionId": id, "slot": 10**90}),
            "invalid_message",
            "properties.slot: Expected an integer of at most 64 bits",
        ),
        (
            track("$reward", properties={"decisionId": id}),
            "invalid_message",
            "properties.value: Expected a finite number, found nothing.",
        ),
        (
            track("$reward", properties={"decisionId": id, "value": "3"}),
            "invalid_message",
            "properties.value: Expected a finite number, found a",
        ),
        (
            track("$reward", properties={"decisionId": id, "value": True}),
            "invalid_message",
            "properties.value: Expected a finite number, found a",
        ),
        (track("$reward", properties={"decisionId": id, "value": 10**400}), "invalid_message", "properties.value: Exp"),
    ]
    good = track("Order Completed", anonymousId="v")
    messages = [message for message, _, _ in bad]
    answer = await batch(server, good, *messages, good)
    assert answer["accepted"] == 2
    assert [rejection["index"] for rejection in answer["rejected"]] == list(range(1, len(bad) + 1))
    for rejection, (_, code, message) in zip(answer["rejected"], bad, strict=True):
        assert (rejection["code"], rejection["message"][: len(message)]) == (code, message)


async def test_message_of_malformed_bytes_is_rejected_alone(server: Server) -> None:
    good = json.dumps(track("Order Completed", anonymousId="v")).encode()
    broken = b'{"type": "page", "anonymousId": "\xff"}'
    content = b'{"writeKey": "default", "batch": [' + b", ".join((broken, good)) + b"]}"
    answer = await server.client.post("/v1/batch", content=content)
    assert answer.json()["accepted"] == 1
    assert [rejection["index"] for rejection in answer.json()["rejected"]] == [0]


async def test_repeated_batch_changes_nothing(server: Server, valkey: Valkey) -> None:
    messages = [
        track("Order Completed", messageId="again-1", anonymousId="again", properties={"revenue": 20}),
        {"type": "page", "messageId": "again-2", "anonymousId": "again"},
    ]
    await batch(server, *messages)
    before, known = await logged(valkey.url), await profile(valkey.url, "again")
    for _ in range(3):
        assert (await batch(server, *messages, *messages))["accepted"] == 4
    assert await logged(valkey.url) == before
    assert await profile(valkey.url, "again") == known
    assert (known.orders, known.revenue, known.page_views) == (1, 20.0, 1)


async def profile(url: str, anonymous_id: str) -> profiles.Profile:
    store = await Store.connect(url)
    stored = await store.profiles.read("default", anonymous_digest(anonymous_id))
    await store.close()
    assert stored is not None
    return profiles.decode(stored)


async def test_event_without_decision_is_logged_for_the_policies_that_reward_it(server: Server, valkey: Valkey) -> None:
    hero, row = await logged(valkey.url), await logged(valkey.url, "row")
    await batch(server, track("Product Viewed", anonymousId="v"), track("Nothing Special", anonymousId="v"))
    assert await logged(valkey.url) == hero
    assert [event.name for event in (await logged(valkey.url, "row"))[len(row) :]] == ["Product Viewed"]


async def test_purchase_from_a_server_carries_the_ids_of_the_visitors_browsers(server: Server, valkey: Valkey) -> None:
    await batch(server, {"type": "identify", "anonymousId": "browser-1", "userId": "u1", "traits": {"plan": "pro"}})
    await batch(server, {"type": "identify", "anonymousId": "browser-2", "userId": "u1"})
    answer = await server.post("/v1/track", track("Order Completed", userId="u1"), **BEARER)
    assert answer.status_code == 200
    event = (await logged(valkey.url))[-1]
    assert isinstance(event, Event)
    assert set(event.visitor) == {user_digest("u1"), anonymous_digest("browser-1"), anonymous_digest("browser-2")}


async def test_purchase_makes_an_action_eligible_in_the_next_decision(store_url: str) -> None:
    loyal = HERO + 'when = { "visitor.orders" = { "$gte" = 1 } }\n'
    async with serve(store_url, {"hero.toml": loyal}) as server:
        body = {"anonymousId": "buyer", "placements": ["hero"]}
        before = (await server.post("/v1/decide", body)).json()["decisions"][0]
        await batch(server, track("Order Completed", anonymousId="buyer", properties={"total": 12.5}))
        after = (await server.post("/v1/decide", body)).json()["decisions"][0]
    assert (before["propensity"], after["propensity"]) == (1.0, 0.5)


@pytest.mark.parametrize("path", [*get_args(Kind), *SHORT])
async def test_single_message_is_recorded(server: Server, valkey: Valkey, path: str) -> None:
    kind = SHORT.get(path, path)
    body = {"anonymousId": f"alone-{path}", "event": "Viewed", "sentAt": "2026-01-01T00:00:00Z", "properties": None}
    for more in ({}, {"type": kind}):
        answer = await server.post(f"/v1/{path}", body | more)
        assert (answer.status_code, answer.json()) == (200, {"success": True, "accepted": 1, "rejected": []})
    assert (await profile(valkey.url, f"alone-{path}")).page_views == (2 if kind in ("page", "screen") else 0)


async def test_invalid_single_message_is_an_error(server: Server) -> None:
    for body, code, message in (
        ({}, "invalid_message", "event: Missing name."),
        (
            {"event": "$click"},
            "unknown_decision",
            "properties.decisionId: Expected the id of a decision, found nothing.",
        ),
        ({"event": 5}, "invalid_request", "event: Expected a text or null"),
        ({"event": "Viewed", "anonymousId": "v", "type": "page"}, "invalid_request", "type: Unknown value 'page'."),
    ):
        answer = await server.post("/v1/track", body)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["message"][: len(message)]) == (400, code, message)


async def test_messagepack_batch_equals_json_batch(server: Server, valkey: Valkey) -> None:
    id = await decision_id(server)
    body = {
        "writeKey": "default",
        "batch": [track("$reward", properties={"decisionId": id, "value": 2.5}), 5, track("$click")],
    }
    answer = await server.client.post(
        "/v1/batch", content=msgspec.msgpack.encode(body), headers={"content-type": "application/msgpack"}
    )
    in_json = (await server.post("/v1/batch", body)).json()
    assert msgspec.msgpack.decode(answer.content) == in_json
    assert (in_json["accepted"], [rejection["index"] for rejection in in_json["rejected"]]) == (1, [1, 2])
    packed, plain = (await logged(valkey.url))[-2:]
    assert packed._replace(message=b"") == plain._replace(message=b"")


async def test_device_and_language_come_from_browsers_only(server: Server) -> None:
    iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148"
    page = {"type": "page", "context": {"page": {"url": "https://shop.example/"}}}
    speakers: dict[str, dict[str, str]] = {
        "browser": {"user_agent": iphone},
        "library": {"user_agent": "analytics-python/2.3.2"},
        "server": {"user_agent": iphone, **BEARER},
    }
    found = {}
    for name, headers in speakers.items():
        await server.post("/v1/batch", {"batch": [page | {"anonymousId": name}]}, accept_language="de-AT,de", **headers)
        (held,) = (await server.get(f"/v1/profiles/{name}", **BEARER)).json()["held"]
        found[name] = [held["profile"]["surroundings"].get(known) for known in ("device", "locale")]
    assert found == {"browser": ["mobile", "de-AT"], "library": [None, None], "server": [None, None]}


async def test_requests_of_segment_libraries_are_recorded(server: Server, valkey: Valkey) -> None:
    """As analytics-python (gzip, Basic) and analytics.js (text/plain, short paths) put it on the wire."""
    common: dict[str, Any] = {
        "integrations": {},
        "context": {"library": {"name": "analytics-python", "version": "2.3.2"}, "userAgent": "Mozilla/5.0"},
        "timestamp": "2026-01-01T10:00:00.123456+00:00",
        "_metadata": {"bundled": []},
        "originalTimestamp": "2026-01-01T10:00:00.123Z",
    }
    python = {
        "batch": [
            {"type": "track", "event": "Order Completed", "userId": "py", "anonymousId": None, "messageId": "s1"}
            | common,
            {"type": "identify", "userId": "py", "traits": {"email": "x@example.com"}, "messageId": "s2"} | common,
            {"type": "alias", "previousId": "old", "userId": "py", "messageId": "s3"} | common,
            {"type": "group", "groupId": "g", "userId": "py", "messageId": "s4"} | common,
            {"type": "screen", "name": "Home", "category": None, "userId": "py", "messageId": "s5"} | common,
        ],
        "sentAt": "2026-01-01T10:00:00.200000",
    }
    basic = base64.b64encode(b"default:").decode()
    answer = await server.client.post(
        "/v1/batch",
        content=gzip.compress(json.dumps(python).encode()),
        headers={"authorization": f"Basic {basic}", "content-encoding": "gzip", "content-type": "application/json"},
    )
    assert answer.json() == {"success": True, "accepted": 5, "rejected": []}
    order = (await logged(valkey.url))[-1]
    assert isinstance(order, Event)
    assert order.age == 77
    assert {user_digest("py"), user_digest("old"), anonymous_digest("old")} <= set(order.visitor)

    browser = {"anonymousId": "js", "event": "Viewed", "messageId": "ajs-1", "writeKey": "default"} | common
    answer = await server.client.post(
        "/v1/t",
        content=json.dumps(browser | {"sentAt": "2026-01-01T10:00:00.300Z"}),
        headers={"content-type": "text/plain"},
    )
    assert answer.json() == {"success": True, "accepted": 1, "rejected": []}


async def test_batch_of_more_than_500_messages_is_refused(server: Server, valkey: Valkey) -> None:
    many = [track("Order Completed", anonymousId=f"many-{number % 50}") for number in range(500)]
    before = len(await logged(valkey.url))
    assert (await batch(server, *many))["accepted"] == 500
    assert len(await logged(valkey.url)) == before + 500
    assert (await profile(valkey.url, "many-7")).orders == 10
    answer = await server.post("/v1/batch", {"batch": [*many, many[0]]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "batch_too_large")


async def test_batch_may_be_empty_but_not_missing(server: Server) -> None:
    assert await batch(server) == {"success": True, "accepted": 0, "rejected": []}
    for body, path in (({}, ""), ({"batch": None}, "batch"), ({"batch": [], "sentAt": 5}, "sentAt")):
        error = (await server.post("/v1/batch", body)).json()["error"]
        assert (error["code"], error["details"][0]["path"]) == ("invalid_request", path)


async def test_store_failure_is_a_503_and_the_batch_can_be_repeated(store_url: str, valkey: Valkey) -> None:
    order = track("Order Completed", anonymousId="v1", messageId="m1")
    async with serve(store_url, decide_budget=50) as server:
        valkey.kill()
        answer = await server.post("/v1/batch", {"batch": [order]})
        valkey.restart()
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["error"]["code"] == "store_unavailable"
        assert store_url not in answer.text
        assert (await batch(server, order))["accepted"] == 1
    assert [entry.name for entry in await logged(store_url)] == ["Order Completed"]


async def test_decision_sees_acknowledged_messages(store_url: str) -> None:
    left = HERO + 'when = { "visitor.cartValue" = { "$gte" = 40 }, "visitor.topCategory" = "shoes" }\n'
    async with serve(store_url, {"hero.toml": left}) as server:
        for number in range(5):
            body = {"anonymousId": f"buyer-{number}", "placements": ["hero"]}
            before = (await server.post("/v1/decide", body)).json()["decisions"][0]
            product = {"product_id": "sku-7", "category": "shoes", "brand": "acme", "price": 19.99, "quantity": 2}
            await batch(server, track("Product Added", anonymousId=f"buyer-{number}", properties=product))
            between = (await server.post("/v1/decide", body)).json()["decisions"][0]
            added = {"products": [{"product_id": "sku-8", "price": "5.00", "category": "shoes"}]}
            await batch(server, track("Product Added", anonymousId=f"buyer-{number}", properties=added))
            after = (await server.post("/v1/decide", body)).json()["decisions"][0]
            assert [answer["propensity"] for answer in (before, between, after)] == [1.0, 1.0, 0.5]


async def test_impression_with_a_visitor_id_is_stored_in_the_profile(server: Server, valkey: Valkey) -> None:
    id = await decision_id(server, anonymousId="looker")
    await batch(server, track("$impression", anonymousId="looker", properties={"decisionId": id}))
    assert list((await profile(valkey.url, "looker")).seen) == ["hero"]
    named = {"decisionId": id, "action": "deal"}
    await batch(server, track("$impression", anonymousId="looker", properties=named))
    assert set((await profile(valkey.url, "looker")).seen) == {"hero", "hero/deal"}


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (
            '"traits": {"x": 5, "y": [1, {"z": 123456789012345678901234567890}]}',
            "traits.y.1.z: Expected an integer",
        ),
        ('"traits": {"big": "' + "x" * (1 << 20) + '"}', "message: Expected at most 32768 bytes, found 10486"),
        (
            '"properties": {' + ", ".join(f'"p{n}": {n}' for n in range(10_000)) + "}",
            "message: Expected at most 32768 bytes, found ",
        ),
        (
            '"properties": {' + ", ".join(f'"{n}":1' for n in range(2_000)) + "}",
            "message: Expected at most 1000 values, found more.",
        ),
        ('"properties": {"x": ' + "[" * 40 + "]" * 40 + "}", "properties.x.0.0.0.0"),
        ('"properties": {"x": ' + "[" * 9_000 + "]" * 9_000 + "}", "message: Malformed JSON: nested too deeply."),
        (
            '"properties": {"x": ' + '{"x":' * 5_000 + "1" + "}" * 5_000 + "}",
            "message: Malformed JSON: nested too deeply.",
        ),
        ('"properties": {"x": "\\ud800"}', "message: Malformed JSON: "),
        ('"properties": {"x": "\\udc00 and more that follows"}', "message: Malformed JSON: "),
        ('"properties": {"x": "a\\u0000b"}', "properties.x: Expected a text without NUL characters"),
        ('"traits": {"a\\u0000b": 1}', "traits: Expected a text without NUL characters"),
        ('"properties": {"x": 1e999}', "Expected a number of at most 64 bits"),
        ('"properties": {"x": NaN}', "message: Malformed JSON: "),
        ('"timestamp": "2226-01-01T00:00:00Z"', "timestamp: Expected a time at most 366 days before"),
        ('"timestamp": "1970-01-01T00:00:00Z"', "timestamp: Expected a time at most 366 days before"),
        ('"timestamp": 5', "timestamp: Expected a time or null"),
        ('"context": {"page": {"url": 5}}', "context.page.url: Expected a text or null"),
        (
            '"properties": {"products": 5}',
            "properties.products: Expected a list of products, found a value of type int.",
        ),
    ],
)
async def test_hostile_message_is_rejected_alone(server: Server, valkey: Valkey, broken: str, said: str) -> None:
    good = json.dumps(track("Order Completed", anonymousId='good, [neighbour] {"}'))
    bad = '{"type": "track", "event": "Order Completed", "anonymousId": "bad", ' + broken + "}"
    before = len(await logged(valkey.url))
    content = f'{{"sentAt": null, "batch": [{good}, {bad}, {good}], "writeKey": "default"}}'
    answer = await server.client.post("/v1/batch", content=content)
    assert answer.status_code == 200, answer.text
    assert answer.json()["accepted"] == 2
    (rejection,) = answer.json()["rejected"]
    assert (rejection["index"], rejection["code"]) == (1, "invalid_message")
    assert said in rejection["message"]
    assert len(rejection["message"]) < 400
    assert len(await logged(valkey.url)) == before + 2


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        (b"\x81\xa1x" * 5_000 + b"\x01", "message: Malformed MessagePack: nested too deeply."),
        (b"\x91" * 5_000 + b"\x01", "properties: Expected an object or null"),
        (b"\x81\xa1x" + b"\x91" * 40 + b"\x01", "properties.x.0.0.0.0"),
        (b"\x81\xa1x\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", "properties.x: Expected a finite number, found nan."),
        (b"\x81\xa1x\xc4\x01\x00", "properties.x: Expected a type that JSON has, found bytes."),
        (b"\x81\xa1x\xa3\xed\xa0\x80", "message: Malformed MessagePack: "),
        (b"\x81\xa1x\xa1\x00", "properties.x: Expected a text without NUL characters"),
        (b"\x81\xa1x\x81\x05\x01", "properties.x: Expected texts as keys, found a key of type int."),
        (b"\x81\xa1x\x81\xc0\x01", "properties.x: Expected texts as keys, found a key of type NoneType."),
    ],
)
async def test_hostile_messagepack_message_is_rejected_alone(server: Server, properties: bytes, said: str) -> None:
    good = msgspec.msgpack.encode(track("Order Completed", anonymousId="good"))
    bad = {"type": "track", "event": "Order Completed", "anonymousId": "bad", "properties": None}
    broken = msgspec.msgpack.encode(bad)[:-1] + properties
    envelope = msgspec.msgpack.encode({"writeKey": "default", "batch": []})[:-1]
    headers = {"content-type": "application/msgpack"}
    answer = await server.client.post(
        "/v1/batch", content=envelope + b"\x93" + good + broken + good, headers=headers | {"accept": "application/json"}
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["accepted"] == 2
    (rejection,) = answer.json()["rejected"]
    assert (rejection["index"], rejection["code"]) == (1, "invalid_message")
    assert rejection["message"].startswith(said)


async def test_malformed_batch_is_an_error(server: Server) -> None:
    for content in ("{", '{"batch": [', '{"batch": [}', '{"writeKey": "\\ud800"}', '["batch", [1]]', '{"batch": []'):
        answer = await server.client.post("/v1/batch", content=content)
        assert answer.status_code == 400, content
