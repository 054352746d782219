"""Measures decide calls: in comparison with a bare echo at saturation, and at half of saturation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

from msgspec import Struct

from load_tests import bench_shop
from load_tests.cpu_cores import CoreTime
from load_tests.environment import BenchEnvironment, BenchWorker
from load_tests.load_client import LoadClient, LoadResult
from load_tests.stored_sizes import ByteSizes, LogGrowth

CONNECTIONS = 32
COMPARED = 20
"""The number of candidates in the comparison with the echo."""

DECIDED = b'"group":"policy"'
"""Part of the response to every valid decide call."""

_WARM_UP = 0.3  # Seconds.
_ECHOED = b'"anonymousId"'

ReportProgress = Callable[[str], None]


class AppLoad(Struct, frozen=True):
    """One app at saturation, over all rounds. `rate` is in requests a second, latencies are in milliseconds.

    - `cpu` is the worker's CPU time in microseconds per request.
    - `stolen` is the share of all time in which other processes held the core.
    - `busy` is the worker's share of the remaining time. Well below 1, the worker waited for the client or the store.
    """

    rate: float
    p50: float
    p99: float
    cpu: float
    busy: float
    stolen: float


class EchoComparison(Struct, frozen=True):
    """Decide in comparison with echo, with one ratio per round. The log has all `answered` decisions.

    `ratios` compares requests per second of the worker's own CPU time, which does not depend on other processes.
    `by_the_clock` compares requests per second of wall-clock time.
    """

    ratios: Sequence[float]
    by_the_clock: Sequence[float]
    echo: AppLoad
    decide: AppLoad
    answered: int
    entry: ByteSizes


class PacedLoad(Struct, frozen=True):
    """Decide at half of saturation, with one value per round. Rates are per second, latencies in milliseconds."""

    candidates: int
    saturation: Sequence[float]
    p50: Sequence[float]
    p99: Sequence[float]


class LoadRound(NamedTuple):
    """A load and the worker's CPU time during it."""

    load: LoadResult
    core: CoreTime

    @property
    def running(self) -> float:
        """The worker's CPU seconds, or the wall-clock seconds on systems without this information."""
        return self.core.running or self.load.seconds

    @property
    def rate(self) -> float:
        """Responses per second of the worker's CPU time."""
        return self.load.answered / self.running


async def compare(
    environment: BenchEnvironment,
    echo: BenchWorker,
    decide: BenchWorker,
    rounds: int,
    seconds: float,
    report_progress: ReportProgress,
) -> EchoComparison:
    """Saturate both in alternating order, and check that the log has every acknowledged decision.

    Raises:
        MeasurementError: A response or the log is invalid.
    """
    requests = bench_shop.decide_requests(COMPARED)
    echoes: list[LoadRound] = []
    decisions: list[LoadRound] = []
    appended = await LogGrowth.since_now(environment, bench_shop.policy_ref(COMPARED))
    await saturate(echo, _ECHOED, requests, _WARM_UP)
    warm_up = await saturate(decide, DECIDED, requests, _WARM_UP)
    for number in range(rounds):
        turns = [(echoes, echo, _ECHOED), (decisions, decide, DECIDED)]
        for taken, worker, expected in turns if number % 2 == 0 else reversed(turns):
            taken.append(await saturate(worker, expected, requests, seconds))
        report_progress(f"decide / echo, round {number + 1} of {rounds}: {decisions[-1].rate / echoes[-1].rate:.3f}")
    answered = sum(one.load.answered for one in (warm_up, *decisions))
    entry = await appended.check(answered, COMPARED)
    pairs = list(zip(decisions, echoes, strict=True))
    return EchoComparison(
        [ours.rate / theirs.rate for ours, theirs in pairs],
        [ours.load.rate / theirs.load.rate for ours, theirs in pairs],
        _summarize(echoes),
        _summarize(decisions),
        answered,
        entry,
    )


async def pace(decide: BenchWorker, rounds: int, seconds: float, report_progress: ReportProgress) -> list[PacedLoad]:
    """For each number of candidates, saturate for a third of the time, then send at half of that rate.

    Raises:
        MeasurementError: A response is invalid.
    """
    taken: dict[int, list[tuple[float, LoadResult]]] = {candidates: [] for candidates in bench_shop.CANDIDATES}
    for number in range(rounds):
        for candidates, so_far in taken.items():
            requests = bench_shop.decide_requests(candidates)
            saturation = (await saturate(decide, DECIDED, requests, seconds / 3)).load.rate
            async with LoadClient.connected(decide.port, CONNECTIONS, DECIDED) as client:
                so_far.append((saturation, await client.pace(requests, saturation / 2, seconds)))
            p99 = quantile(so_far[-1][1].latencies, 0.99)
            report_progress(
                f"half of saturation, {candidates:,} candidates, round {number + 1} of {rounds}: p99 {p99:.1f} ms"
            )
    return [
        PacedLoad(
            candidates,
            [saturation for saturation, _ in so_far],
            [quantile(load.latencies, 0.5) for _, load in so_far],
            [quantile(load.latencies, 0.99) for _, load in so_far],
        )
        for candidates, so_far in taken.items()
    ]


async def saturate(worker: BenchWorker, expected: bytes, requests: Sequence[bytes], seconds: float) -> LoadRound:
    """Saturate a worker for some seconds.

    Raises:
        MeasurementError: A response is invalid.
    """
    async with LoadClient.connected(worker.port, CONNECTIONS, expected) as client:
        before = CoreTime.of(worker.pid)
        load = await client.saturate(requests, seconds)
        return LoadRound(load, CoreTime.of(worker.pid).since(before))


def quantile(latencies: Sequence[float], share: float) -> float:
    """A quantile of latencies in seconds, converted to milliseconds."""
    ranked = sorted(latencies)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))] * 1000


def _summarize(rounds: Sequence[LoadRound]) -> AppLoad:
    latencies = [latency for one in rounds for latency in one.load.latencies]
    seconds = sum(one.load.seconds for one in rounds)
    running = sum(one.running for one in rounds)
    waiting = sum(one.core.waiting for one in rounds)
    return AppLoad(
        median(one.load.rate for one in rounds),
        quantile(latencies, 0.5),
        quantile(latencies, 0.99),
        running / len(latencies) * 1e6,
        running / (seconds - waiting),
        waiting / seconds,
    )
