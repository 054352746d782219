"""What who debugs is told, and that nothing is left of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgewise.decisions.explanation import ActionExplanation, Explanation
from edgewise.decisions.preview_token import Preview
from edgewise.decisions.request import PlacementRequest, Visitor
from edgewise.policies.policy import Action, Cap, Explore, Policy, Reward
from edgewise.store import Store
from edgewise.visitors.message import Message
from tests.decisions.test_service import SOMEONE, Service, told
from tests.learner.published_policy import learner, settle
from tests.valkey import Valkey

DEBUG = Preview(None, None)
ONE = Preview("hero", "deal")
ACTIONS = (
    Action("plain"),
    Action("deal"),
    Action("off", enabled=False),
    Action("over", ends=1_000),
    Action("coming", starts=3_000),
    Action("unwanted"),
    Action("pop-up", cap=Cap(1, "session")),
    Action("mobile", when={"device.type": "mobile"}),
)
POLICY = Policy("hero", ACTIONS, ("plain",), control_share=0.0, reward=Reward(window=20))


@pytest.fixture
async def service(store: Store) -> Service:
    service = Service(store)
    await service.serve(POLICY)
    return service


async def explanation(service: Service, visitor: Visitor = SOMEONE, **context: object) -> Explanation:
    asked = PlacementRequest("hero", exclude=("unwanted",))
    (answer,) = await service.decide(asked, visitor=visitor, now=2_000, preview=DEBUG, **context)
    assert answer.decision_id is None
    assert answer.explanation is not None
    return answer.explanation


async def test_each_action_has_its_propensity_or_what_speaks_against_it(service: Service) -> None:
    assert (await explanation(service)).actions == (
        ActionExplanation("plain", 1 / 3, None),
        ActionExplanation("deal", 1 / 3, None),
        ActionExplanation("off", None, "off"),
        ActionExplanation("over", None, "time"),
        ActionExplanation("coming", None, "time"),
        ActionExplanation("unwanted", None, "excluded"),
        ActionExplanation("pop-up", 1 / 3, None),
        ActionExplanation("mobile", None, "condition"),
    )
    on_a_phone = {one.id: one.refused for one in (await explanation(service, device={"type": "mobile"})).actions}
    assert on_a_phone["mobile"] is None
    assert await service.logged() == []


async def test_who_debugs_sees_what_the_visitor_has_seen_too_often_and_counts_nothing(service: Service) -> None:
    async def refused() -> str | None:
        return next(one.refused for one in (await explanation(service)).actions if one.id == "pop-up")

    await service.serve(replace(POLICY, actions=(ACTIONS[0], ACTIONS[6])))
    assert [await refused() for _ in range(5)] == [None] * 5, "looking at it is no showing of it"
    while await refused() is None:
        await service.decide()
    assert await refused() == "seen"
    stranger = await explanation(service, Visitor("a1", None, consent="denied"))
    assert stranger.actions[1] == ActionExplanation("pop-up", None, "seen"), "what cannot be counted is not shown"


async def test_a_choice_that_sticks_is_shown_to_who_debugs_and_none_sticks_because_of_them(service: Service) -> None:
    many = tuple(Action(f"action-{number}") for number in range(40))
    await service.serve(replace(POLICY, actions=many, baseline=("action-0",), sticky="session"))

    async def seen() -> str | None:
        (answer,) = await service.decide(preview=DEBUG)
        assert (answer.decision_id, answer.group) == (None, "policy")
        return answer.slots[0].action

    assert len({await seen() for _ in range(20)}) > 1
    (drawn,) = await service.decide()
    assert {await seen() for _ in range(20)} == {drawn.slots[0].action}


async def test_the_propensities_are_those_of_the_model_whatever_group_the_visitor_is_in(service: Service) -> None:
    # Greedy but for the floor: with three of four eligible actions, one has nearly all of it.
    policy = replace(POLICY, actions=ACTIONS[:2], control_share=0.9, explore=Explore(algorithm="epsilon", floor=0.1))
    await service.serve(policy)
    assert (await explanation(service)).model_age is None
    for number in range(30):
        (answer,) = await service.decide(visitor=Visitor(f"visitor-{number}", None))
        assert answer.decision_id is not None
        await service.stage.report(service.ids.read(answer.decision_id).key, "$click")
    checkpoint = await settle(service.store, learner(service.store))
    await service.follower.refresh()
    (answer,) = await service.decide(preview=DEBUG)
    assert answer.explanation is not None
    assert answer.model_version == checkpoint.model_version
    assert answer.explanation.model_age is not None
    assert 0 <= answer.explanation.model_age < 600_000
    weights = [one.propensity or 0.0 for one in answer.explanation.actions]
    assert sum(weights) == pytest.approx(1.0)
    assert weights[0] != pytest.approx(weights[1]), "it has learned something"


async def test_a_policy_that_is_switched_off_says_so(service: Service) -> None:
    await service.serve(replace(POLICY, enabled=False))
    (answer,) = await service.decide(preview=DEBUG)
    assert answer.explanation is not None
    assert (answer.group, answer.explanation.enabled, answer.explanation.mode) == ("none", False, "online")


async def test_who_debugs_is_told_as_the_visitor_that_they_are(service: Service) -> None:
    back = Action("back", when={"visitor.orders": {"$gte": 1}})
    await service.serve(replace(POLICY, actions=(ACTIONS[0], back)))
    await told(service, Message("track", "m1", "a1", event="Order Completed"))
    assert (await explanation(service)).actions[1].refused is None
    assert (await explanation(service, Visitor("another", None))).actions[1].refused == "condition"


@pytest.mark.parametrize("preview", [ONE, DEBUG])
async def test_a_preview_is_shown_though_the_store_does_not_answer(preview: Preview) -> None:
    server = Valkey()
    store = await Store.connect(server.url, patience=0.05)
    try:
        service = Service(store)
        await service.serve(POLICY)
        server.kill()
        asked = (PlacementRequest("hero", action="deal" if preview.debug else None), PlacementRequest("nowhere"))
        shown, nothing = await service.decide(*asked, preview=preview)
        assert (shown.group, shown.slots[0].action, shown.decision_id) == ("preview", "deal", None)
        assert (nothing.group, nothing.slots[0].action) == ("none", None)
        if preview.debug:
            assert shown.explanation is not None
            assert shown.explanation.actions[0] == ActionExplanation("plain", None, None)
            (other,) = await service.decide(preview=preview)
            assert (other.group, other.slots[0].action) == ("fallback", "plain")
            assert other.explanation == shown.explanation
    finally:
        await store.close()
        server.close()
