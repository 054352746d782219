"""Explanations for the debugger. They log and count nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgewise.decisions.explanation import ActionExplanation, Explanation
from edgewise.decisions.preview_token import Preview
from edgewise.decisions.request import PlacementRequest, Visitor
from edgewise.decisions.service import DecisionService
from edgewise.policies.policy import Action, Algorithm, Cap, Explore, Policy, Reward
from edgewise.serving.log_times import LogTimes
from edgewise.store import Store
from edgewise.visitors.message import Message
from tests.decisions.worker import VISITOR, Worker, record
from tests.learner.published_policy import REF, learner, settle
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
async def worker(store: Store) -> Worker:
    worker = Worker(store)
    await worker.serve(POLICY)
    return worker


async def explanation(worker: Worker, visitor: Visitor = VISITOR, **context: object) -> Explanation:
    asked = PlacementRequest("hero", exclude=("unwanted",))
    (result,) = await worker.decide(asked, visitor=visitor, now=2_000, preview=DEBUG, **context)
    assert result.decision_id is None
    assert result.explanation is not None
    return result.explanation


async def test_each_action_has_a_propensity_or_a_reason(worker: Worker) -> None:
    assert (await explanation(worker)).actions == (
        ActionExplanation("plain", 1 / 3, None),
        ActionExplanation("deal", 1 / 3, None),
        ActionExplanation("off", None, "off"),
        ActionExplanation("over", None, "time"),
        ActionExplanation("coming", None, "time"),
        ActionExplanation("unwanted", None, "excluded"),
        ActionExplanation("pop-up", 1 / 3, None),
        ActionExplanation("mobile", None, "condition"),
    )
    on_a_phone = {one.id: one.refused for one in (await explanation(worker, device={"type": "mobile"})).actions}
    assert on_a_phone["mobile"] is None
    assert await worker.logged() == []


async def test_an_explanation_shows_reached_caps_and_counts_nothing(worker: Worker) -> None:
    async def refused() -> str | None:
        return next(one.refused for one in (await explanation(worker)).actions if one.id == "pop-up")

    await worker.serve(replace(POLICY, actions=(ACTIONS[0], ACTIONS[6])))
    assert [await refused() for _ in range(5)] == [None] * 5, "looking at it is no showing of it"
    while await refused() is None:
        await worker.decide()
    assert await refused() == "seen"
    stranger = await explanation(worker, Visitor("a1", None, consent="denied"))
    assert stranger.actions[1] == ActionExplanation("pop-up", None, "seen"), "what cannot be counted is not shown"


async def test_the_debugger_shows_sticky_choices_and_makes_none(worker: Worker) -> None:
    many = tuple(Action(f"action-{number}") for number in range(40))
    await worker.serve(replace(POLICY, actions=many, baseline=("action-0",), sticky="session"))

    async def seen() -> str | None:
        (result,) = await worker.decide(preview=DEBUG)
        assert (result.decision_id, result.group) == (None, "policy")
        return result.slots[0].action

    assert len({await seen() for _ in range(20)}) > 1
    (drawn,) = await worker.decide()
    assert {await seen() for _ in range(20)} == {drawn.slots[0].action}


@pytest.mark.parametrize("algorithm", ["epsilon", "auto"])
async def test_ratings_are_those_of_the_model_in_each_group(worker: Worker, algorithm: Algorithm) -> None:
    explore, reward = Explore(algorithm=algorithm, floor=0.1), replace(POLICY.reward, high=4.0, events={"$click": 4.0})
    await worker.serve(replace(POLICY, actions=ACTIONS[:2], control_share=0.9, explore=explore, reward=reward))
    assert (await explanation(worker)).model_age is None
    for number in range(200):
        (result,) = await worker.decide(visitor=Visitor(f"visitor-{number}", None))
        assert result.decision_id is not None
        outcome = "$click" if result.slots[0].action == "plain" else "$impression"
        await worker.published.report(worker.ids.read(result.decision_id).key, outcome)
    checkpoint = await settle(worker.store, learner(worker.store))
    await worker.follower.refresh()
    (result,) = await worker.decide(preview=DEBUG)
    assert result.explanation is not None
    assert result.model_version == checkpoint.model_version
    assert result.explanation.model_age is not None
    assert 0 <= result.explanation.model_age < 600_000
    weights = [one.propensity or 0.0 for one in result.explanation.actions]
    assert sum(weights) == pytest.approx(1.0)
    assert weights[0] != pytest.approx(weights[1]), "it has learned something"
    expected = [one.expected for one in result.explanation.actions]
    progress = result.explanation.progress
    if algorithm == "epsilon":
        assert (expected, progress) == ([None, None], None)
    else:
        assert progress is not None
        assert progress.conversions > 0
        plain, deal = expected
        assert plain is not None
        assert deal is not None
        assert 4 >= plain.high > plain.reward > max(1.5, deal.reward), "a click pays 4"
        assert plain.best > deal.best


async def test_an_explanation_shows_a_disabled_policy(worker: Worker) -> None:
    await worker.serve(replace(POLICY, enabled=False))
    (result,) = await worker.decide(preview=DEBUG)
    assert result.explanation is not None
    assert (result.group, result.explanation.enabled, result.explanation.mode) == ("none", False, "online")


async def test_an_explanation_is_for_the_visitor_of_the_call(worker: Worker) -> None:
    back = Action("back", when={"visitor.orders": {"$gte": 1}})
    await worker.serve(replace(POLICY, actions=(ACTIONS[0], back)))
    await record(worker, Message("track", "m1", "a1", event="Order Completed"))
    assert (await explanation(worker)).actions[1].refused is None
    assert (await explanation(worker, Visitor("another", None))).actions[1].refused == "condition"


@pytest.mark.parametrize("preview", [ONE, DEBUG])
async def test_a_preview_works_without_a_store(preview: Preview) -> None:
    server = Valkey()
    store = await Store.connect(server.url, patience=0.05)
    try:
        worker = Worker(store)
        await worker.serve(POLICY)
        server.kill()
        asked = (PlacementRequest("hero", action="deal" if preview.debug else None), PlacementRequest("nowhere"))
        shown, nothing = await worker.decide(*asked, preview=preview)
        assert (shown.group, shown.slots[0].action, shown.decision_id) == ("preview", "deal", None)
        assert (nothing.group, nothing.slots[0].action) == ("none", None)
        if preview.debug:
            assert shown.explanation is not None
            assert shown.explanation.actions[0] == ActionExplanation("plain", None, None)
            (other,) = await worker.decide(preview=preview)
            assert (other.group, other.slots[0].action) == ("fallback", "plain")
            assert other.explanation == shown.explanation
    finally:
        await store.close()
        server.close()


async def test_model_age_grows_while_the_log_is_ahead_of_the_clock(worker: Worker) -> None:
    seconds = [0.0]
    log_times = LogTimes(lambda: seconds[0])
    worker.decisions = DecisionService(worker.store, worker.ids, log_times, worker.decisions.budget)
    await worker.published.visit(3)
    await worker.published.advance_clock(3_600_000)
    checkpoint = await settle(worker.store, learner(worker.store))
    await worker.follower.refresh()
    log_times.observe(await worker.store.checkpoints.heads([REF]))
    seconds[0] = 90.0
    assert log_times.ahead(checkpoint.position) > 3_500_000
    assert (await explanation(worker)).model_age == 90_000
