"""Decisions against a real store: what is answered is what is logged, and the store's troubles stay the store's."""

from __future__ import annotations

import asyncio
import itertools
import time
from array import array
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from edgewise.decisions.preview_token import Preview
from edgewise.decisions.request import DecideCall, PlacementRequest, Visitor
from edgewise.decisions.result import PlacementResult, SlotResult
from edgewise.decisions.service import DecisionService
from edgewise.entries import Decision, SlotChoice, decode
from edgewise.events.recorder import Recorder
from edgewise.ids.decision import DecisionIds
from edgewise.ids.visitor import visitor_digests
from edgewise.policies.compiled import encode_policy, version_of
from edgewise.policies.policy import Action, Explore, Features, Pin, Policy, Reward
from edgewise.policies.segments import Segments
from edgewise.serving.follower import Follower
from edgewise.statistics import Statistics, Tally
from edgewise.store import Command, Store
from edgewise.types import BEGINNING, Condition
from edgewise.visitors.identity import Redirect
from edgewise.visitors.message import Message
from tests.learner.published_policy import REF, PublishedPolicy, learner, settle
from tests.valkey import Valkey

BUDGET = 0.05
SOMEONE = Visitor("a1", None)
ACTIONS = (
    Action("plain", payload={"headline": "Welcome"}),
    Action("second"),
    Action("mobile only", when={"device.type": "mobile"}),
)
POLICY = Policy("hero", ACTIONS, ("plain",), control_share=0.0, reward=Reward(window=20))
ROW = Policy("hero", ACTIONS, ("plain", "second"), slots=2, control_share=0.0)


class Service:
    """A decision service with its store. The default budget is long, because the test machine may be busy."""

    def __init__(self, store: Store, budget: float = 5.0) -> None:
        self.store = store
        self.stage = PublishedPolicy(store, POLICY)
        self.follower = Follower(store)
        self.ids = DecisionIds((b"k" * 32,))
        self.decisions = DecisionService(store, self.ids, budget)

    async def serve(self, policy: Policy, segments: Mapping[str, Condition] | None = None) -> None:
        await self.stage.publish(policy, segments)
        await self.follower.refresh()

    async def decide(
        self,
        *requests: PlacementRequest,
        visitor: Visitor = SOMEONE,
        now: int | None = None,
        preview: Preview | None = None,
        **context: Any,
    ) -> list[PlacementResult]:
        started = asyncio.get_running_loop().time()
        site, requests = self.follower.sites["shop"], requests or (PlacementRequest("hero"),)
        deadline = started + self.decisions.budget
        call = DecideCall(site, visitor, requests, context, started, deadline, now, preview)
        return await self.decisions.decide(call)

    async def logged(self) -> list[Decision]:
        page = (await self.store.log.read({REF: BEGINNING}, 1000))[REF]
        return [entry for _, data in page.entries if isinstance(entry := decode(data), Decision)]


@pytest.fixture
async def service(store: Store) -> Service:
    service = Service(store)
    await service.serve(POLICY)
    return service


async def test_what_is_answered_is_what_was_logged(service: Service) -> None:
    (answer,) = await service.decide(device={"type": "mobile"})
    (entry,) = await service.logged()
    assert answer.group == entry.group == "policy"
    assert answer.decision_id is not None
    assert service.ids.read(answer.decision_id).key == entry.key
    assert answer.slots[0].action == ACTIONS[entry.slots[0].chosen].id
    assert answer.slots[0].propensity == pytest.approx(1 / 3)
    assert entry.context == "shared |d type=mobile"
    assert entry.visitor == visitor_digests("a1", None)
    assert answer.policy_version == entry.version.hex()


async def test_an_ineligible_or_excluded_action_never_appears(service: Service) -> None:
    asked = [PlacementRequest("hero", exclude=("second",))] * 30
    answers = await service.decide(*asked, device={"type": "desktop"})
    assert {answer.slots[0].action for answer in answers} == {"plain"}
    assert all(entry.eligible == (0,) for entry in await service.logged())


async def test_a_placement_without_policy_and_one_without_eligible_action_get_nothing(service: Service) -> None:
    everything = tuple(action.id for action in ACTIONS)
    answers = await service.decide(PlacementRequest("nowhere"), PlacementRequest("hero", exclude=everything))
    assert [(answer.group, answer.decision_id, answer.slots[0].action) for answer in answers] == [
        ("none", None, None)
    ] * 2
    assert await service.logged() == []


