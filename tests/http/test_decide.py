from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest

from edgewise.entries import Decision, decode
from edgewise.store import Store
from edgewise.types import BEGINNING, PolicyRef
from tests.servers import BEARER, HERO, SHOP, Server, serve, user
from tests.valkey import Valkey

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONTEXT = {
    "page": {"url": "https://shop.example/?utm_source=ads", "type": "home", "referrer": ""},
    "device": {"type": "mobile"},
    "locale": "de-DE",
    "timezone": "Europe/Berlin",
    "data": {"basketValue": 30},
}


async def decide(server: Server, *placements: Any, **more: Any) -> list[dict[str, Any]]:
    response = await server.post("/v1/decide", {"placements": list(placements), **more})
    assert response.status_code == 200, response.text
    decisions: list[dict[str, Any]] = response.json()["decisions"]
    return decisions


async def logged(store_url: str, placement: str) -> list[Decision]:
    store = await Store.connect(store_url)
    ref = PolicyRef("default", placement)
    page = (await store.log.read({ref: BEGINNING}, 100_000))[ref]
    await store.close()
    return [entry for _, raw in page.entries if isinstance(entry := decode(raw), Decision)]


async def test_placement_with_one_slot_has_one_action(server: Server) -> None:
    response = await server.post("/v1/decide", {"anonymousId": "a1", "placements": ["hero"], "context": CONTEXT})
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert body["anonymousId"] == "a1"
    (decision,) = body["decisions"]
    assert decision.keys() == {
        "placement",
        "decisionId",
        "action",
        "payload",
        "propensity",
        "group",
        "policyVersion",
        "modelVersion",
    }
    assert decision["action"] in ("plain", "deal")
    assert decision["payload"]["headline"] in ("Welcome", "Save 10%")
    assert (decision["propensity"], decision["group"], decision["modelVersion"]) == (0.5, "policy", 0)


async def test_placement_with_several_slots_has_an_action_each(server: Server) -> None:
    (decision,) = await decide(server, {"id": "row", "slots": 2, "exclude": ["sku-2"]})
    assert decision.keys() == {"placement", "decisionId", "group", "policyVersion", "modelVersion", "slots"}
    assert sorted(slot["action"] for slot in decision["slots"]) == ["sku-1", "sku-3"]
    assert [slot["propensity"] for slot in decision["slots"]] == [0.5, 1.0]


async def test_unknown_placement_has_no_action(server: Server) -> None:
    found, missing = await decide(server, "hero", "nope")
    assert found["group"] == "policy"
    assert missing == {
        "placement": "nope",
        "decisionId": None,
        "group": "none",
        "policyVersion": None,
        "modelVersion": None,
        "action": None,
        "payload": {},
        "propensity": None,
    }


