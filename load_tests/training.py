"""Trains the models of the benchmark with decisions, outcomes and a real learner."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import cycle, islice
from typing import Any

import msgspec

from edgewise.processes.supervisor import APP
from edgewise.statistics import Statistics
from load_tests import bench_shop
from load_tests.environment import BenchEnvironment, BenchWorker
from load_tests.load_client import LoadClient

_TIMEOUT = 60.0  # Seconds.
_CONNECTIONS = 8
_RECORDED = b'"rejected":[]'


async def train(environment: BenchEnvironment, decisions: int) -> str:
    """Give every visitor a history, and train every policy's model with `decisions` decisions. Return a description.

    All requests go through a separate worker. Worker and learner have stopped at the return.

    Raises:
        MeasurementError: A response is invalid.
        TimeoutError: The learner takes too long.
    """
    async with environment.worker(APP) as worker, asyncio.timeout(_TIMEOUT):
        await _send(worker, bench_shop.history_requests(datetime.now(UTC)), _RECORDED)
        for candidates in bench_shop.CANDIDATES:
            requests = list(islice(cycle(bench_shop.decide_requests(candidates)), decisions))
            answers = await _send(worker, requests, b'"group":"policy"')
            await _send(worker, [_outcomes(answer, index) for index, answer in enumerate(answers)], _RECORDED)
        async with environment.learner():
            for candidates in bench_shop.CANDIDATES:
                await _wait_until_learned(environment, candidates, decisions)
    return (
        f"A real learner trained each model with {decisions:,} decisions, their impressions and clicks, all sent over "
        "HTTP. It has stopped since."
    )


async def _send(worker: BenchWorker, requests: Sequence[bytes], expected: bytes) -> list[bytes]:
    async with LoadClient.connected(worker.port, _CONNECTIONS, expected) as client:
        return await client.send(requests)


def _outcomes(answer: bytes, index: int) -> bytes:
    decisions: Sequence[dict[str, Any]] = msgspec.json.decode(answer)["decisions"]
    return bench_shop.batch_request(bench_shop.outcome_messages(decisions, index % len(bench_shop.VISITORS)))


async def _wait_until_learned(environment: BenchEnvironment, candidates: int, decisions: int) -> None:
    """Wait until the published model includes all decisions."""
    while True:
        checkpoint = await environment.store.checkpoints.read(bench_shop.policy_ref(candidates))
        if checkpoint is not None and Statistics.decode(checkpoint.statistics).learned == decisions:
            return
        await asyncio.sleep(0.05)
