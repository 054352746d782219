"""The decision worker on a real store: logged results, rules of policies, and fallbacks."""

from __future__ import annotations

import asyncio
import itertools
import time
from array import array
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from edgewise.bandit.model import ActionExamples
from edgewise.decisions import service
from edgewise.decisions.request import PlacementRequest, Visitor
from edgewise.decisions.result import SlotResult
from edgewise.entries import SlotChoice
from edgewise.ids.visitor import visitor_digests
from edgewise.policies.compiled_policy import encode_policy, version_of
from edgewise.policies.policy import Action, Explore, Features, Pin, Policy
from edgewise.serving import on_demand_loader
from edgewise.serving.served_site import ServedPlacement
from edgewise.statistics import RewardTally, Statistics
from edgewise.store import Checkpoint, Command, Store
from edgewise.types import PolicyRef
from tests.decisions.worker import ACTIONS, POLICY, ROW, VISITOR, Worker
from tests.learner.published_policy import learner, settle
from tests.valkey import Valkey

BUDGET = 0.05


async def test_the_result_is_the_logged_decision(worker: Worker) -> None:
    (result,) = await worker.decide(device={"type": "mobile"})
    (entry,) = await worker.logged()
    assert result.group == entry.group == "policy"
    assert result.decision_id is not None
    assert worker.ids.read(result.decision_id).key == entry.key
    assert result.slots[0].action == ACTIONS[entry.slots[0].chosen].id
    assert result.slots[0].propensity == pytest.approx(1 / 3)
    assert entry.context == "shared |d type=mobile"
    assert entry.visitor == visitor_digests("a1", None)
    assert result.policy_version == entry.version.hex()


async def test_crossed_attributes_are_in_the_logged_context(worker: Worker) -> None:
    await worker.serve(replace(POLICY, features=Features(cross=(("data.plan", "device.type"),))))
    await worker.decide(device={"type": "mobile"}, data={"plan": "pro"})
    (entry,) = await worker.logged()
    assert entry.context == "shared |d type=mobile |x plan=pro |c data.plan%xdevice.type=pro%xmobile"


async def test_ineligible_and_excluded_actions_are_never_shown(worker: Worker) -> None:
    asked = [PlacementRequest("hero", exclude=("second",))] * 30
    results = await worker.decide(*asked, device={"type": "desktop"})
    assert {result.slots[0].action for result in results} == {"plain"}
    assert all(entry.eligible == (0,) for entry in await worker.logged())


async def test_an_unknown_placement_and_one_without_eligible_actions_get_no_action(worker: Worker) -> None:
    everything = tuple(action.id for action in ACTIONS)
    results = await worker.decide(PlacementRequest("nowhere"), PlacementRequest("hero", exclude=everything))
    assert [(result.group, result.decision_id, result.slots[0].action) for result in results] == [
        ("none", None, None)
    ] * 2
    assert await worker.logged() == []


async def test_a_row_fills_the_requested_slots_without_repeats(worker: Worker) -> None:
    await worker.serve(ROW)
    both, one, many = await worker.decide(
        PlacementRequest("hero"), PlacementRequest("hero", slots=1), PlacementRequest("hero", slots=9)
    )
    assert [len(result.slots) for result in (both, one, many)] == [2, 1, 2]
    assert both.row
    assert both.slots[0].action != both.slots[1].action
    assert both.decision_id is not None
    assert worker.ids.read(both.decision_id).slots == 2


async def test_the_control_group_always_gets_the_baseline(worker: Worker) -> None:
    await worker.serve(replace(POLICY, control_share=0.3))
    groups: dict[str, set[str]] = {}
    for _ in range(3):
        for number in range(40):
            (result,) = await worker.decide(visitor=Visitor(f"visitor {number}", None))
            groups.setdefault(f"visitor {number}", set()).add(result.group)
            if result.group == "control":
                assert (result.slots[0].action, result.slots[0].propensity) == ("plain", 1.0)
    assert all(len(seen) == 1 for seen in groups.values()), "a visitor stays in their group"
    share = sum(seen == {"control"} for seen in groups.values()) / len(groups)
    assert 0.1 < share < 0.5
    assert {entry.group for entry in await worker.logged()} == {"policy", "control"}


