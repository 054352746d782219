"""The learner alone, killed and frozen repeatedly while its log grows. Its final model equals that of one fold."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from multiprocessing.process import BaseProcess
from random import Random
from typing import Any, get_args

import pytest

from edgewise.entries import Decision, Entry, Event, Outcome, SlotChoice, encode
from edgewise.learner import policy_learner, process
from edgewise.learner import retention as retention_module
from edgewise.learner.rebuild import rebuild
from edgewise.policies.policy import Algorithm, Explore, Policy, Reward
from edgewise.settings import Settings
from edgewise.store import Store
from edgewise.types import DecisionKey, Digest, LoggedGroup, PolicyRef
from tests.integration.audit import PolicyAudit, audit_counts
from tests.integration.chaos_rounds import episodes, rounds
from tests.learner.logs import ACTIONS
from tests.learner.published_policy import PublishedPolicy

DAY = 24 * 3600 * 1000
POLICY = Policy(
    "hero",
    ACTIONS,
    ("action 0", "action 1"),
    slots=2,
    reward=Reward(window=150, impression_within=200, high=8.0, events={"$click": 0.25, "bought": 1.0}),
)

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["__main__", __name__])


def learn(url: str, retention: int) -> None:
    """Run `edgewise learn` with short intervals, so that kills hit every step."""
    policy_learner.PUBLISH_EVERY, retention_module.BASE_EVERY = 0.02, 200
    process.READ_EVERY, process.MAINTAIN_EVERY = 0.01, 0.05
    asyncio.run(process.run(Settings(redis=url, retention=retention)))


class LearnerProcesses:
    """Learner processes, one after the other. A frozen one wakes up while the next one learns."""

    def __init__(self, url: str, retention: int) -> None:
        self._arguments = (url, retention)
        self._running: list[BaseProcess] = []

    async def run_one(self, seconds: float, frozen: bool) -> None:
        """Let a learner run for some seconds. Then kill it, or freeze it until the next one runs."""
        learner = self.start()
        await asyncio.sleep(seconds)
        assert learner.exitcode is None, f"A learner ended with status {learner.exitcode}."
        if frozen:
            self._running.remove(learner)
        self.end()
        if frozen:
            self._running.append(learner)
            _signal(learner, signal.SIGSTOP)

    def start(self) -> BaseProcess:
        learner = _forks.Process(target=learn, args=self._arguments, daemon=True)
        learner.start()
        for frozen in self._running:
            _signal(frozen, signal.SIGCONT)
        self._running.append(learner)
        return learner

    def end(self) -> None:
        """Kill the running learners."""
        while self._running:
            learner = self._running.pop()
            learner.kill()
            learner.join()


def _signal(learner: BaseProcess, number: signal.Signals) -> None:
    assert learner.pid is not None
    os.kill(learner.pid, number)


class LogWriter:
    """Writes a log as web workers do, with duplicates, late events and edits of the policy."""

    def __init__(self, policy_log: PublishedPolicy, chance: Random, edits: Callable[[Random], Policy]) -> None:
        self._policy_log = policy_log
        self._chance = chance
        self._edits = edits
        self._decided: list[DecisionKey] = [b"no decisions"]

    async def write(self) -> None:
        """Write until cancelled."""
        while True:
            await self._write(self._policy_log.version)
            if self._chance.random() < 0.01:
                await self._policy_log.publish(self._edits(self._chance))
            await asyncio.sleep(self._chance.uniform(0.0, 0.005))

    async def finish(self) -> None:
        """Write an outcome that will be learned, so that a model is published that covers the whole log."""
        key = await self._decide(self._policy_log.version)
        await self._append(Outcome(key, None, "$impression", None, 0, os.urandom(8)))

    async def _write(self, version: Digest) -> None:
        kind, message = self._chance.randrange(8), bytes([self._chance.randrange(256)]) * 8
        age = self._chance.choice((0, 0, 5, 100))
        if kind < 3:
            await self._decide(version)
        elif kind < 7:
            name = self._chance.choice(("$impression", "$impression", "$click", "$reward", "bought"))
            value = self._chance.choice((0.125, 0.5)) if name == "$reward" else None
            key, slot = self._chance.choice(self._decided[-12:]), self._chance.choice((None, 0, 1))
            await self._append(Outcome(key, slot, name, value, age, message))
        else:
            event = encode(Event((_visitor(self._chance),), "bought", age, message))
            await self._policy_log.store.log.append_event(self._policy_log.ref, message, event)

    async def _decide(self, version: Digest) -> DecisionKey:
        chosen = self._chance.sample(range(len(ACTIONS)), 2)
        slots = tuple(SlotChoice(one, [0.25] * (4 - slot)) for slot, one in enumerate(chosen))
        key = self._chance.randbytes(12)
        context = f"shared |x basket={self._chance.randrange(4)}"
        group: LoggedGroup = "control" if self._chance.random() < 0.1 else "policy"
        await self._append(Decision(key, version, 0, group, (_visitor(self._chance),), context, None, slots))
        self._decided.append(key)
        return key

    async def _append(self, entry: Entry) -> None:
        await self._policy_log.store.log.append(self._policy_log.ref, encode(entry))


def _visitor(chance: Random) -> Digest:
    return bytes([chance.randrange(8)]) * 8


def edit_rewards(chance: Random) -> Policy:
    """Change the window and the amounts, which keeps the model."""
    events = {"$click": chance.choice((0.25, 0.5)), "bought": chance.choice((1.0, 2.0))}
    return replace(POLICY, reward=replace(POLICY.reward, window=chance.choice((100, 150, 250)), events=events))


def edit_anything(chance: Random) -> Policy:
    """Change the algorithm too, which rebuilds the model from the log."""
    return replace(edit_rewards(chance), explore=Explore(chance.choice(get_args(Algorithm))))


@asynccontextmanager
async def run_in_background(*coroutines: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run these coroutines until the end of the block. If one fails, the block fails."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(coroutine) for coroutine in coroutines]
        yield
        for task in tasks:
            task.cancel()


@rounds(quick=20, many=250)
@pytest.mark.parametrize(
    ("retention", "edits"), [(30 * DAY, edit_anything), (1000, edit_rewards)], ids=["whole log", "trimmed log"]
)
async def test_a_killed_and_frozen_learner_ends_with_the_model_of_one_fold(
    store: Store, store_url: str, chance: Random, rounds: int, retention: int, edits: Callable[[Random], Policy]
) -> None:
    for number, runs in enumerate(episodes(rounds, 25)):
        policy_log = PublishedPolicy(store, POLICY, PolicyRef("shop", f"hero-{number}"))
        await policy_log.publish()
        writer, audited = LogWriter(policy_log, chance, edits), PolicyAudit(store, policy_log.ref)
        learners = LearnerProcesses(store_url, retention)
        try:
            async with run_in_background(writer.write(), audited.watch()):
                for _ in range(runs):
                    await learners.run_one(chance.uniform(0.02, 0.25), frozen=chance.random() < 0.2)
                learners.start()
            await writer.finish()
            await audited.settle()
        finally:
            learners.end()
        audit_counts(audited)
        assert (await rebuild(store, policy_log.ref)).equal
