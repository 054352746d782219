"""A web worker: a follower and a decision service on one store."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from edgewise.decisions.preview_token import Preview
from edgewise.decisions.request import DecideCall, PlacementRequest, Visitor
from edgewise.decisions.result import PlacementResult
from edgewise.decisions.service import DecisionService
from edgewise.entries import Decision, decode
from edgewise.events.recorder import Recorder
from edgewise.ids.decision import DecisionIds
from edgewise.ids.user_proof import UserProof
from edgewise.policies.policy import Action, Policy, Reward
from edgewise.serving.follower import Follower
from edgewise.store import Store
from edgewise.types import BEGINNING, Condition
from edgewise.visitors.message import Message
from tests.learner.published_policy import REF, PublishedPolicy

FROM_SERVER = UserProof("verified", (), is_server=True)
VISITOR = Visitor("a1", None)
ACTIONS = (
    Action("plain", payload={"headline": "Welcome"}),
    Action("second"),
    Action("mobile only", when={"device.type": "mobile"}),
)
POLICY = Policy("hero", ACTIONS, ("plain",), control_share=0.0, reward=Reward(window=20))
ROW = Policy("hero", ACTIONS, ("plain", "second"), slots=2, control_share=0.0)


class Worker:
    """A follower and a decision service. The default budget is long, because the test machine may be busy."""

    def __init__(self, store: Store, budget: float = 5.0) -> None:
        self.store = store
        self.published = PublishedPolicy(store, POLICY)
        self.follower = Follower(store)
        self.ids = DecisionIds((b"k" * 32,))
        self.decisions = DecisionService(store, self.ids, self.follower.log_times, budget)

    async def serve(self, policy: Policy, segments: Mapping[str, Condition] | None = None) -> None:
        await self.published.publish(policy, segments)
        await self.follower.refresh()

    async def decide(
        self,
        *requests: PlacementRequest,
        visitor: Visitor = VISITOR,
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


async def serve_policy(workers: Sequence[Worker], policy: Policy) -> None:
    for worker in workers:
        await worker.serve(policy)


async def decide_concurrently(
    workers: Sequence[Worker], count: int, visitor: Visitor = VISITOR, **context: Any
) -> list[PlacementResult]:
    """Results of concurrent calls of one visitor, spread over the workers."""
    calls = (workers[number % len(workers)].decide(visitor=visitor, **context) for number in range(count))
    return [result for (result,) in await asyncio.gather(*calls)]


def shown_actions(results: Iterable[PlacementResult]) -> Counter[str | None]:
    """The action of each first slot, with its count."""
    return Counter(result.slots[0].action for result in results)


async def record(worker: Worker, *messages: Message) -> None:
    recorder = Recorder(worker.store, worker.ids, worker.follower.find)
    assert await recorder.record(worker.follower.sites["shop"], list(enumerate(messages)), None, FROM_SERVER) == []
