"""Where the time of a decide call goes: the real door, called without a server, with a clock around its steps.

python -m load_tests.anatomy CALLS REPETITIONS

The store is the one that EDGEWISE_REDIS names. Prints the result as JSON.
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
from msgspec import Struct
from starlette.types import Message, Scope

from edgewise.decisions.service import DecisionService
from edgewise.http.auth import Authenticator
from edgewise.http.decide import DecideEndpoint
from edgewise.ids.decision import KEY_BYTES, DecisionIds
from edgewise.ids.visitor import anonymous_digest
from edgewise.serving.follower import Follower
from edgewise.settings import Settings
from edgewise.store import Store
from edgewise.types import PolicyRef
from load_tests import shop
from load_tests.client import Mismeasured

CANDIDATES = 20
CONCURRENT = 32

STEPS: Mapping[str, Sequence[str]] = {
    "read the body": ["edgewise.http.endpoint.read_body"],
    "parse the body": ["edgewise.http.decoding.BodyDecoder.decode"],
    "check key and origin": ["edgewise.http.auth.Authenticator.authenticate"],
    "context to attributes": ["edgewise.http.decide.attributes_of"],
    "profile to attributes": [
        "edgewise.decisions.visitor_state.read_partial_profile",
        "edgewise.decisions.visitor_state.make_attributes",
    ],
    "eligible actions": ["edgewise.policies.compiled.CompiledPolicy.eligible"],
    "context line": ["edgewise.decisions.engine.context_line"],
    "predict": ["edgewise.bandit.model.ScoringModel.probabilities"],
    "floor and draw": ["edgewise.decisions.engine.choose"],
    "encode the log entry": ["edgewise.decisions.service.encode"],
    "decision id": ["edgewise.ids.decision.DecisionIds.issue"],
    "encode the answer": ["edgewise.http.endpoint.send_response"],
    "metrics": ["edgewise.http.metrics.observe_decide_call"],
}
"""What is timed, by the names under which it is called. A step inside of another does not count for that."""


class Step(Struct, frozen=True):
    """One step of a decide call; microseconds of CPU."""

    name: str
    microseconds: float


class Anatomy(Struct, frozen=True):
    """The steps of a decide call inside of its door, and all that the door takes, in microseconds of CPU."""

    steps: Sequence[Step]
    door: float


class Clock:
    """Adds up the time of each step, less that of the steps inside of it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inner = 0.0

    def around(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed. A coroutine must never really wait."""

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


class Browser:
    """Calls the door as a server would, and takes the answer."""

    def __init__(self, door: DecideEndpoint, requests: Sequence[bytes]) -> None:
        self._door = door
        self._calls = [_parsed(request) for request in requests]

    async def call(self, number: int) -> None:
        scope, body = self._calls[number % len(self._calls)]
        answers: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            answers.append(message)

        await self._door(scope, receive, send)
        if answers[0]["status"] != 200 or b'"group":"policy"' not in answers[1]["body"]:
            raise Mismeasured(f"door: found {answers!r}, expected status 200 and a decision of the policy")


async def dissect(store: Store, settings: Settings, calls: int, repetitions: int) -> Anatomy:
    """Take a decide call apart; the best of so many repetitions of so many calls counts.

    Raises:
        Mismeasured: a call was not answered as it must be.
    """
    assert settings.secret_key is not None
    follower = Follower(store)
    await follower.refresh()
    ids = DecisionIds([await store.registry.decision_keys(os.urandom(KEY_BYTES))])
    auth = Authenticator(follower, settings.secret_key)
    door = DecideEndpoint(auth, DecisionService(store, ids, settings.decide_budget / 1000), 1 << 20)
    browser = Browser(door, shop.decide_requests(CANDIDATES))
    whole = await _best(browser.call, calls, repetitions)
    steps = await _timed_steps(browser, calls, repetitions)
    steps.append(Step("store: read, append", await _best(_Commands(store).send, calls, repetitions)))
    steps.append(Step("the rest of the door", whole - sum(step.microseconds for step in steps)))
    return Anatomy(steps, whole)


async def _timed_steps(browser: Browser, calls: int, repetitions: int) -> list[Step]:
    best = dict.fromkeys(STEPS, inf)
    for _ in range(repetitions):
        clock = Clock()
        with ExitStack() as stack:
            for step, names in STEPS.items():
                for name in names:
                    stack.enter_context(patch(name, clock.around(step, resolve_name(name))))
            await together(browser.call, calls)
        best = {step: min(seconds, clock.seconds[step]) for step, seconds in best.items()}
    return [Step(step, seconds / calls * 1e6) for step, seconds in best.items()]


class _Commands:
    """What a decide call sends to the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        visitor = anonymous_digest(shop.VISITORS[0])
        self._read = store.profiles.read_command(shop.SITE, visitor)
        self._append = store.log.append_command(PolicyRef(shop.SITE, "anatomy"), bytes(500))

    async def send(self, number: int) -> None:
        deadline = asyncio.get_running_loop().time() + 1.0
        await self._store.pipeline.submit(self._read, deadline)
        await self._store.pipeline.submit(self._append, deadline)


async def _best(call: Callable[[int], Awaitable[None]], calls: int, repetitions: int) -> float:
    """Microseconds of CPU that a call takes, of those of this process."""
    best = inf
    for _ in range(repetitions):
        began = process_time()
        await together(call, calls)
        best = min(best, process_time() - began)
    return best / calls * 1e6


async def together(call: Callable[[int], Awaitable[None]], calls: int) -> None:
    """So many calls, a few at a time."""
    left = iter(range(calls))

    async def some() -> None:
        for number in left:
            await call(number)

    await asyncio.gather(*(some() for _ in range(CONCURRENT)))


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
        print(msgspec.json.encode(await dissect(store, settings, calls, repetitions)).decode())
    finally:
        await store.close()


if __name__ == "__main__":
    uvloop.run(_main(*map(int, sys.argv[1:])))