async def test_an_apprentice_shows_the_baseline_and_logs_it_as_eligible(worker: Worker) -> None:
    await worker.serve(replace(POLICY, explore=Explore(mode="apprentice")))
    (result,) = await worker.decide(PlacementRequest("hero", exclude=("plain",)), device={"type": "desktop"})
    assert (result.group, result.slots[0].action, result.slots[0].propensity) == ("policy", "plain", 1.0)
    (entry,) = await worker.logged()
    assert entry.eligible == (0, 1), "the learner needs the shown action among the eligible ones"


async def test_decisions_use_the_learned_model(worker: Worker) -> None:
    for number in range(200):
        key = await worker.published.decide("shared |d type=mobile", chosen=number % 2)
        await worker.published.report(key, "$click" if number % 2 else "$impression")
    await settle(worker.store, learner(worker.store))
    worker.follower.sites["shop"].placements["hero"].last_requested_at = 1e18
    await worker.follower.refresh()
    results = [(await worker.decide(visitor=Visitor(None, None), device={"type": "mobile"}))[0] for _ in range(40)]
    assert sum(result.slots[0].action == "second" for result in results) > 20
    assert {result.model_version for result in results} == {
        worker.follower.sites["shop"].placements["hero"].model_version
    }


async def test_a_call_waits_for_a_model_that_is_not_loaded(worker: Worker) -> None:
    for number in range(60):
        key = await worker.published.decide("shared |d type=mobile", chosen=number % 2)
        await worker.published.report(key, "$click" if number % 2 else "$impression")
    await settle(worker.store, learner(worker.store))
    await worker.follower.refresh()
    placement = worker.follower.sites["shop"].placements["hero"]
    assert not placement.is_loaded
    results = await asyncio.gather(*(worker.decide(device={"type": "mobile"}) for _ in range(4)))
    assert placement.is_loaded
    assert {result.group for (result,) in results} == {"policy"}
    assert {result.model_version for (result,) in results} == {placement.model_version}
    decided = [entry for entry in await worker.logged() if entry.model_version]
    assert len(decided) == 4
    assert all(entry.slots[0].propensities != array("f", [1 / 3] * 3) for entry in decided)