async def test_a_row_is_filled_without_repeats_up_to_what_is_asked(service: Service) -> None:
    await service.serve(ROW)
    both, one, many = await service.decide(
        PlacementRequest("hero"), PlacementRequest("hero", slots=1), PlacementRequest("hero", slots=9)
    )
    assert [len(answer.slots) for answer in (both, one, many)] == [2, 1, 2]
    assert both.row
    assert both.slots[0].action != both.slots[1].action
    assert both.decision_id is not None
    assert service.ids.read(both.decision_id).slots == 2


async def test_the_control_group_always_gets_the_baseline_and_is_logged_as_such(service: Service) -> None:
    await service.serve(replace(POLICY, control_share=0.3))
    groups: dict[str, set[str]] = {}
    for _ in range(3):
        for number in range(40):
            (answer,) = await service.decide(visitor=Visitor(f"visitor {number}", None))
            groups.setdefault(f"visitor {number}", set()).add(answer.group)
            if answer.group == "control":
                assert (answer.slots[0].action, answer.slots[0].propensity) == ("plain", 1.0)
    assert all(len(seen) == 1 for seen in groups.values()), "a visitor stays in their group"
    share = sum(seen == {"control"} for seen in groups.values()) / len(groups)
    assert 0.1 < share < 0.5
    assert {entry.group for entry in await service.logged()} == {"policy", "control"}


async def test_an_apprentice_shows_only_the_baseline_and_is_learned_from(service: Service) -> None:
    await service.serve(replace(POLICY, explore=Explore(mode="apprentice")))
    (answer,) = await service.decide(PlacementRequest("hero", exclude=("plain",)), device={"type": "desktop"})
    assert (answer.group, answer.slots[0].action, answer.slots[0].propensity) == ("policy", "plain", 1.0)
    (entry,) = await service.logged()
    assert entry.eligible == (0, 1), "what is learned from is among the eligible"


async def test_without_consent_nothing_is_tied_to_a_person(service: Service) -> None:
    visitor = Visitor("a1", "u1", consent="denied")
    (answer,) = await service.decide(visitor=visitor, device={"type": "mobile"})
    (entry,) = await service.logged()
    assert answer.group == "policy"
    assert (entry.visitor, entry.context) == ((), "shared |d type=mobile")


async def test_decisions_follow_the_model_that_was_learned(service: Service) -> None:
    for number in range(200):
        key = await service.stage.decide("shared |d type=mobile", chosen=number % 2)
        await service.stage.report(key, "$click" if number % 2 else "$impression")
    await settle(service.store, learner(service.store))
    service.follower.sites["shop"].placements["hero"].last_requested_at = 1e18
    await service.follower.refresh()
    answers = [(await service.decide(visitor=Visitor(None, None), device={"type": "mobile"}))[0] for _ in range(40)]
    assert sum(answer.slots[0].action == "second" for answer in answers) > 20
    assert {answer.model_version for answer in answers} == {
        service.follower.sites["shop"].placements["hero"].model_version
    }


async def test_a_policy_that_is_switched_off_shows_the_baseline_and_logs_nothing(service: Service) -> None:
    await service.serve(replace(POLICY, enabled=False, pins=(Pin("second"),)))
    (answer,) = await service.decide()
    (shown,) = answer.slots
    assert (answer.group, answer.decision_id, shown.action, shown.propensity) == ("none", None, "plain", None)
    assert shown.payload == {"headline": "Welcome"}
    assert await service.logged() == []


async def test_an_action_that_is_off_or_over_never_appears(service: Service) -> None:
    off, over = Action("off", enabled=False), Action("over", ends=1000)
    await service.serve(replace(POLICY, actions=(ACTIONS[0], off, over), pins=(Pin("off"), Pin("over"))))
    answers = await service.decide(*[PlacementRequest("hero")] * 20, now=1000)
    assert {(answer.group, answer.slots[0].action, answer.slots[0].propensity) for answer in answers} == {
        ("policy", "plain", 1.0)
    }
    answers = await service.decide(*[PlacementRequest("hero")] * 5, now=999)
    assert {(answer.group, answer.slots[0].action) for answer in answers} == {("pinned", "over")}


