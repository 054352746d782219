"""How the models that are measured came about: by decisions, by what visitors did next, and by a real learner."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import cycle, islice
from typing import Any

import msgspec

from edgewise.processes.supervisor import APP
from edgewise.statistics import Statistics
from load_tests import shop
from load_tests.client import Client
from load_tests.stage import Stage, Worker

_PATIENCE = 60.0  # seconds
_CONNECTIONS = 8
_RECORDED = b'"rejected":[]'


async def train(stage: Stage, decisions: int) -> str:
    """Give every visitor a past, and every policy a model that learned from so many decisions; tells how.

    All of it goes through the doors of a worker of its own. Worker and learner have ended when this returns.

    Raises:
        Mismeasured: a call was not answered as it must be.
        TimeoutError: the learner does not get there.
    """
    async with stage.worker(APP) as worker, asyncio.timeout(_PATIENCE):
        await _ask(worker, shop.visits(datetime.now(UTC)), _RECORDED)
        for candidates in shop.CANDIDATES:
            requests = list(islice(cycle(shop.decide_requests(candidates)), decisions))
            answers = await _ask(worker, requests, b'"group":"policy"')
            await _ask(worker, [_outcomes(answer, index) for index, answer in enumerate(answers)], _RECORDED)
        async with stage.learner():
            for candidates in shop.CANDIDATES:
                await _learned(stage, candidates, decisions)
    return (
        f"Each model was learned by the real learner from {decisions:,} decisions, their impressions and clicks, all "
        "sent over HTTP; the learner has ended since."
    )


async def _ask(worker: Worker, requests: Sequence[bytes], expected: bytes) -> list[bytes]:
    async with Client.connected(worker.port, _CONNECTIONS, expected) as client:
        return await client.ask(requests)


def _outcomes(answer: bytes, index: int) -> bytes:
    decisions: Sequence[dict[str, Any]] = msgspec.json.decode(answer)["decisions"]
    return shop.batch_request(shop.told(decisions, index % len(shop.VISITORS)))


async def _learned(stage: Stage, candidates: int, decisions: int) -> None:
    """Wait until the published model has learned from all of its decisions."""
    while True:
        checkpoint = await stage.store.checkpoints.read(shop.policy_ref(candidates))
        if checkpoint is not None and Statistics.decode(checkpoint.statistics).learned == decisions:
            return
        await asyncio.sleep(0.05)
