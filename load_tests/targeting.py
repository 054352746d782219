"""What targeting costs: a decide call with a full profile, conditions and segments, next to one without.

It is measured as whole requests to a worker, and in the door alone, without a server. Three kinds of calls are made in
turns: those of visitors of whom nothing is known, those of visitors with a full profile, and those of the latter where
each action has a condition and the site has segments.

python -m load_tests.targeting CALLS ROUNDS

measures the door. The store is the one that EDGEWISE_REDIS names. Prints the result as JSON.
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
from load_tests.anatomy import Browser, together
from load_tests.serving import DECIDED, Tell, saturate
from load_tests.stage import Worker
from load_tests.targeted import SITES, door, requests

APP = "load_tests.targeted:create_app"

_WARM_UP = 0.3  # seconds


class Targeting(Struct, frozen=True):
    """Microseconds of CPU of a call, and round by round what targeting makes of it.

    `conditions` is what conditions and segments make of a call with a full profile, `all_in` what all three make of one
    without.
    """

    bare: float
    profiled: float
    targeted: float
    conditions: Sequence[float]
    all_in: Sequence[float]

    @classmethod
    def of(cls, rounds: Sequence[Sequence[float]]) -> Targeting:
        """`rounds` have the microseconds of each of the three sites, in their order."""
        bare, profiled, targeted = (median(column) for column in zip(*rounds, strict=True))
        return cls(
            bare,
            profiled,
            targeted,
            [with_them / without for _, without, with_them in rounds],
            [with_them / without for without, _, with_them in rounds],
        )


async def compare_requests(worker: Worker, rounds: int, seconds: float, tell: Tell) -> Targeting:
    """Saturate a worker with the requests of each site by turns, so many seconds each in so many rounds.

    Raises:
        Mismeasured: a call was not answered as it must be.
    """
    sent = [requests(site) for site in SITES]
    for some in sent:
        await saturate(worker, DECIDED, some, _WARM_UP)
    taken = []
    for number in range(rounds):
        taken.append([1e6 / (await saturate(worker, DECIDED, some, seconds)).rate for some in sent])
        tell(f"targeted / bare requests, round {number + 1} of {rounds}: {taken[-1][2] / taken[-1][0]:.3f}")
    return Targeting.of(taken)


async def compare_calls(store: Store, settings: Settings, calls: int, rounds: int) -> Targeting:
    """Call the door alone, so many times for each site in so many rounds.

    Raises:
        Mismeasured: a call was not answered as it must be.
    """
    decide = await door(store, settings)
    browsers = [Browser(decide, requests(site)) for site in SITES]
    for browser in browsers:
        await _cpu(browser, calls)
    return Targeting.of([[await _cpu(browser, calls) for browser in browsers] for _ in range(rounds)])


async def _cpu(browser: Browser, calls: int) -> float:
    """Microseconds of CPU that a call takes."""
    began = process_time()
    await together(browser.call, calls)
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