@pytest.mark.parametrize(
    "step",
    [
        "edgewise.http.decide.attributes_of",
        "edgewise.http.decide.is_crawler",
        "edgewise.http.endpoint.read_browser",
        "edgewise.visitors.robots.RateLimit.exceeded",
        "edgewise.decisions.service.DecisionService.decide",
    ],
)
async def test_a_fault_in_any_step_of_the_endpoint_gives_the_baseline(
    server: Server, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("fault")

    monkeypatch.setattr(step, fail)
    response = await server.post("/v1/decide", {"anonymousId": "a1", "placements": ["hero", "row", "nope"]})
    assert response.status_code == 200
    assert response.json()["anonymousId"] == "a1"
    hero, row, unknown = response.json()["decisions"]
    assert (hero["group"], hero["decisionId"], hero["action"]) == ("fallback", None, "plain")
    assert [slot["action"] for slot in row["slots"]] == ["sku-1", "sku-2"]
    assert unknown["group"] == "none"


async def test_a_fault_in_the_metrics_does_not_reach_the_visitor(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("fault")

    monkeypatch.setattr("edgewise.http.metrics.observe_decide_call", fail)
    (decision,) = await decide(server, "hero")
    assert decision["group"] == "policy"


async def test_faults_are_counted(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("fault")

    before = await count_faults(server)
    monkeypatch.setattr("edgewise.decisions.service.load_visitor_state", fail)
    await decide(server, "hero")
    assert await count_faults(server) == before + 1


async def count_faults(server: Server) -> float:
    text = (await server.get("/metrics")).text
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("edgewise_decide_faults_total"))


async def test_context_is_logged_as_it_was_scored(server: Server, valkey: Valkey) -> None:
    await decide(server, "hero", anonymousId="context", context=CONTEXT)
    line = (await logged(valkey.url, "hero"))[-1].context
    tokens = set(line.split())
    assert {"type=home", "source=ads", "type=mobile", "language=de", "region=DE", "basketValue=%h9"} <= tokens
    assert "shop.example" not in line


async def test_device_comes_from_the_user_agent_of_browsers_only(server: Server, valkey: Valkey) -> None:
    agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148"
    await server.post("/v1/decide", {"placements": ["hero"]}, user_agent=agent)
    assert "type=mobile" in (await logged(valkey.url, "hero"))[-1].context
    await server.post("/v1/decide", {"placements": ["hero"]}, user_agent=agent, **BEARER)
    assert "type=mobile" not in (await logged(valkey.url, "hero"))[-1].context


async def test_log_has_visitor_digests_only_with_consent(server: Server, valkey: Valkey) -> None:
    for consent, digests in (("denied", 0), ("pending", 0), ("granted", 2)):
        await decide(server, "hero", anonymousId="shy", **user("u1"), consent=consent)
        assert len((await logged(valkey.url, "hero"))[-1].visitor) == digests


async def test_messagepack_response_equals_json_response(server: Server) -> None:
    body = {"writeKey": "default", "placements": ["hero", {"id": "row", "slots": 1}], "context": CONTEXT}
    packed = msgspec.msgpack.encode(body)
    headers = {"content-type": "application/msgpack"}
    response = await server.client.post("/v1/decide", content=packed, headers=headers)
    assert response.headers["content-type"] == "application/msgpack"
    hero, row = msgspec.msgpack.decode(response.content)["decisions"]
    in_json = await decide(server, *body["placements"], context=CONTEXT)
    assert [hero.keys(), row.keys()] == [one.keys() for one in in_json]
    assert hero["propensity"] == in_json[0]["propensity"]


@pytest.mark.parametrize(
    ("sent", "accept", "answered"),
    [
        ("application/json", "application/msgpack", "application/msgpack"),
        ("application/msgpack", "application/json", "application/json"),
        ("application/msgpack", "text/html, */*;q=0.8", "application/msgpack"),
        ("text/plain", "text/plain", "application/json"),
        ("text/plain;charset=UTF-8", "*/*", "application/json"),
        ("Application/JSON; charset=utf-8", "application/x-msgpack;q=1, application/json", "application/msgpack"),
    ],
)
async def test_response_has_the_accepted_format(server: Server, sent: str, accept: str, answered: str) -> None:
    body = {"writeKey": "default", "placements": ["hero"]}
    encode = msgspec.msgpack.encode if "msgpack" in sent else msgspec.json.encode
    response = await server.client.post(
        "/v1/decide", content=encode(body), headers={"content-type": sent, "accept": accept}
    )
    assert (response.status_code, response.headers["content-type"].partition("+")[0]) == (200, answered)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, ""),
        ({"placements": "hero"}, "placements"),
        ({"placements": ["hero", 5]}, "placements[1]"),
        ({"placements": [""]}, "placements[0]"),
        ({"placements": ["x" * 257]}, "placements[0]"),
        ({"placements": ["a\0b"]}, "placements[0]"),
        ({"placements": ["hero"] * 51}, "placements"),
        ({"placements": [{"slots": 1}]}, "placements[0]"),
        ({"placements": [{"id": "row", "slots": 0}]}, "placements[0].slots"),
        ({"placements": [{"id": "row", "slots": 1.5}]}, "placements[0].slots"),
        ({"placements": [{"id": "row", "slots": "2"}]}, "placements[0].slots"),
        ({"placements": [{"id": "row", "slots": 2**70}]}, "placements[0].slots"),
        ({"placements": [{"id": "row", "exclude": [1]}]}, "placements[0].exclude[0]"),
        ({"placements": ["hero"], "anonymousId": True}, "anonymousId"),
        ({"placements": ["hero"], "anonymousId": "x" * 257}, "anonymousId"),
        ({"placements": ["hero"], "userId": "a\0"}, "userId"),
        ({"placements": ["hero"], "consent": "maybe"}, "consent"),
        ({"placements": ["hero"], "context": []}, "context"),
        ({"placements": ["hero"], "context": {"page": "x"}}, "context.page"),
        ({"placements": ["hero"], "context": {"page": {"url": 1}}}, "context.page.url"),
        ({"placements": ["hero"], "context": {"data": {"a": {"b": "\0"}}}}, "context.data.a.b"),
        ({"placements": ["hero"], "context": {"data": {"n": 2**64}}}, "context.data.n"),
        ({"placements": ["hero"], "context": {"data": {"n": "x" * 1025}}}, "context.data.n"),
        ({"placements": ["hero"], "context": {"data": {"n": list(range(300))}}}, "context.data"),
        ({"placements": ["hero"], "writeKey": ["default"]}, "writeKey"),
    ],
)
async def test_invalid_body_is_refused_with_the_path_of_the_problem(
    server: Server, body: dict[str, Any], path: str
) -> None:
    response = await server.post("/v1/decide", body)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["code"] == "invalid_request"
    assert [detail["path"] for detail in error["details"]] == [path]
    assert error["details"][0]["message"] in error["message"]


