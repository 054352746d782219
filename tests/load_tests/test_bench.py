"""The whole benchmark, in a run that is too short for meaningful figures."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import msgspec
import pytest
from rich.console import Console

from load_tests import bench, bench_report
from load_tests.bench import BenchPlan
from load_tests.load_client import LoadClient, MeasurementError
from load_tests.time_breakdown import STEPS

TINY = BenchPlan(
    30,
    rounds=1,
    seconds=0.1,
    paced_rounds=1,
    paced_seconds=0.2,
    calls=64,
    events=100,
    learning_rounds=1,
    open_decisions=2000,
    sites=2,
    idle_policies=4,
    profiles=500,
)


async def test_the_benchmark_measures_and_reports_everything() -> None:
    progress: list[str] = []
    results = await bench.measure(TINY, progress.append)
    assert results.comparison.answered > 0
    assert results.comparison.echo.rate > 0
    assert results.comparison.decide.rate > 0
    assert [paced.candidates for paced in results.paced] == [20, 100, 1000]
    microseconds = {step.name: step.microseconds for step in results.anatomy.steps}
    assert all(microseconds[step] > 0 for step in STEPS)
    assert results.learning.events == 100
    assert results.open_decisions.logged > 80
    # The memory of so few decisions depends on which pages the process has freed before.
    assert min(results.open_decisions.unseen, results.open_decisions.seen) > 0
    assert (results.idle.policies, results.idle.sites) == (4, 2)
    assert results.idle.start > 0
    assert results.idle.total > 50, "one Python process alone takes more than 10 MB"
    assert results.profiles is not None
    assert results.profiles.encoded < results.profiles.profile < 1024
    for targeting in (results.targeted_requests, results.targeted_calls):
        assert min(targeting.bare, targeting.profiled, targeting.targeted) > 0
        assert len(targeting.conditions) == len(targeting.all_in) == 3 * TINY.rounds
    assert 80 < results.comparison.entry.encoded < results.comparison.entry.stored
    shown = io.StringIO()
    bench_report.show(results, Console(width=200, file=shown))
    assert all(row.what in shown.getvalue() for row in bench_report.thresholds(results))
    assert msgspec.json.decode(msgspec.json.encode(results), type=bench_report.BenchResults) == results


async def test_an_unexpected_response_is_an_error() -> None:
    async with (
        run_server(b'{"group":"fallback"}') as port,
        LoadClient.connected(port, 2, b'"group":"policy"') as client,
    ):
        with pytest.raises(MeasurementError, match=r"Expected status 200.*, found .*fallback"):
            await client.saturate([b"?"], 1.0)


async def test_every_connection_sends_at_least_once() -> None:
    async with run_server(b"ok") as port, LoadClient.connected(port, 3, b"ok") as client:
        assert len((await client.saturate([b"?"], 1e-9)).latencies) == 3


async def test_a_latency_counts_from_the_scheduled_time() -> None:
    """The only connection needs 0.1 s per request, and a request is due every 0.05 s."""
    async with run_server(b"ok", seconds=0.1) as port, LoadClient.connected(port, 1, b"ok") as client:
        traffic = await client.pace([b"?"], rate=20, seconds=0.12)
    assert all(took > at_least for took, at_least in zip(traffic.latencies, (0.09, 0.14, 0.19), strict=True))


@asynccontextmanager
async def run_server(body: bytes, seconds: float = 0.0) -> AsyncIterator[int]:
    """Run a server that sends this body in every response, after a delay. Yield its port."""
    server = await asyncio.get_running_loop().create_server(lambda: FixedResponse(body, seconds), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


class FixedResponse(asyncio.Protocol):
    def __init__(self, body: bytes, seconds: float) -> None:
        self._answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        self._seconds = seconds

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, chunk: bytes) -> None:
        asyncio.get_running_loop().call_later(self._seconds, self._transport.write, self._answer)
