from __future__ import annotations

import json
from typing import Any, get_args

import msgspec
import pytest

from edgewise.visitors.message import Kind
from tests.http.error_shape import assert_plain_message
from tests.http.messages import decision_id, logged, profile, send_batch, track
from tests.servers import Server, serve
from tests.valkey import Valkey

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHORT = {"t": "track", "p": "page", "i": "identify", "a": "alias", "s": "screen", "g": "group"}

HERO_ID, ROW_ID, FORGED_ID = "<id of hero>", "<id of row>", "<forged id>"
"""Placeholders for decision ids, which only a server can make."""

NO_DECISION = "properties.decisionId: Expected the id of a decision, found "
UNKNOWN_DECISION = "properties.decisionId: Unknown decision id."


def click(**properties: Any) -> dict[str, Any]:
    return track("$click", properties=properties)


def reward(**properties: Any) -> dict[str, Any]:
    return track("$reward", properties=properties)


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (5, "Expected an object, found a whole number."),
        ({"anonymousId": "v"}, "Missing field `type`. Add it."),
        ({"type": "purchase", "anonymousId": "v"}, "type: Unknown value 'purchase'. Use one of"),
        (track("", anonymousId="v"), "event: Missing name."),
        ({"type": "track", "anonymousId": "v"}, "event: Missing name."),
        ({"type": "page"}, "anonymousId, userId: Missing id."),
        ({"type": "page", "anonymousId": True}, "anonymousId: Expected a whole number or a text or null"),
        ({"type": "page", "anonymousId": "a\0b"}, "anonymousId: Expected a text without NUL characters."),
        ({"type": "page", "anonymousId": "x" * 257}, "anonymousId: Expected at most 256 characters."),
        ({"type": "page", "anonymousId": "v", "timestamp": "yesterday"}, "timestamp: Expected a time such as"),
        (
            {"type": "page", "anonymousId": "v", "timestamp": "2226-01-01T00:00:00Z"},
            "timestamp: Expected a time at most",
        ),
        (
            {"type": "page", "anonymousId": "v", "timestamp": "1970-01-01T00:00:00Z"},
            "timestamp: Expected a time at most",
        ),
        ({"type": "page", "anonymousId": "v", "traits": []}, "traits: Expected an object or null"),
        (
            track("Big", anonymousId="v", properties={"x": "y" * 40_000}),
            "message: Expected at most 32768 bytes, found 40",
        ),
        (
            track("Order Completed", anonymousId="v", properties={"products": 5}),
            "properties.products: Expected a list of products, found a whole number.",
        ),
        (track("$click"), NO_DECISION + "nothing."),
        (click(decisionId=5), NO_DECISION + "a whole number."),
        (click(decisionId="made-up"), UNKNOWN_DECISION),
        (click(decisionId=FORGED_ID), UNKNOWN_DECISION),
        (track("Order Completed", properties={"decisionId": FORGED_ID}), UNKNOWN_DECISION),
        (click(decisionId=HERO_ID, slot=1), "properties.slot: Expected a whole number from 0 to 0, found 1."),
        (click(decisionId=ROW_ID, slot=2), "properties.slot: Expected a whole number from 0 to 1, found 2."),
        (click(decisionId=ROW_ID, slot=-1), "properties.slot: Expected a whole number from 0 to 1, found -1."),
        (click(decisionId=HERO_ID, slot=True), "properties.slot: Expected a whole number from 0 to 0, found a"),
        (click(decisionId=HERO_ID, slot=10**90), "properties.slot: Expected an integer of at most 64 bits"),
        (reward(decisionId=HERO_ID), "properties.value: Expected a finite number, found nothing."),
        (reward(decisionId=HERO_ID, value="3"), "properties.value: Expected a finite number, found a"),
        (reward(decisionId=HERO_ID, value=True), "properties.value: Expected a finite number, found a"),
        (reward(decisionId=HERO_ID, value=10**400), "properties.value: Expected"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_invalid_message_is_rejected_alone(server: Server, valkey: Valkey, message: Any, error: str) -> None:
    message = await with_decision_ids(server, message)
    good = track("Order Completed", anonymousId="v")
    before = len(await logged(valkey.url))
    body = await send_batch(server, good, message, good)
    (rejection,) = body["rejected"]
    is_of_decision = error.startswith("properties.decisionId: ")
    assert (body["accepted"], rejection["index"]) == (2, 1)
    assert rejection["code"] == ("unknown_decision" if is_of_decision else "invalid_message")
    assert rejection["message"].startswith(error)
    assert_plain_message(rejection["message"])
    assert len(await logged(valkey.url)) == before + 2


async def with_decision_ids(server: Server, message: Any) -> Any:
    """The message with decision ids of this server in place of the placeholders."""
    properties = message.get("properties", {}) if isinstance(message, dict) else {}
    match properties.get("decisionId"):
        case placeholder if placeholder == HERO_ID:
            id = await decision_id(server)
        case placeholder if placeholder == ROW_ID:
            id = await decision_id(server, "row")
        case placeholder if placeholder == FORGED_ID:
            real = await decision_id(server)
            id = real[:10] + ("A" if real[10] != "A" else "B") + real[11:]
        case _:
            return message
    return message | {"properties": properties | {"decisionId": id}}


async def test_message_of_malformed_bytes_is_rejected_alone(server: Server) -> None:
    good = json.dumps(track("Order Completed", anonymousId="v")).encode()
    broken = b'{"type": "page", "anonymousId": "\xff"}'
    content = b'{"writeKey": "default", "batch": [' + b", ".join((broken, good)) + b"]}"
    response = await server.client.post("/v1/batch", content=content)
    assert response.json()["accepted"] == 1
    assert [rejection["index"] for rejection in response.json()["rejected"]] == [0]


async def test_repeated_batch_changes_nothing(server: Server, valkey: Valkey) -> None:
    messages = [
        track("Order Completed", messageId="again-1", anonymousId="again", properties={"revenue": 20}),
        {"type": "page", "messageId": "again-2", "anonymousId": "again"},
    ]
    await send_batch(server, *messages)
    before, known = await logged(valkey.url), await profile(valkey.url, "again")
    for _ in range(3):
        assert (await send_batch(server, *messages, *messages))["accepted"] == 4
    assert await logged(valkey.url) == before
    assert await profile(valkey.url, "again") == known
    assert (known.orders, known.revenue, known.page_views) == (1, 20.0, 1)


@pytest.mark.parametrize("path", [*get_args(Kind), *SHORT])
async def test_single_message_is_recorded(server: Server, valkey: Valkey, path: str) -> None:
    kind = SHORT.get(path, path)
    body = {"anonymousId": f"alone-{path}", "event": "Viewed", "sentAt": "2026-01-01T00:00:00Z", "properties": None}
    for more in ({}, {"type": kind}):
        response = await server.post(f"/v1/{path}", body | more)
        assert (response.status_code, response.json()) == (200, {"success": True, "accepted": 1, "rejected": []})
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
        response = await server.post("/v1/track", body)
        error = response.json()["error"]
        assert (response.status_code, error["code"], error["message"][: len(message)]) == (400, code, message)


async def test_messagepack_batch_equals_json_batch(server: Server, valkey: Valkey) -> None:
    id = await decision_id(server)
    body = {
        "writeKey": "default",
        "batch": [track("$reward", properties={"decisionId": id, "value": 2.5}), 5, track("$click")],
    }
    response = await server.client.post(
        "/v1/batch", content=msgspec.msgpack.encode(body), headers={"content-type": "application/msgpack"}
    )
    in_json = (await server.post("/v1/batch", body)).json()
    assert msgspec.msgpack.decode(response.content) == in_json
    assert (in_json["accepted"], [rejection["index"] for rejection in in_json["rejected"]]) == (1, [1, 2])
    packed, plain = (await logged(valkey.url))[-2:]
    assert packed._replace(message=b"") == plain._replace(message=b"")


async def test_batch_of_more_than_500_messages_is_refused(server: Server, valkey: Valkey) -> None:
    many = [track("Order Completed", anonymousId=f"many-{number % 50}") for number in range(500)]
    before = len(await logged(valkey.url))
    assert (await send_batch(server, *many))["accepted"] == 500
    assert len(await logged(valkey.url)) == before + 500
    assert (await profile(valkey.url, "many-7")).orders == 10
    response = await server.post("/v1/batch", {"batch": [*many, many[0]]})
    assert (response.status_code, response.json()["error"]["code"]) == (413, "batch_too_large")


async def test_batch_may_be_empty_but_not_missing(server: Server) -> None:
    assert await send_batch(server) == {"success": True, "accepted": 0, "rejected": []}
    for body, path in (({}, ""), ({"batch": None}, "batch"), ({"batch": [], "sentAt": 5}, "sentAt")):
        error = (await server.post("/v1/batch", body)).json()["error"]
        assert (error["code"], error["details"][0]["path"]) == ("invalid_request", path)


async def test_store_failure_is_a_503_and_the_batch_can_be_repeated(store_url: str, valkey: Valkey) -> None:
    order = track("Order Completed", anonymousId="v1", messageId="m1")
    async with serve(store_url, decide_budget=50) as server:
        valkey.kill()
        response = await server.post("/v1/batch", {"batch": [order]})
        valkey.restart()
        assert response.status_code == 503
        assert response.headers["retry-after"] == "1"
        assert response.json()["error"]["code"] == "store_unavailable"
        assert store_url not in response.text
        assert (await send_batch(server, order))["accepted"] == 1
    assert [entry.name for entry in await logged(store_url)] == ["Order Completed"]