@pytest.mark.parametrize("policy", [POLICY, replace(POLICY, control_share=0.9)])
async def test_a_pin_goes_before_the_control_group_and_is_logged_as_what_it_is(
    service: Service, policy: Policy
) -> None:
    await service.serve(replace(policy, pins=(Pin("second", {"page.type": "recall"}),)))
    answers = [(await service.decide(visitor=Visitor(f"v{n}", None), page={"type": "recall"}))[0] for n in range(20)]
    assert all((answer.group, answer.slots) == ("pinned", (SlotResult("second", {}, 1.0),)) for answer in answers)
    assert all(answer.decision_id for answer in answers)
    for entry in await service.logged():
        assert (entry.group, entry.eligible, entry.slots) == ("pinned", (0, 1), (SlotChoice(1, array("f")),))
    (answer,) = await service.decide(page={"type": "home"})
    assert answer.group in ("policy", "control")


async def test_a_pin_takes_the_first_slot_of_a_row_and_the_others_are_drawn(service: Service) -> None:
    await service.serve(replace(ROW, actions=(*ACTIONS[:2], Action("third")), pins=(Pin("third"),)))
    answers = await service.decide(*[PlacementRequest("hero")] * 30)
    assert all(answer.slots[0] == SlotResult("third", {}, 1.0) for answer in answers)
    assert {(answer.slots[1].action, answer.slots[1].propensity) for answer in answers} == {
        ("plain", 0.5),
        ("second", 0.5),
    }


async def test_what_was_pinned_is_counted_and_never_learned(service: Service) -> None:
    await service.serve(replace(POLICY, pins=(Pin("second", {"page.type": "recall"}),)))
    for page in ("recall", "home", "recall"):
        (answer,) = await service.decide(page={"type": page})
        assert answer.decision_id is not None
        await service.stage.report(service.ids.read(answer.decision_id).key, "$click")
    statistics = Statistics.decode((await settle(service.store, learner(service.store))).statistics)
    assert (statistics.decisions, statistics.pinned_decisions, statistics.learned) == (3, 2, 1)
    assert (statistics.pinned, statistics.policy.seen, statistics.unlearned) == (Tally(2, 2.0), 1, 2)
    assert sum(tally.seen for tally in statistics.actions.values()) == 1


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


async def test_segments_are_seen_by_conditions_and_features(service: Service) -> None:
    await service.serve(replace(FOR_NEW, features=Features(("visitor",))), SEGMENTS)
    await service.decide(device={"type": "mobile"})
    (entry,) = await service.logged()
    assert (entry.eligible, entry.context) == (None, "shared |v segments=new segments=phone")


async def test_an_edit_of_the_segments_alone_is_followed(service: Service) -> None:
    await service.serve(FOR_NEW, SEGMENTS)
    await service.decide()
    await service.serve(FOR_NEW, {"new": {"visitor.sessions": {"$gt": 1}}})
    await service.decide()
    assert [entry.eligible for entry in await service.logged()] == [None, (0,)]


async def test_nobody_without_consent_is_in_a_segment(service: Service) -> None:
    await service.serve(FOR_NEW, SEGMENTS)
    await service.decide(visitor=Visitor("a1", None, consent="denied"))
    assert [entry.eligible for entry in await service.logged()] == [(0,)]


