"""Faults in the code that decides: the visitor gets the baseline, whatever step fails."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import CodeType, FrameType
from typing import Any

import pytest

import edgewise
from edgewise.bandit import choice
from edgewise.decisions import engine, visitor_state
from edgewise.decisions.preview_token import Preview
from edgewise.decisions.request import PlacementRequest
from edgewise.decisions.result import PlacementResult
from edgewise.decisions.service import DecisionService
from edgewise.policies.compiled_policy import encode_policy
from edgewise.policies.policy import Action, Cap, Pin
from edgewise.serving.on_demand_loader import OnDemandLoader
from edgewise.serving.served_site import ServedPlacement
from edgewise.store import Store
from edgewise.types import PolicyRef
from edgewise.visitors.message import Message
from tests.decisions.worker import ACTIONS, POLICY, Worker, record

PRIVATE = "the cart of anna@example.com"

# A policy whose calls go through every part of the decide path.
EVERYTHING = replace(
    POLICY,
    actions=(*ACTIONS, Action("capped", cap=Cap(10_000, "day")), Action("once", not_after=("Order Completed",))),
    pins=(Pin("second", {"page.type": "recall"}),),
)
SEGMENTS = {"regulars": {"visitor.page_views": {"$gt": 3}}}

_ROOT = edgewise.__path__[0]
_OUTERMOST = (
    DecisionService.decide.__code__,
    visitor_state._load_profile.__code__,
    visitor_state._load_exposure.__code__,
)
"""The whole call, and what it runs as tasks of their own."""

_GUARDS = {
    DecisionService._start.__code__,
    DecisionService._finish.__code__,
    *DecisionService.decide.__code__.co_consts,
}
"""They handle the faults of the steps. Behind them, the endpoint handles those of the whole call."""


class Step(Exception):
    """The fault that the tests inject."""


def is_inside(frame: FrameType | None) -> bool:
    """Whether a frame is a step of a decide call."""
    while frame is not None:
        if frame.f_code in _OUTERMOST:
            return True
        frame = frame.f_back
    return False


@contextmanager
def tracing(trace: Any) -> Iterator[None]:
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


async def decide(worker: Worker) -> list[Any]:
    return await worker.decide(device={"type": "mobile"}, page={"type": "home"}, data={"basket": {"value": 3}})


@pytest.fixture
def faults() -> list[str]:
    return []


@pytest.fixture
async def busy_worker(store: Store, faults: list[str], request: pytest.FixtureRequest) -> Worker:
    worker = Worker(store)
    worker.decisions = DecisionService(store, worker.ids, worker.follower.log_times, 5.0, faults.append)
    await worker.serve(getattr(request, "param", EVERYTHING), SEGMENTS)
    await record(worker, *(Message("page", f"m{n}", "a1", context=None) for n in range(3)))
    await decide(worker)
    return worker


async def steps(worker: Worker) -> list[CodeType]:
    found: dict[CodeType, None] = {}

    def trace(frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        if code.co_filename.startswith(_ROOT) and code not in {_OUTERMOST[0], *_GUARDS} and is_inside(frame.f_back):
            found[code] = None

    with tracing(trace):
        await decide(worker)
    return list(found)


@pytest.mark.parametrize(
    ("busy_worker", "expected"),
    [
        (EVERYTHING, {"eligible", "pinned", "context_line", "choose", "encode", "append_command", "from_decision"}),
        (replace(EVERYTHING, sticky="session"), {"sticky_choice", "_may_repeat", "from_sticky_choice"}),
    ],
    indirect=["busy_worker"],
    ids=["drawn", "sticky"],
)
async def test_a_fault_at_any_step_gives_the_baseline(
    busy_worker: Worker, expected: set[str], faults: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    found = await steps(busy_worker)
    common = {"load_visitor_state", "make_attributes", "decide_within_caps", "find_candidates", "submit", "issue"}
    assert common | expected <= {code.co_name for code in found}
    for code in found:
        reached = False

        def trace(frame: FrameType, event: str, argument: Any, code: CodeType = code) -> None:
            nonlocal reached
            if frame.f_code is code and not reached:
                reached = True
                raise Step(PRIVATE)

        faults.clear()
        # The failed call may have left a read of the store, which must not meet the next fault.
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)
        with tracing(trace):
            (result,) = await decide(busy_worker)
        if reached:
            assert (result.group, result.decision_id) == ("fallback", None), code
            assert [slot.action for slot in result.slots] == ["plain"]
            assert faults == ["shop"], code
    assert PRIVATE not in caplog.text


@pytest.mark.parametrize("place", range(6))
async def test_a_fault_while_waiting_for_the_store_gives_the_baseline(
    busy_worker: Worker, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit, count = busy_worker.store.pipeline.submit, 0

    def submit_and_fail(*arguments: Any) -> asyncio.Future[Any]:
        nonlocal count
        count += 1
        if count - 1 != place:
            return submit(*arguments)
        reply = asyncio.get_running_loop().create_future()
        reply.set_exception(Step(PRIVATE))
        return reply

    monkeypatch.setattr(busy_worker.store.pipeline, "submit", submit_and_fail)
    (result,) = await decide(busy_worker)
    failed = count > place
    assert (result.group == "fallback") == failed
    assert [slot.action for slot in result.slots] == ["plain"] or not failed


async def test_a_repeated_fault_is_logged_once_and_counted_each_time(
    busy_worker: Worker, faults: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RecursionError(PRIVATE)

    monkeypatch.setattr("edgewise.decisions.visitor_state.make_attributes", fail)
    with caplog.at_level(logging.ERROR):
        for _ in range(5):
            await decide(busy_worker)
    assert len(faults) == 5
    (message,) = caplog.messages
    assert message.startswith("A decision failed, so the visitor got the baseline: RecursionError at ")
    assert "visitor_state.py" in message


async def test_a_fault_in_the_baseline_itself_gives_no_action(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise Step

    monkeypatch.setattr("edgewise.decisions.visitor_state.make_attributes", fail)
    monkeypatch.setattr(PlacementResult, "fallback", fail)
    (result,) = await decide(worker)
    assert (result.decision_id, [slot.action for slot in result.slots]) == (None, [None])


async def test_a_fault_in_an_explanation_leaves_the_result(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise Step

    monkeypatch.setattr("edgewise.decisions.service.explain", fail)
    (result,) = await worker.decide(preview=Preview(None, None))
    assert (result.group, result.explanation) == ("policy", None)


async def test_a_fault_while_one_model_loads_leaves_the_placements_that_are_loaded(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise Step

    (loaded,) = await decide(worker)
    assert loaded.group == "policy"
    site = worker.follower.sites["shop"]
    blob = encode_policy(replace(POLICY, placement="other"))
    other = ServedPlacement(PolicyRef("shop", "other"), blob, OnDemandLoader(worker.store))
    monkeypatch.setattr(OnDemandLoader, "load", fail)
    monkeypatch.setitem(site.placements, "other", other)
    results = await worker.decide(PlacementRequest("other"), PlacementRequest("hero"))
    assert [result.group for result in results] == ["fallback", "policy"]


async def test_a_fault_in_one_placement_leaves_the_others(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    choose, count = choice.choose, 0

    def fail_once(*arguments: Any, **more: Any) -> Any:
        nonlocal count
        count += 1
        if count == 2:
            raise Step
        return choose(*arguments, **more)

    monkeypatch.setattr(engine, "choose", fail_once)
    results = await worker.decide(*[PlacementRequest("hero")] * 3)
    assert [result.group for result in results] == ["policy", "fallback", "policy"]
    assert len(await worker.logged()) == 2
