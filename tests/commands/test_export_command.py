"""The command `export`: stored data of one visitor or of all visitors."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from edgewise.entries import Decision, Event, Outcome, SlotChoice, encode
from edgewise.ids.visitor import VisitorIds, anonymous_digest, user_digest
from edgewise.learner.erasure import Eraser
from edgewise.privacy.access import VisitorData
from edgewise.store import Store
from edgewise.types import PolicyRef
from edgewise.webhooks.triggers import NO_TRIGGERS
from tests.commands.test_visitor_commands import edgewise
from tests.learner.published_policy import PublishedPolicy
from tests.servers import SHOP, serve, user
from tests.stored_bytes import read_store

REF = PolicyRef("shop", "hero")
POP_UP = """
placement = "pop-up"
baseline = "none"
sticky = "visitor"
explore = { floor = 1.0 }
control = { share = 0.0 }
reward = { window = "1s", impression_within = "10s" }

[[actions]]
id = "none"

[[actions]]
id = "letter"
cap = { count = 5, per = "day" }
not_after = ["Dismissed", "Subscribed"]
"""


async def exported(url: str, visitor: str, site: str) -> list[dict[str, Any]]:
    said = await edgewise(url, "export", "--visitor", visitor, "--site", site)
    assert said.exit_code == 0, said.output
    return [json.loads(line) for line in said.stdout.splitlines()]


async def test_export_of_a_visitor_has_everything_an_erasure_removes(store: Store, store_url: str) -> None:
    policy_log = PublishedPolicy(store)
    await policy_log.publish()
    ann, other = user_digest("ann"), user_digest("other")
    await VisitorData(store).set_traits("shop", VisitorIds(user_id="ann"), {"plan": "pro"}, NO_TRIGGERS)
    await VisitorData(store).set_traits("shop", VisitorIds(user_id="other"), {"plan": "free"}, NO_TRIGGERS)
    for visitor in (ann, other):
        key = visitor + b"key."
        slots = (SlotChoice(0, [0.5, 0.5]),)
        decision = Decision(key, policy_log.version, 3, "policy", (visitor,), "shared |x a=b", None, slots)
        event = Event((visitor,), "Order Completed", 5, b"message1")
        for entry in (decision, Outcome(key, 0, "$click", None, 0, b"message2"), event):
            await store.log.append(REF, encode(entry))
    said = await edgewise(store_url, "export", "--visitor", "ann")
    assert said.exit_code == 0, said.output
    unknown = await edgewise(store_url, "export", "--visitor", "an")
    assert (unknown.exit_code, unknown.stdout) == (0, "")
    assert unknown.stderr == "Site shop stores nothing about 'an'. Check the spelling.\n"
    profile, *log = map(json.loads, said.stdout.splitlines())
    assert profile["id"] == ann.hex()
    assert profile["profile"]["traits"]["plan"][1] == "pro"
    assert [(one["placement"], one["entry"]) for one in log] == [
        ("hero", "decision"),
        ("hero", "outcome"),
        ("hero", "event"),
    ]
    assert log[0]["slots"] == [{"chosen": 0, "propensities": [0.5, 0.5]}]
    assert log[1]["name"] == "$click"
    assert other.hex() not in said.stdout


async def test_export_of_all_visitors_writes_one_line_each(store: Store, store_url: str) -> None:
    await PublishedPolicy(store).publish()
    visitor_data = VisitorData(store)
    for start in range(0, 450, 50):
        some = range(start, start + 50)
        reported = (
            visitor_data.set_traits("shop", VisitorIds(user_id=f"user {n}"), {"n": n}, NO_TRIGGERS) for n in some
        )
        await asyncio.gather(*reported)
    await visitor_data.set_traits("elsewhere", VisitorIds(user_id="ann"), {"n": 1}, NO_TRIGGERS)
    said = await edgewise(store_url, "export", "--visitors", "--site", "shop")
    held: dict[str, Any] = {one["id"]: one["profile"] for one in map(json.loads, said.stdout.splitlines())}
    assert {profile["traits"]["n"][1] for profile in held.values()} == set(range(450))
    assert held.keys() == {user_digest(f"user {n}").hex() for n in range(450)}


@pytest.mark.parametrize("arguments", [(), ("--visitor", "ann", "--visitors")])
async def test_export_needs_visitor_or_visitors(store_url: str, arguments: tuple[str, ...]) -> None:
    said = await edgewise(store_url, "export", *arguments)
    assert said.exit_code == 2
    assert "Pass either --visitor ID or --visitors." in said.output


async def test_exposure_is_exported_and_erased(store: Store, store_url: str) -> None:
    async with serve(store_url, {**SHOP, "pop-up.toml": POP_UP}) as server:
        who, letter = {"anonymousId": "a1"}, {"id": "pop-up", "exclude": ["none"]}
        answer = await server.post("/v1/decide", {"placements": [letter], **who})
        (decision,) = answer.json()["decisions"]
        await server.post("/v1/decide", {"placements": [letter], **who})
        reported = {"type": "track", "event": "Dismissed", "properties": {"decisionId": decision["decisionId"]}, **who}
        await server.post("/v1/batch", {"batch": [reported, {"type": "track", "event": "Subscribed", **who}]})
    assert decision["action"] == "letter"
    lines = await exported(store_url, "a1", "default")
    shown = [{**one, "id": ""} for one in lines if "span" in one]
    key = next(one for one in lines if one.get("entry") == "decision")["key"]
    of_visitor = {"id": "", "placement": "pop-up", "span": "visitor"}
    assert {"id": "", "placement": "pop-up", "span": "day", "action": "letter", "shown": 2} in shown
    assert {**of_visitor, "decision": key, "actions": ["letter"]} in shown
    assert {**of_visitor, "notAgainAfter": "Dismissed", "action": "letter"} in shown
    assert {**of_visitor, "notAgainAfter": "Subscribed", "action": None} in shown
    (sticks,) = (one["sticks"] for one in shown if "sticks" in one)
    assert (sticks["key"], sticks["slots"]) == (key, [["letter", 1.0]])
    await VisitorData(store).erase("default", "a1", 0)
    assert [one for one in await exported(store_url, "a1", "default") if "entry" not in one] == []


async def test_device_known_only_from_decide_calls_is_exported_and_erased(store: Store, store_url: str) -> None:
    """Nobody identified in a message, so that no profile knows of it: the log does."""
    files = {**SHOP, "pop-up.toml": POP_UP}
    async with serve(store_url, files) as server:
        for ids in (
            {"anonymousId": "phone"},
            {"anonymousId": "phone", **user("ann")},
            {"anonymousId": "shared", **user("ann")},
            {"anonymousId": "shared", **user("ben")},
            {"anonymousId": "ben's", **user("ben")},
        ):
            await server.post("/v1/decide", {"placements": ["hero", "pop-up"], **ids})
        for who in ({"anonymousId": "phone"}, {**user("ben")}):
            await server.post("/v1/track", {"event": "Order Completed", **who})
    before = await exported(store_url, "ann", "default")
    entries = [one for one in before if "entry" in one]
    assert len([one for one in entries if one["entry"] == "decision"]) == 6, "a choice that sticks is logged once"
    assert [one["name"] for one in entries if one["entry"] == "event"] == ["Order Completed"]
    digests = [anonymous_digest("phone"), anonymous_digest("shared"), user_digest("ann")]
    assert {one["id"] for one in before if "span" in one} == {one.hex() for one in digests[:2]}
    assert [one["id"] for one in before if "profile" in one] == [anonymous_digest("phone").hex()]
    await VisitorData(store).erase("default", "ann", 0)
    await Eraser(store, lambda ref: None).run_once([PolicyRef("default", name) for name in ("hero", "row", "pop-up")])
    assert await exported(store_url, "ann", "default") == []
    pending = (await store.erasures.pending(["default"]))["default"]
    assert set(digests) <= set(pending.folding)
    await store.erasures.mark_folded("default", pending.folding)
    held = read_store(store_url)
    assert not [one for one in digests if one in held or one.hex().encode() in held]
    left = await exported(store_url, "ben", "default")
    assert len([one for one in left if one.get("entry") == "decision"]) == 2
    assert [one["id"] for one in left if "profile" in one] == [user_digest("ben").hex()]