async def test_request_without_placements_does_not_use_the_store(server: Server, valkey: Valkey) -> None:
    before = len(await logged(valkey.url, "hero"))
    valkey.freeze()
    try:
        response = await server.post("/v1/decide", {"placements": [], "anonymousId": "a1"})
    finally:
        valkey.thaw()
    assert (response.status_code, response.json()) == (200, {"anonymousId": "a1", "decisions": []})
    assert len(await logged(valkey.url, "hero")) == before


async def test_empty_ids_and_unknown_fields_are_ignored(server: Server, valkey: Valkey) -> None:
    await decide(server, "hero", anonymousId="", userId="", later={"more": 1})
    assert (await logged(valkey.url, "hero"))[-1].visitor == ()


async def test_unresponsive_store_leaves_the_baseline(store_url: str, valkey: Valkey) -> None:
    async with serve(store_url, decide_budget=40) as server:
        await decide(server, "hero", anonymousId="a1")
        valkey.freeze()
        try:
            hero, row, missing = await decide(server, "hero", {"id": "row", "slots": 1}, "nope", anonymousId="a1")
        finally:
            valkey.thaw()
    assert (hero["action"], hero["group"], hero["decisionId"]) == ("plain", "fallback", None)
    assert ([slot["action"] for slot in row["slots"]], row["group"]) == (["sku-1"], "fallback")
    assert missing["group"] == "none"


async def test_control_group_is_stable_and_gets_the_baseline(store_url: str) -> None:
    async with serve(store_url, {"hero.toml": HERO.replace("share = 0.0", "share = 0.5")}) as server:
        first = [(await decide(server, "hero", anonymousId=f"a{number}"))[0] for number in range(20)]
        again = [(await decide(server, "hero", anonymousId=f"a{number}"))[0] for number in range(20)]
    assert {decision["group"] for decision in first} == {"control", "policy"}
    assert [decision["group"] for decision in again] == [decision["group"] for decision in first]
    for decision in (*first, *again):
        assert decision["decisionId"] is not None
        if decision["group"] == "control":
            assert (decision["action"], decision["propensity"]) == ("plain", 1.0)


async def test_decision_ids_stay_valid_when_a_worker_is_replaced(store_url: str) -> None:
    async with serve(store_url) as server:
        (decision,) = await decide(server, "hero")
    async with serve(store_url) as server:
        message = {"type": "track", "event": "$click", "properties": {"decisionId": decision["decisionId"]}}
        response = await server.post("/v1/batch", {"batch": [message]})
    assert response.json() == {"success": True, "accepted": 1, "rejected": []}


async def test_write_key_selects_the_site(store_url: str) -> None:
    files = {f"{site}/{name}": text for site in ("one", "two") for name, text in SHOP.items()}
    files |= {f"{site}/site.toml": f'name = "{site}"\nwrite_key = "key-{site}"' for site in ("one", "two")}
    files["two/hero.toml"] = HERO.replace('"Welcome"', '"Hello"').replace('"Save 10%"', '"Hello"')
    async with serve(store_url, files) as server:
        (one,) = await decide(server, "hero", writeKey="key-one")
        (two,) = await decide(server, "hero", writeKey="key-two")
        assert one["payload"]["headline"] != "Hello"
        assert two["payload"]["headline"] == "Hello"
        unnamed: httpx.Response = await server.client.post("/v1/decide", json={"placements": ["hero"]}, headers=BEARER)
        assert unnamed.status_code == 400
        assert unnamed.json()["error"]["message"] == "Missing writeKey. Send the key of one of the 2 sites."
        foreign = {"type": "track", "event": "$click", "properties": {"decisionId": one["decisionId"]}}
        response = await server.post("/v1/batch", {"batch": [foreign], "writeKey": "key-two"})
    assert response.json()["rejected"][0]["code"] == "unknown_decision"
