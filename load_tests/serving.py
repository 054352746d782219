"""Decide calls, measured: next to a bare echo at saturation, and at half of saturation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

from msgspec import Struct

from load_tests import shop
from load_tests.client import Client, Traffic
from load_tests.cores import CoreTime
from load_tests.stage import Stage, Worker
from load_tests.stored import Appended, Size

CONNECTIONS = 32
COMPARED = 20
"""Candidates of the decisions that are compared with an echo."""

DECIDED = b'"group":"policy"'
"""What the answer to every decide call must have in it."""

_WARM_UP = 0.3  # seconds
_ECHOED = b'"anonymousId"'

Tell = Callable[[str], None]


class Load(Struct, frozen=True):
    """One app at saturation, over all of its rounds. The rate is a second's, latencies are in milliseconds.

    `cpu` is the worker's time on its core, in microseconds a request. Others held that core for the share `stolen` of
    all time. Of the rest, the worker was `busy` for a share: well below 1, it was waiting for the client or the store.
    """

    rate: float
    p50: float
    p99: float
    cpu: float
    busy: float
    stolen: float


class Comparison(Struct, frozen=True):
    """Decide next to echo, one ratio a round; all `answered` decisions stand in the log.

    `ratios` are those of the requests in a second of the worker's own time on its core, which is what the worker can do
    where nothing else runs; `by_the_clock` those in a second of the clock, with all that others took of it.
    """

    ratios: Sequence[float]
    by_the_clock: Sequence[float]
    echo: Load
    decide: Load
    answered: int
    entry: Size


class Paced(Struct, frozen=True):
    """Decide at half of saturation: rates a second, latencies in milliseconds; one of each a round."""

    candidates: int
    saturation: Sequence[float]
    p50: Sequence[float]
    p99: Sequence[float]


class Round(NamedTuple):
    """What was answered, and the worker's time on its core meanwhile."""

    traffic: Traffic
    core: CoreTime

    @property
    def running(self) -> float:
        """Seconds that the worker ran; those of the clock where the system does not tell."""
        return self.core.running or self.traffic.seconds

    @property
    def rate(self) -> float:
        """Answers in a second of the worker's own time."""
        return self.traffic.answered / self.running


async def compare(stage: Stage, echo: Worker, decide: Worker, rounds: int, seconds: float, tell: Tell) -> Comparison:
    """Saturate both by turns, and see that the log holds every decision that was acknowledged.

    Raises:
        Mismeasured: an answer, or the log, is not as it must be.
    """
    requests = shop.decide_requests(COMPARED)
    echoes: list[Round] = []
    decisions: list[Round] = []
    appended = await Appended.from_here(stage, shop.policy_ref(COMPARED))
    await saturate(echo, _ECHOED, requests, _WARM_UP)
    warm_up = await saturate(decide, DECIDED, requests, _WARM_UP)
    for number in range(rounds):
        turns = [(echoes, echo, _ECHOED), (decisions, decide, DECIDED)]
        for taken, worker, expected in turns if number % 2 == 0 else reversed(turns):
            taken.append(await saturate(worker, expected, requests, seconds))
        tell(f"decide / echo, round {number + 1} of {rounds}: {decisions[-1].rate / echoes[-1].rate:.3f}")
    answered = sum(one.traffic.answered for one in (warm_up, *decisions))
    entry = await appended.check(answered, COMPARED)
    pairs = list(zip(decisions, echoes, strict=True))
    return Comparison(
        [ours.rate / theirs.rate for ours, theirs in pairs],
        [ours.traffic.rate / theirs.traffic.rate for ours, theirs in pairs],
        _load(echoes),
        _load(decisions),
        answered,
        entry,
    )


async def pace(decide: Worker, rounds: int, seconds: float, tell: Tell) -> list[Paced]:
    """Saturate for a third of the time, then send half of what that came to, for each number of candidates by turns.

    Raises:
        Mismeasured: an answer is not as it must be.
    """
    taken: dict[int, list[tuple[float, Traffic]]] = {candidates: [] for candidates in shop.CANDIDATES}
    for number in range(rounds):
        for candidates, so_far in taken.items():
            requests = shop.decide_requests(candidates)
            saturation = (await saturate(decide, DECIDED, requests, seconds / 3)).traffic.rate
            async with Client.connected(decide.port, CONNECTIONS, DECIDED) as client:
                so_far.append((saturation, await client.pace(requests, saturation / 2, seconds)))
            p99 = quantile(so_far[-1][1].latencies, 0.99)
            tell(f"half of saturation, {candidates:,} candidates, round {number + 1} of {rounds}: p99 {p99:.1f} ms")
    return [
        Paced(
            candidates,
            [saturation for saturation, _ in so_far],
            [quantile(traffic.latencies, 0.5) for _, traffic in so_far],
            [quantile(traffic.latencies, 0.99) for _, traffic in so_far],
        )
        for candidates, so_far in taken.items()
    ]


async def saturate(worker: Worker, expected: bytes, requests: Sequence[bytes], seconds: float) -> Round:
    """Saturate a worker for so many seconds.

    Raises:
        Mismeasured: an answer does not have what is expected.
    """
    async with Client.connected(worker.port, CONNECTIONS, expected) as client:
        before = CoreTime.of(worker.pid)
        traffic = await client.saturate(requests, seconds)
        return Round(traffic, CoreTime.of(worker.pid).since(before))


def quantile(latencies: Sequence[float], share: float) -> float:
    """The milliseconds below which this share of the latencies (in seconds) stayed."""
    ranked = sorted(latencies)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))] * 1000


def _load(rounds: Sequence[Round]) -> Load:
    latencies = [latency for one in rounds for latency in one.traffic.latencies]
    seconds = sum(one.traffic.seconds for one in rounds)
    running = sum(one.running for one in rounds)
    waiting = sum(one.core.waiting for one in rounds)
    return Load(
        median(one.traffic.rate for one in rounds),
        quantile(latencies, 0.5),
        quantile(latencies, 0.99),
        running / len(latencies) * 1e6,
        running / (seconds - waiting),
        waiting / seconds,
    )
