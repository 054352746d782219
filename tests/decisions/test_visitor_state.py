"""The visitor's state: segments, ids, moved profiles, consent and sensitive traits."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from edgewise.decisions.request import DecideCall, PlacementRequest, Visitor
from edgewise.decisions.visitor_state import load_visitor_state
from edgewise.ids.visitor import as_user, user_digest, visitor_digests
from edgewise.policies.policy import Action, Features, Policy
from edgewise.policies.segments import Segments
from edgewise.sites import decode_sites, encode_sites
from edgewise.store import Store
from edgewise.types import Condition
from edgewise.visitors import profile as profiles
from edgewise.visitors.identity import Redirect
from edgewise.visitors.message import Message
from tests.decisions.worker import ACTIONS, POLICY, VISITOR, Worker, record
from tests.eventually import eventually
from tests.servers import HERO, Server, serve, user

SEGMENTS: Mapping[str, Condition] = {
    "phone": {"device.type": "mobile"},
    "new": {"visitor.sessions": {"$lte": 1}},
    "regular": {"visitor.sessions": {"$gt": 5}},
}
FOR_NEW = Policy(
    "hero",
    (Action("plain"), Action("welcome", when={"visitor.segments": {"$in": ["new"]}})),
    ("plain",),
    control_share=0.0,
    features=Features(("device",)),
)
FILES = {"hero.toml": HERO + 'when = { "visitor.traits.gender" = "female" }\n'}
WHO = {"anonymousId": "phone", **user("ann")}


async def test_loading_the_state_does_not_change_the_context(worker: Worker) -> None:
    await worker.serve(FOR_NEW, SEGMENTS)
    context = {"device": {"type": "mobile"}}
    site, requests = worker.follower.sites["shop"], [PlacementRequest("hero")]
    now = asyncio.get_running_loop().time()
    state = await load_visitor_state(worker.store, DecideCall(site, VISITOR, requests, context, now, now + 5))
    assert state.attributes["visitor"]["segments"] == ["new", "phone"]
    assert context == {"device": {"type": "mobile"}}


async def test_conditions_and_features_use_segments(worker: Worker) -> None:
    await worker.serve(replace(FOR_NEW, features=Features(("visitor",))), SEGMENTS)
    await worker.decide(device={"type": "mobile"})
    (entry,) = await worker.logged()
    assert (entry.eligible, entry.context) == (None, "shared |v segments=new segments=phone")


async def test_an_edit_of_segments_applies_without_an_edit_of_policies(worker: Worker) -> None:
    await worker.serve(FOR_NEW, SEGMENTS)
    await worker.decide()
    await worker.serve(FOR_NEW, {"new": {"visitor.sessions": {"$gt": 1}}})
    await worker.decide()
    assert [entry.eligible for entry in await worker.logged()] == [None, (0,)]


async def test_a_visitor_without_consent_is_in_no_segment(worker: Worker) -> None:
    await worker.serve(FOR_NEW, SEGMENTS)
    await worker.decide(visitor=Visitor("a1", None, consent="denied"))
    assert [entry.eligible for entry in await worker.logged()] == [(0,)]


@pytest.mark.parametrize(("policy", "asked"), [(POLICY, 1), (FOR_NEW, 1), (replace(FOR_NEW, actions=ACTIONS[:2]), 0)])
async def test_segments_are_computed_once_a_call_if_a_policy_uses_them(
    worker: Worker, policy: Policy, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def of(self: Segments, attributes: Any) -> list[str]:
        calls.append(attributes)
        return []

    monkeypatch.setattr(Segments, "of", of)
    await worker.serve(policy, SEGMENTS)
    await worker.decide(PlacementRequest("hero"), PlacementRequest("hero"), PlacementRequest("nowhere"))
    assert len(calls) == asked


async def test_an_identified_visitor_is_recognized_by_each_id(worker: Worker) -> None:
    await worker.serve(replace(POLICY, features=Features(("visitor",))))
    await record(
        worker,
        Message("track", "m1", "phone", event="Order Completed"),
        Message("track", "m2", "laptop", event="Order Completed"),
        Message("identify", "m3", "phone", "ann"),
        Message("identify", "m4", "laptop", "ann"),
    )
    for visitor in (Visitor("phone", None), Visitor("laptop", None), Visitor(None, "ann"), Visitor("new", "ann")):
        await worker.decide(visitor=visitor)
    lines = [entry.context for entry in await worker.logged()]
    assert len(lines) == 4
    assert all(" orders=%n2" in line for line in lines)


async def test_an_identified_visitor_keeps_the_group_of_the_first_device(worker: Worker) -> None:
    await worker.serve(replace(POLICY, control_share=0.5))
    for number in range(12):
        first, later, user = f"first-{number}", f"later-{number}", f"user-{number}"
        (before,) = await worker.decide(visitor=Visitor(first, None))
        await record(worker, Message("page", None, first), Message("identify", None, first, user))
        await record(worker, Message("identify", None, later, user))
        for visitor in (Visitor(first, user), Visitor(later, user), Visitor(later, None), Visitor(None, user)):
            (after,) = await worker.decide(visitor=visitor)
            assert after.group == before.group


async def test_a_profile_in_the_middle_of_a_move_is_read_whole(worker: Worker) -> None:
    await worker.serve(replace(POLICY, features=Features(("visitor",))))
    await record(worker, Message("track", "m1", "phone", event="Order Completed"))
    phone, user = visitor_digests("phone", "ann")
    frozen = await worker.store.profiles.read("shop", phone)
    assert frozen is not None
    await worker.store.profiles.compare_and_set("shop", phone, frozen, Redirect(user, frozen).encode(), 60_000)
    await worker.decide(visitor=Visitor("phone", None))
    await record(worker, Message("page", "m2", "phone"))
    await worker.decide(visitor=Visitor(None, "ann"))
    assert [" orders=%n1" in entry.context for entry in await worker.logged()] == [True, True]


async def test_a_visitor_without_consent_has_no_profile_and_no_id_in_the_log(worker: Worker) -> None:
    visitor = Visitor("a1", "u1", consent="denied")
    (result,) = await worker.decide(visitor=visitor, device={"type": "mobile"})
    (entry,) = await worker.logged()
    assert result.group == "policy"
    assert (entry.visitor, entry.context) == ((), "shared |d type=mobile")


async def can_see_deal(server: Server) -> bool:
    result = await server.post("/v1/decide", {"placements": ["hero"], **WHO})
    return bool(result.json()["decisions"][0]["propensity"] < 1)


async def test_conditions_do_not_see_sensitive_traits(store: Store, store_url: str) -> None:
    async with serve(store_url, FILES) as server:
        record = {"type": "identify", "traits": {"gender": "female"}, **WHO}
        assert (await server.post("/v1/batch", {"batch": [record]})).json()["accepted"] == 1
        assert await can_see_deal(server)
        # A version of before the trait was named may be served still: `policy check` would refuse it by now.
        (site,) = decode_sites(await store.registry.sites())
        await store.registry.publish_sites(encode_sites([msgspec.structs.replace(site, sensitive=("gender",))]))

        async def is_hidden() -> bool:
            return not await can_see_deal(server)

        await eventually(is_hidden)
    stored = await store.profiles.read("default", user_digest("ann"))
    assert stored is not None
    assert profiles.decode(stored).traits["gender"][1] == "female"


async def test_a_visitor_behind_a_long_chain_of_aliases_gets_a_decision(worker: Worker) -> None:
    ids = [user_digest("ann"), *(as_user(number.to_bytes(8, "big")) for number in range(1100))]
    for id, to in itertools.pairwise(ids):
        await worker.store.profiles.compare_and_set("shop", id, None, Redirect(to, b"").encode(), 60_000)
    (result,) = await worker.decide(visitor=Visitor(None, "ann"))
    assert result.group == "policy"
    assert result.decision_id is not None
