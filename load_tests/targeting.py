"""Measures the cost of targeting: a full profile, conditions and segments.

It measures whole requests to a worker, and the endpoint alone. The sites of `targeting_sites` take turns.

python -m load_tests.targeting CALLS ROUNDS

This command measures the endpoint alone, with the store at EDGEWISE_REDIS. It prints the result as JSON.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from statistics import median
from time import process_time

import msgspec
import uvloop
from msgspec import Struct

from edgewise.settings import Settings
from edgewise.store import Store
from load_tests.decide_load import DECIDED, ReportProgress, saturate
from load_tests.environment import BenchWorker
from load_tests.targeting_sites import SITES, create_endpoint, requests
from load_tests.time_breakdown import EndpointCaller, run_calls

APP = "load_tests.targeting_sites:create_app"

_WARM_UP = 0.3  # Seconds.


class TargetingCosts(Struct, frozen=True):
    """Microseconds of CPU per call on each site, and the ratio of two sites in each round.

    `conditions` is `targeted` / `profiled`, and `all_in` is `targeted` / `bare`.
    """

    bare: float
    profiled: float
    targeted: float
    conditions: Sequence[float]
    all_in: Sequence[float]

    @classmethod
    def of(cls, rounds: Sequence[Sequence[float]]) -> TargetingCosts:
        """Each of the `rounds` has the microseconds of the three sites, in the order of `SITES`."""
        bare, profiled, targeted = (median(column) for column in zip(*rounds, strict=True))
        return cls(
            bare,
            profiled,
            targeted,
            [with_them / without for _, without, with_them in rounds],
            [with_them / without for without, _, with_them in rounds],
        )


async def compare_requests(
    worker: BenchWorker, rounds: int, seconds: float, report_progress: ReportProgress
) -> TargetingCosts:
    """Saturate a worker with the requests of each site in turn, for `seconds` each.

    Raises:
        MeasurementError: A response is invalid.
    """
    sent = [requests(site) for site in SITES]
    for some in sent:
        await saturate(worker, DECIDED, some, _WARM_UP)
    taken = []
    for number in range(rounds):
        taken.append([1e6 / (await saturate(worker, DECIDED, some, seconds)).rate for some in sent])
        report_progress(f"targeted / bare requests, round {number + 1} of {rounds}: {taken[-1][2] / taken[-1][0]:.3f}")
    return TargetingCosts.of(taken)


async def compare_calls(store: Store, settings: Settings, calls: int, rounds: int) -> TargetingCosts:
    """Call the endpoint alone, in turn for each site.

    Raises:
        MeasurementError: A response is invalid.
    """
    endpoint = await create_endpoint(store, settings)
    callers = [EndpointCaller(endpoint, requests(site)) for site in SITES]
    for caller in callers:
        await _cpu(caller, calls)
    return TargetingCosts.of([[await _cpu(caller, calls) for caller in callers] for _ in range(rounds)])


async def _cpu(caller: EndpointCaller, calls: int) -> float:
    """Microseconds of CPU per call."""
    began = process_time()
    await run_calls(caller.call, calls)
    return (process_time() - began) / calls * 1e6


async def _main(calls: int, rounds: int) -> None:
    settings = Settings.load({}, os.environ)
    assert settings.redis is not None
    store = await Store.connect(settings.redis, patience=settings.decide_budget / 1000)
    try:
        print(msgspec.json.encode(await compare_calls(store, settings, calls, rounds)).decode())
    finally:
        await store.close()


if __name__ == "__main__":
    uvloop.run(_main(*map(int, sys.argv[1:])))
