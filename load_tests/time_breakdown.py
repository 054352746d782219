"""Measures the CPU time of each step of a decide call. It calls the real endpoint without a server.

python -m load_tests.time_breakdown CALLS REPETITIONS

Uses the store at EDGEWISE_REDIS. Prints the result as JSON.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import wraps
from math import inf
from pkgutil import resolve_name
from time import perf_counter, process_time
from typing import Any
from unittest.mock import patch

import msgspec
import uvloop
from msgspec import Struct, field
from starlette.types import Message, Scope

from edgewise.budgets.source_budgets import SourceBudgets
from edgewise.decisions.service import DecisionService
from edgewise.http.auth import Authenticator
from edgewise.http.decide import DecideEndpoint
from edgewise.http.source import SourceLimits
from edgewise.ids.decision import KEY_BYTES, DecisionIds
from edgewise.ids.visitor import anonymous_digest
from edgewise.serving.follower import Follower
from edgewise.settings import Settings
from edgewise.store import Store
from edgewise.types import PolicyRef
from load_tests import bench_shop
from load_tests.load_client import MeasurementError

CANDIDATES = 20
CONCURRENT = 32

STEPS: Mapping[str, Sequence[str]] = {
    "read the body": ["edgewise.http.endpoint.read_body"],
    "parse the body": ["edgewise.http.decoding.BodyDecoder.decode"],
    "budget of the address": ["edgewise.http.source.SourceLimits.allow_decide"],
    "check key and origin": ["edgewise.http.auth.Authenticator.authenticate"],
    "context to attributes": ["edgewise.http.decide.attributes_of"],
    "profile to attributes": [
        "edgewise.decisions.visitor_state.read_partial_profile",
        "edgewise.decisions.visitor_state.make_attributes",
    ],
    "eligible actions": ["edgewise.policies.compiled_policy.CompiledPolicy.eligible"],
    "context line": ["edgewise.decisions.engine.context_line"],
    "predict": ["edgewise.bandit.model.ScoringModel.probabilities"],
    "floor and draw": ["edgewise.decisions.engine.choose"],
    "encode the log entry": ["edgewise.decisions.service.encode"],
    "decision id": ["edgewise.ids.decision.DecisionIds.issue"],
    "encode the response": ["edgewise.http.endpoint.send_response"],
    "metrics": ["edgewise.http.metrics.observe_decide_call"],
}
"""The functions of each step, by the names under which they are called. A nested step counts only for itself."""


class Step(Struct, frozen=True):
    """One step of a decide call, in microseconds of CPU."""

    name: str
    microseconds: float


class TimeBreakdown(Struct, frozen=True):
    """The steps of a decide call and the whole endpoint, in microseconds of CPU."""

    steps: Sequence[Step]
    endpoint: float = field(name="door")


class StepClock:
    """Sums the time of each step, without the time of its nested steps."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inner = 0.0

    def around(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a function to measure its time. A coroutine function must never suspend."""

        @wraps(function)
        def timed(*arguments: Any, **named: Any) -> Any:
            outer, self._inner = self._inner, 0.0
            began = perf_counter()
            result = function(*arguments, **named)
            self._add(step, outer, perf_counter() - began)
            return result

        @wraps(function)
        async def timed_coroutine(*arguments: Any, **named: Any) -> Any:
            outer, self._inner = self._inner, 0.0
            began = perf_counter()
            result = await function(*arguments, **named)
            self._add(step, outer, perf_counter() - began)
            return result

        return timed_coroutine if inspect.iscoroutinefunction(function) else timed

    def _add(self, step: str, outer: float, took: float) -> None:
        self.seconds[step] = self.seconds.get(step, 0.0) + took - self._inner
        self._inner = outer + took


class EndpointCaller:
    """Calls the endpoint as an ASGI server does, and checks the response."""

    def __init__(self, endpoint: DecideEndpoint, requests: Sequence[bytes]) -> None:
        self._endpoint = endpoint
        self._calls = [_parsed(request) for request in requests]

    async def call(self, number: int) -> None:
        scope, body = self._calls[number % len(self._calls)]
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await self._endpoint(scope, receive, send)
        if sent[0]["status"] != 200 or b'"group":"policy"' not in sent[1]["body"]:
            raise MeasurementError(f"Expected status 200 and a decision of the policy, found {sent!r}.")


async def break_down(store: Store, settings: Settings, calls: int, repetitions: int) -> TimeBreakdown:
    """Measure each step. The fastest repetition counts.

    Raises:
        MeasurementError: A response is invalid.
    """
    assert settings.secret_key is not None
    follower = Follower(store)
    await follower.refresh()
    ids = DecisionIds([await store.registry.decision_keys(os.urandom(KEY_BYTES))])
    auth = Authenticator(follower, settings.secret_key)
    decisions = DecisionService(store, ids, follower.log_times, settings.decide_budget / 1000)
    limits = SourceLimits(SourceBudgets(store, settings), settings.trusted_proxies)
    endpoint = DecideEndpoint(auth, decisions, 1 << 20, sources=limits)
    caller = EndpointCaller(endpoint, bench_shop.decide_requests(CANDIDATES))
    whole = await _best(caller.call, calls, repetitions)
    steps = await _timed_steps(caller, calls, repetitions)
    steps.append(Step("store: read, append", await _best(_StoreCommands(store).send, calls, repetitions)))
    steps.append(Step("rest of the endpoint", whole - sum(step.microseconds for step in steps)))
    return TimeBreakdown(steps, whole)


async def _timed_steps(caller: EndpointCaller, calls: int, repetitions: int) -> list[Step]:
    best = dict.fromkeys(STEPS, inf)
    for _ in range(repetitions):
        clock = StepClock()
        with ExitStack() as stack:
            for step, names in STEPS.items():
                for name in names:
                    stack.enter_context(patch(name, clock.around(step, resolve_name(name))))
            await run_calls(caller.call, calls)
        best = {step: min(seconds, clock.seconds[step]) for step, seconds in best.items()}
    return [Step(step, seconds / calls * 1e6) for step, seconds in best.items()]


class _StoreCommands:
    """The store commands of a decide call."""

    def __init__(self, store: Store) -> None:
        self._store = store
        visitor = anonymous_digest(bench_shop.VISITORS[0])
        self._read = store.profiles.read_command(bench_shop.SITE, visitor)
        self._append = store.log.append_command(PolicyRef(bench_shop.SITE, "breakdown"), bytes(500))

    async def send(self, number: int) -> None:
        deadline = asyncio.get_running_loop().time() + 1.0
        await self._store.pipeline.submit(self._read, deadline)
        await self._store.pipeline.submit(self._append, deadline)


async def _best(call: Callable[[int], Awaitable[None]], calls: int, repetitions: int) -> float:
    """The microseconds of this process's CPU per call, in the fastest repetition."""
    best = inf
    for _ in range(repetitions):
        began = process_time()
        await run_calls(call, calls)
        best = min(best, process_time() - began)
    return best / calls * 1e6


async def run_calls(call: Callable[[int], Awaitable[None]], calls: int) -> None:
    """Make this many calls, `CONCURRENT` at a time."""
    left = iter(range(calls))

    async def make_calls() -> None:
        for number in left:
            await call(number)

    await asyncio.gather(*(make_calls() for _ in range(CONCURRENT)))


def _parsed(request: bytes) -> tuple[Scope, bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    lines = [line.split(b": ", 1) for line in head.split(b"\r\n")[1:]]
    headers = [(name.lower(), value) for name, value in lines]
    return {"type": "http", "method": "POST", "path": "/v1/decide", "headers": headers}, body


async def _main(calls: int, repetitions: int) -> None:
    settings = Settings.load({}, os.environ)
    assert settings.redis is not None
    store = await Store.connect(settings.redis, patience=settings.decide_budget / 1000)
    try:
        print(msgspec.json.encode(await break_down(store, settings, calls, repetitions)).decode())
    finally:
        await store.close()


if __name__ == "__main__":
    uvloop.run(_main(*map(int, sys.argv[1:])))