async def test_a_model_that_is_not_loaded_in_time_means_the_baseline_and_not_a_uniform_draw(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    await worker.serve(POLICY)
    may_answer = asyncio.Event()
    read_all = worker.store.checkpoints.read_all

    async def read_late(refs: Sequence[PolicyRef]) -> dict[PolicyRef, Checkpoint]:
        await may_answer.wait()
        return await read_all(refs)

    monkeypatch.setattr(worker.store.checkpoints, "read_all", read_late)
    monkeypatch.setattr(worker.decisions, "budget", 0.05)
    (late,) = await worker.decide()
    assert (late.group, late.slots[0].action, late.decision_id) == ("fallback", "plain", None)
    assert await worker.logged() == []
    may_answer.set()
    monkeypatch.undo()
    (result,) = await worker.decide()
    assert result.group == "policy"


@pytest.mark.parametrize(("load_within", "group"), [(30.0, "policy"), (0.01, "fallback")])
async def test_loading_a_model_has_a_time_limit_beside_the_budget_for_the_store(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, load_within: float, group: str
) -> None:
    await worker.serve(POLICY)
    placement = worker.follower.sites["shop"].placements["hero"]
    load_from = ServedPlacement.load_from

    async def load_late(self: ServedPlacement, checkpoint: Checkpoint | None) -> None:
        await asyncio.sleep(0.2)
        await load_from(self, checkpoint)

    monkeypatch.setattr(ServedPlacement, "load_from", load_late)
    monkeypatch.setattr(on_demand_loader, "LOAD_WITHIN", load_within)
    monkeypatch.setattr(worker.decisions, "budget", 0.1)
    (result,) = await worker.decide()
    assert (result.group, placement.is_loaded) == (group, group == "policy")


async def test_models_load_once_for_all_calls_and_other_calls_go_on_meanwhile(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A policy with many actions is parsed in steps."""
    actions = (ACTIONS[0], *(Action(f"action {number}") for number in range(400)))
    await worker.serve(replace(POLICY, actions=actions))
    turns, parsed = 0, 0
    extend = ActionExamples.extend

    def count(self: ActionExamples, actions: Sequence[Action]) -> None:
        nonlocal parsed
        parsed += len(actions)
        extend(self, actions)

    monkeypatch.setattr(ActionExamples, "extend", count)

    async def other_calls() -> None:
        nonlocal turns
        while not worker.follower.sites["shop"].placements["hero"].is_loaded:
            await asyncio.sleep(0)
            turns += 1

    results = await asyncio.gather(worker.decide(), worker.decide(), other_calls())
    assert [result[0].group for result in results[:2]] == ["policy", "policy"]
    assert parsed == len(actions)
    assert turns >= 8


async def test_a_disabled_policy_shows_the_baseline_and_logs_nothing(worker: Worker) -> None:
    await worker.serve(replace(POLICY, enabled=False, pins=(Pin("second"),)))
    (result,) = await worker.decide()
    (shown,) = result.slots
    assert (result.group, result.decision_id, shown.action, shown.propensity) == ("none", None, "plain", None)
    assert shown.payload == {"headline": "Welcome"}
    assert await worker.logged() == []


async def test_disabled_and_ended_actions_are_never_shown(worker: Worker) -> None:
    off, over = Action("off", enabled=False), Action("over", ends=1000)
    await worker.serve(replace(POLICY, actions=(ACTIONS[0], off, over), pins=(Pin("off"), Pin("over"))))
    results = await worker.decide(*[PlacementRequest("hero")] * 20, now=1000)
    assert {(result.group, result.slots[0].action, result.slots[0].propensity) for result in results} == {
        ("policy", "plain", 1.0)
    }
    results = await worker.decide(*[PlacementRequest("hero")] * 5, now=999)
    assert {(result.group, result.slots[0].action) for result in results} == {("pinned", "over")}


@pytest.mark.parametrize("policy", [POLICY, replace(POLICY, control_share=0.9)])
async def test_a_pin_comes_before_the_control_group_and_is_logged_as_pinned(worker: Worker, policy: Policy) -> None:
    await worker.serve(replace(policy, pins=(Pin("second", {"page.type": "recall"}),)))
    results = [(await worker.decide(visitor=Visitor(f"v{n}", None), page={"type": "recall"}))[0] for n in range(20)]
    assert all((result.group, result.slots) == ("pinned", (SlotResult("second", {}, 1.0),)) for result in results)
    assert all(result.decision_id for result in results)
    for entry in await worker.logged():
        assert (entry.group, entry.eligible, entry.slots) == ("pinned", (0, 1), (SlotChoice(1, array("f")),))
    (result,) = await worker.decide(page={"type": "home"})
    assert result.group in ("policy", "control")


async def test_a_pin_takes_the_first_slot_of_a_row(worker: Worker) -> None:
    await worker.serve(replace(ROW, actions=(*ACTIONS[:2], Action("third")), pins=(Pin("third"),)))
    results = await worker.decide(*[PlacementRequest("hero")] * 30)
    assert all(result.slots[0] == SlotResult("third", {}, 1.0) for result in results)
    assert {(result.slots[1].action, result.slots[1].propensity) for result in results} == {
        ("plain", 0.5),
        ("second", 0.5),
    }


async def test_a_pinned_decision_is_counted_and_not_learned(worker: Worker) -> None:
    await worker.serve(replace(POLICY, pins=(Pin("second", {"page.type": "recall"}),)))
    for page in ("recall", "home", "recall"):
        (result,) = await worker.decide(page={"type": page})
        assert result.decision_id is not None
        await worker.published.report(worker.ids.read(result.decision_id).key, "$click")
    statistics = Statistics.decode((await settle(worker.store, learner(worker.store))).statistics)
    assert (statistics.decisions, statistics.pinned_decisions, statistics.learned) == (3, 2, 1)
    assert (statistics.pinned, statistics.policy.seen, statistics.unlearned) == (RewardTally(2, 2.0), 1, 2)
    assert sum(tally.seen for tally in statistics.actions.values()) == 1


@pytest.fixture
async def fragile() -> AsyncIterator[tuple[Worker, Valkey]]:
    """A worker whose store can be frozen and killed."""
    server = Valkey()
    store = await Store.connect(server.url, patience=BUDGET)
    worker = Worker(store, BUDGET)
    await worker.serve(POLICY)
    await worker.decide()
    yield worker, server
    await store.close()
    server.close()


@pytest.mark.parametrize("visitor", [VISITOR, Visitor(None, None)])
async def test_a_hanging_store_delays_one_call_by_its_budget_and_later_ones_not_at_all(
    fragile: tuple[Worker, Valkey], visitor: Visitor
) -> None:
    worker, server = fragile
    server.freeze()
    try:
        began = time.perf_counter()
        (result,) = await worker.decide(visitor=visitor)
        assert time.perf_counter() - began < worker.store._client.reply_timeout / 2
        assert (result.group, result.decision_id, result.slots[0].action) == ("fallback", None, "plain")
        assert result.slots[0].payload == {"headline": "Welcome"}
        began = time.perf_counter()
        results = [(await worker.decide(visitor=visitor))[0] for _ in range(50)]
        assert {result.group for result in results} == {"fallback"}
        assert time.perf_counter() - began < 50 * BUDGET / 2
    finally:
        server.thaw()
    await _wait_for_decisions(worker)


async def test_decisions_resume_after_the_store_restarts_empty(fragile: tuple[Worker, Valkey]) -> None:
    worker, server = fragile
    server.kill()
    (result,) = await worker.decide()
    assert result.group == "fallback"
    server.restart()
    await worker.serve(POLICY)
    await _wait_for_decisions(worker)


async def _wait_for_decisions(worker: Worker) -> None:
    async with asyncio.timeout(60):
        while (await worker.decide(visitor=Visitor(None, None)))[0].group == "fallback":
            await worker.store.ping()


async def test_an_edit_during_a_call_does_not_change_its_decision(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = {
        version_of(encode_policy(policy)): policy for policy in (POLICY, replace(POLICY, actions=ACTIONS[::-1]))
    }
    submit = worker.store.pipeline.submit
    edits = itertools.cycle(reversed(versions.values()))

    async def edit_after(reply: asyncio.Future[Any]) -> Any:
        result = await reply
        await worker.serve(next(edits))
        return result

    def submit_and_edit(command: Command, deadline: float) -> asyncio.Future[Any]:
        return asyncio.ensure_future(edit_after(submit(command, deadline)))

    monkeypatch.setattr(worker.store.pipeline, "submit", submit_and_edit)
    shown = [(result.policy_version, result.slots[0].action) for _ in range(9) for result in await worker.decide()]
    monkeypatch.undo()
    logged = [
        (entry.version.hex(), versions[entry.version].actions[entry.slots[0].chosen].id)
        for entry in await worker.logged()
    ]
    assert shown == logged


async def test_placements_beyond_the_most_actions_of_a_call_get_the_baseline(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_ACTIONS", 2 * len(ACTIONS))
    results = await worker.decide(*[PlacementRequest("hero")] * 5)
    assert [result.group for result in results] == ["policy"] * 2 + ["fallback"] * 3
    assert len(await worker.logged()) == 2