@pytest.mark.parametrize(("policy", "asked"), [(POLICY, 1), (FOR_NEW, 1), (replace(FOR_NEW, actions=ACTIONS[:2]), 0)])
async def test_segments_are_looked_at_once_a_call_and_only_where_they_matter(
    service: Service, policy: Policy, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def of(self: Segments, attributes: Any) -> list[str]:
        calls.append(attributes)
        return []

    monkeypatch.setattr(Segments, "of", of)
    await service.serve(policy, SEGMENTS)
    await service.decide(PlacementRequest("hero"), PlacementRequest("hero"), PlacementRequest("nowhere"))
    assert len(calls) == asked


@pytest.fixture
async def shaky() -> AsyncIterator[tuple[Service, Valkey]]:
    """A service whose store can be frozen and killed."""
    server = Valkey()
    store = await Store.connect(server.url, patience=BUDGET)
    service = Service(store, BUDGET)
    await service.serve(POLICY)
    await service.decide()
    yield service, server
    await store.close()
    server.close()


@pytest.mark.parametrize("visitor", [SOMEONE, Visitor(None, None)])
async def test_a_store_that_hangs_costs_a_call_its_budget_and_the_next_ones_nothing(
    shaky: tuple[Service, Valkey], visitor: Visitor
) -> None:
    service, server = shaky
    server.freeze()
    try:
        began = time.perf_counter()
        (answer,) = await service.decide(visitor=visitor)
        assert time.perf_counter() - began < service.store._client.reply_timeout / 2
        assert (answer.group, answer.decision_id, answer.slots[0].action) == ("fallback", None, "plain")
        assert answer.slots[0].payload == {"headline": "Welcome"}
        began = time.perf_counter()
        answers = [(await service.decide(visitor=visitor))[0] for _ in range(50)]
        assert {answer.group for answer in answers} == {"fallback"}
        assert time.perf_counter() - began < 50 * BUDGET / 2
    finally:
        server.thaw()
    await _decides_again(service)


async def test_a_store_that_died_and_came_back_empty_is_decided_with_again(shaky: tuple[Service, Valkey]) -> None:
    service, server = shaky
    server.kill()
    (answer,) = await service.decide()
    assert answer.group == "fallback"
    server.restart()
    await service.serve(POLICY)
    await _decides_again(service)


async def _decides_again(service: Service) -> None:
    async with asyncio.timeout(60):
        while (await service.decide(visitor=Visitor(None, None)))[0].group == "fallback":
            await service.store.ping()


async def told(service: Service, *messages: Message) -> None:
    recorder = Recorder(service.store, service.ids, service.follower.find)
    assert await recorder.record(service.follower.sites["shop"], list(enumerate(messages)), None) == []


async def test_who_is_identified_is_known_by_either_id_and_on_every_device(service: Service) -> None:
    await service.serve(replace(POLICY, features=Features(("visitor",))))
    await told(
        service,
        Message("track", "m1", "phone", event="Order Completed"),
        Message("track", "m2", "laptop", event="Order Completed"),
        Message("identify", "m3", "phone", "ann"),
        Message("identify", "m4", "laptop", "ann"),
    )
    for visitor in (Visitor("phone", None), Visitor("laptop", None), Visitor(None, "ann"), Visitor("new", "ann")):
        await service.decide(visitor=visitor)
    lines = [entry.context for entry in await service.logged()]
    assert len(lines) == 4
    assert all(" orders=%n2" in line for line in lines)


async def test_an_identified_visitor_keeps_the_group_of_the_first_device_on_all_of_them(service: Service) -> None:
    await service.serve(replace(POLICY, control_share=0.5))
    for number in range(12):
        first, later, user = f"first-{number}", f"later-{number}", f"user-{number}"
        (before,) = await service.decide(visitor=Visitor(first, None))
        await told(service, Message("page", None, first), Message("identify", None, first, user))
        await told(service, Message("identify", None, later, user))
        for visitor in (Visitor(first, user), Visitor(later, user), Visitor(later, None), Visitor(None, user)):
            (after,) = await service.decide(visitor=visitor)
            assert after.group == before.group


async def test_a_history_that_is_half_moved_is_seen_whole(service: Service) -> None:
    await service.serve(replace(POLICY, features=Features(("visitor",))))
    await told(service, Message("track", "m1", "phone", event="Order Completed"))
    phone, user = visitor_digests("phone", "ann")
    frozen = await service.store.profiles.read("shop", phone)
    assert frozen is not None
    await service.store.profiles.compare_and_set("shop", phone, frozen, Redirect(user, frozen).encode(), 60_000)
    await service.decide(visitor=Visitor("phone", None))
    await told(service, Message("page", "m2", "phone"))
    await service.decide(visitor=Visitor(None, "ann"))
    assert [" orders=%n1" in entry.context for entry in await service.logged()] == [True, True]


async def test_an_edit_that_comes_while_a_call_waits_for_the_store_does_not_touch_its_decision(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = {
        version_of(encode_policy(policy)): policy for policy in (POLICY, replace(POLICY, actions=ACTIONS[::-1]))
    }
    submit = service.store.pipeline.submit
    edits = itertools.cycle(reversed(versions.values()))

    async def edited_meanwhile(reply: asyncio.Future[Any]) -> Any:
        answer = await reply
        await service.serve(next(edits))
        return answer

    def submit_and_edit(command: Command, deadline: float) -> asyncio.Future[Any]:
        return asyncio.ensure_future(edited_meanwhile(submit(command, deadline)))

    monkeypatch.setattr(service.store.pipeline, "submit", submit_and_edit)
    shown = [(answer.policy_version, answer.slots[0].action) for _ in range(9) for answer in await service.decide()]
    monkeypatch.undo()
    logged = [
        (entry.version.hex(), versions[entry.version].actions[entry.slots[0].chosen].id)
        for entry in await service.logged()
    ]
    assert shown == logged
