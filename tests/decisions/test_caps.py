"""Caps and sticky choices, from several workers at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from math import sqrt
from time import time_ns
from typing import Any

import pytest

from edgewise.decisions.request import PlacementRequest, Visitor
from edgewise.ids.visitor import anonymous_digest
from edgewise.policies.policy import Action, Cap, Pin, Policy, Reward
from edgewise.store import Command, Store
from edgewise.store.exposures import UNKNOWN_TTL
from edgewise.store.keys import exposure
from edgewise.types import SPANS, Span
from edgewise.visitors.profile import Profile
from tests.decisions.worker import Worker, decide_concurrently, serve_policy, shown_actions
from tests.valkey import Valkey

PLAIN = Action("plain")
REWARD = Reward(window=20)
CAPPED = Policy("hero", (PLAIN, Action("pop-up", cap=Cap(3, "session"))), ("plain",), control_share=0.0, reward=REWARD)
STICKY = Policy(
    "hero",
    tuple(Action(id) for id in ("plain", "b", "c", "d", "e", "f", "g", "h")),
    ("plain",),
    control_share=0.0,
    reward=REWARD,
    sticky="session",
)


@pytest.mark.parametrize("span", SPANS)
async def test_a_cap_holds_for_concurrent_calls_of_two_workers(workers: list[Worker], span: Span) -> None:
    await serve_policy(
        workers, replace(CAPPED, actions=(PLAIN, Action("pop-up", cap=Cap(3, span))), pins=(Pin("pop-up"),))
    )
    results = await decide_concurrently(workers, 50)
    assert shown_actions(results) == {"pop-up": 3, "plain": 47}
    assert Counter(result.group for result in results) == {"pinned": 3, "policy": 47}
    assert shown_actions(await decide_concurrently(workers, 5, Visitor("another", None))) == {"pop-up": 3, "plain": 2}
    assert len(await workers[0].logged()) == 55


async def test_an_action_is_not_eligible_after_its_cap(workers: list[Worker]) -> None:
    await serve_policy(workers, CAPPED)
    results = await decide_concurrently(workers, 50)
    assert shown_actions(results)["pop-up"] == 3
    for entry in await workers[0].logged():
        assert (entry.eligible is None) == (len(entry.slots[0].propensities) == 2)
    assert {result.slots[0].propensity for result in await decide_concurrently(workers, 5)} == {1.0}


async def test_propensities_are_unbiased_for_concurrent_calls(workers: list[Worker]) -> None:
    """Each action is chosen in half of the decisions with both eligible, though many calls lost the last showing."""
    await serve_policy(workers, replace(CAPPED, actions=(PLAIN, Action("pop-up", cap=Cap(1, "session")))))
    await asyncio.gather(
        *(decide_concurrently(workers, 6, Visitor(f"visitor {number}", None)) for number in range(150))
    )
    free = [entry for entry in await workers[0].logged() if entry.eligible is None]
    popped = sum(entry.slots[0].chosen == 1 for entry in free)
    assert len(free) > 200
    assert abs(popped - len(free) / 2) < 4.5 * sqrt(len(free)) / 2


async def test_a_row_counts_each_of_its_actions(workers: list[Worker]) -> None:
    actions = (PLAIN, Action("other"), *(Action(id, cap=Cap(2, "day")) for id in ("x", "y", "z")))
    await serve_policy(workers, replace(CAPPED, actions=actions, baseline=("plain", "other"), slots=2))
    results = await decide_concurrently(workers, 40)
    counts = Counter(one.action for result in results for one in result.slots)
    assert [counts[id] for id in ("x", "y", "z")] == [2, 2, 2]
    assert all(len({one.action for one in result.slots}) == 2 for result in results)


async def test_an_unknown_visitor_never_sees_a_capped_action(workers: list[Worker]) -> None:
    await serve_policy(workers, CAPPED)
    for nobody in (Visitor(None, None), Visitor("a1", None, "denied")):
        assert shown_actions(await decide_concurrently(workers, 20, nobody)) == {"plain": 20}


async def test_a_policy_without_caps_sends_no_additional_commands(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Command] = []
    submit = worker.store.pipeline.submit

    def submit_and_record(command: Command, deadline: float) -> asyncio.Future[Any]:
        sent.append(command)
        return submit(command, deadline)

    monkeypatch.setattr(worker.store.pipeline, "submit", submit_and_record)
    await worker.decide()
    assert [command[0] for command in sent] == ["GET", "XADD"]


@pytest.fixture
async def worker(store: Store) -> Worker:
    worker = Worker(store)
    await worker.serve(replace(CAPPED, actions=(PLAIN, Action("other"))))
    return worker


@pytest.mark.parametrize("sticky", ["session", "visitor"])
@pytest.mark.parametrize("share", [0.0, 0.9])
async def test_a_sticky_choice_is_one_decision_for_all_calls(workers: list[Worker], sticky: Any, share: float) -> None:
    await serve_policy(workers, replace(STICKY, sticky=sticky, control_share=share))
    results = [*await decide_concurrently(workers, 30), *await decide_concurrently(workers, 3)]
    assert len(set(map(repr, results))) == 1
    (entry,) = await workers[0].logged()
    decision_id = results[0].decision_id
    assert decision_id is not None
    assert workers[1].ids.read(decision_id).key == entry.key
    assert results[0].slots[0].action == STICKY.actions[entry.slots[0].chosen].id
    assert results[0].slots[0].propensity == (1 / 8 if entry.group == "policy" else 1.0)


async def test_a_policy_that_is_not_sticky_draws_in_each_call(workers: list[Worker]) -> None:
    await serve_policy(workers, replace(STICKY, sticky="request"))
    assert len(shown_actions(await decide_concurrently(workers, 40))) > 1
    assert len(await workers[0].logged()) == 40


async def test_each_visitor_has_a_sticky_choice(workers: list[Worker]) -> None:
    await serve_policy(workers, STICKY)
    results = [await decide_concurrently(workers, 4, Visitor(f"v{number}", None)) for number in range(20)]
    assert all(len(shown_actions(one)) == 1 for one in results)
    assert len(shown_actions([one for several in results for one in several])) > 1


async def test_a_sticky_choice_is_replaced_when_it_is_excluded(workers: list[Worker]) -> None:
    await serve_policy(workers, STICKY)
    (first,) = await decide_concurrently(workers, 1)
    gone = first.slots[0].action
    assert gone is not None
    (again,) = await workers[1].decide(PlacementRequest("hero", exclude=(gone,)))
    assert again.slots[0].action != gone
    assert again.slots[0].propensity == pytest.approx(1 / 7)
    assert again.decision_id != first.decision_id
    assert {result.decision_id for result in await decide_concurrently(workers, 5)} == {again.decision_id}


async def test_a_sticky_choice_ends_with_its_action(workers: list[Worker]) -> None:
    await serve_policy(workers, replace(STICKY, actions=(PLAIN, Action("b")), pins=()))
    while shown_actions(await decide_concurrently(workers, 1, visitor := Visitor(str(time_ns()), None))) != {"b": 1}:
        pass
    await serve_policy(workers, replace(STICKY, actions=(PLAIN, Action("b", enabled=False))))
    assert shown_actions(await decide_concurrently(workers, 5, visitor)) == {"plain": 5}


async def test_a_pin_comes_before_a_sticky_choice_and_keeps_it(workers: list[Worker]) -> None:
    await serve_policy(workers, replace(STICKY, pins=(Pin("h", {"page.type": "recall"}),)))
    (before,) = await decide_concurrently(workers, 1)
    (pinned,) = await decide_concurrently(workers, 1, page={"type": "recall"})
    (after,) = await decide_concurrently(workers, 1)
    assert (pinned.group, pinned.slots[0].action) == ("pinned", "h")
    assert before == after


async def test_repeating_a_sticky_choice_counts_for_its_cap(workers: list[Worker]) -> None:
    capped = tuple(Action(id, cap=Cap(2, "visitor")) for id in ("a", "b"))
    await serve_policy(workers, replace(STICKY, actions=(PLAIN, *capped)))
    results = [*await decide_concurrently(workers, 10), *await decide_concurrently(workers, 10)]
    counts = shown_actions(results)
    assert counts["a"] in (0, 2)
    assert counts["b"] in (0, 2)
    assert len(await workers[0].logged()) == len(counts)


async def test_a_sticky_row_fills_the_requested_slots(workers: list[Worker]) -> None:
    await serve_policy(workers, replace(STICKY, slots=3, baseline=("plain", "b", "c")))
    (three,) = await workers[0].decide(PlacementRequest("hero"))
    (two,) = await workers[1].decide(PlacementRequest("hero", slots=2))
    assert two.slots == three.slots[:2]
    assert two.decision_id == three.decision_id
    (fewer,) = await workers[0].decide(PlacementRequest("hero", slots=1), visitor=Visitor("b", None))
    (more,) = await workers[0].decide(PlacementRequest("hero", slots=2), visitor=Visitor("b", None))
    assert (len(fewer.slots), len(more.slots)) == (1, 2)
    assert fewer.decision_id != more.decision_id


async def test_a_visitor_gets_the_baseline_after_too_many_lost_races(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await worker.serve(CAPPED)
    submit = worker.store.pipeline.submit
    attempts = 0

    async def refuse(reply: asyncio.Future[Any]) -> Any:
        nonlocal attempts
        attempts += 1
        await reply
        return [[]]

    def submit_and_refuse(command: Command, deadline: float) -> asyncio.Future[Any]:
        reply = submit(command, deadline)
        return asyncio.ensure_future(refuse(reply)) if command[0] == "EVALSHA" else reply

    monkeypatch.setattr(worker.store.pipeline, "submit", submit_and_refuse)
    (result,) = await worker.decide()
    assert (result.group, result.slots[0].action, result.decision_id) == ("fallback", "plain", None)
    assert attempts == 16
    assert "Cannot count a decision of shop/hero" in caplog.text


async def test_the_exposure_of_an_unknown_visitor_lives_days(workers: list[Worker], valkey: Valkey) -> None:
    capped = replace(CAPPED, actions=(PLAIN, Action("pop-up", cap=Cap(100, "visitor"))))
    await serve_policy(workers, capped)
    key = exposure("shop", anonymous_digest("a1"), "visitor")
    await decide_concurrently(workers, 30)
    assert 0 < int(valkey.execute(f"PTTL {key}")[1:]) <= UNKNOWN_TTL
    profile = Profile(sessions=2).encode()
    await workers[0].store.profiles.compare_and_set("shop", anonymous_digest("a1"), None, profile, 60_000)
    await decide_concurrently(workers, 30)
    assert int(valkey.execute(f"PTTL {key}")[1:]) > 300 * 86_400_000
