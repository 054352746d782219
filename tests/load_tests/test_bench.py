"""The benchmark from one end to the other, far too short for its figures to mean anything."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import msgspec
import pytest
from rich.console import Console

from load_tests import bench, report
from load_tests.anatomy import STEPS
from load_tests.client import Client, Mismeasured

TINY = bench.Plan(30, rounds=1, seconds=0.1, paced_rounds=1, paced_seconds=0.2, calls=64, events=100, learning_rounds=1)


async def test_everything_is_measured_and_reported() -> None:
    told: list[str] = []
    results = await bench.measure(TINY, told.append)
    assert results.comparison.answered > 0
    assert results.comparison.echo.rate > 0
    assert results.comparison.decide.rate > 0
    assert [paced.candidates for paced in results.paced] == [20, 100, 1000]
    microseconds = {step.name: step.microseconds for step in results.anatomy.steps}
    assert all(microseconds[step] > 0 for step in STEPS)
    assert results.learning.events == 100
    for targeting in (results.targeted_requests, results.targeted_calls):
        assert min(targeting.bare, targeting.profiled, targeting.targeted) > 0
        assert len(targeting.conditions) == len(targeting.all_in) == 3 * TINY.rounds
    assert 80 < results.comparison.entry.encoded < results.comparison.entry.stored
    shown = io.StringIO()
    report.show(results, Console(width=120, file=shown))
    assert all(hold.what in shown.getvalue() for hold in report.holds(results))
    assert msgspec.json.decode(msgspec.json.encode(results), type=report.Results) == results


async def test_an_answer_that_is_not_what_is_measured_ends_the_measurement() -> None:
    async with answering(b'{"group":"fallback"}') as port, Client.connected(port, 2, b'"group":"policy"') as client:
        with pytest.raises(Mismeasured, match=r"found .*fallback.*, expected status 200"):
            await client.saturate([b"?"], 1.0)


async def test_a_latency_counts_from_when_the_request_was_meant_to_be_sent() -> None:
    """The one connection is busy for 0.1 s with each request, and one is meant to be sent every 0.05 s."""
    async with answering(b"ok", seconds=0.1) as port, Client.connected(port, 1, b"ok") as client:
        traffic = await client.pace([b"?"], rate=20, seconds=0.12)
    assert all(took > at_least for took, at_least in zip(traffic.latencies, (0.09, 0.14, 0.19), strict=True))


@asynccontextmanager
async def answering(body: bytes, seconds: float = 0.0) -> AsyncIterator[int]:
    """A server that answers whatever comes with this body, after so long; its port."""
    server = await asyncio.get_running_loop().create_server(lambda: Answering(body, seconds), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


class Answering(asyncio.Protocol):
    def __init__(self, body: bytes, seconds: float) -> None:
        self._answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        self._seconds = seconds

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, chunk: bytes) -> None:
        asyncio.get_running_loop().call_later(self._seconds, self._transport.write, self._answer)
