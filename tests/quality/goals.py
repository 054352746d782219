"""The goals for new policies, and whether a measurement reaches them. Goals without measurements are left out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from tests.quality.catalog import EDGEWISE
from tests.quality.measurement import RECOVERY
from tests.quality.peers import PEERS
from tests.quality.results import Results

MOST_BELOW = 3.0
"""The most points of score below the best peer."""

LEAST_SCORES = {"digits": 80, "covertype-like": 80, "shop5": 50, "shop20": 45, "shop200": 35}
RECOVERED = 0.9
AHEAD_SEEDS = 0.8


class Goal(NamedTuple):
    """A goal in words, the figure that was found, and whether it reaches the goal."""

    text: str
    found: str
    is_reached: bool


def goals(results: Results) -> Iterator[Goal]:
    yield from _near_the_best_peer(results)
    for stream, least in LEAST_SCORES.items():
        score = results.mean(stream, EDGEWISE)
        if not math.isnan(score):
            yield Goal(f"`{stream}`: a score of at least {least}", f"{score:.1f}", score >= least)
    for stream in results.streams:
        share = results.recovered(stream, EDGEWISE)
        if not math.isnan(share):
            text = f"`{stream}`: {RECOVERED:.0%} of the score before the change, {RECOVERY:,} events after it"
            yield Goal(text, f"{share:.0%}", share >= RECOVERED)
    ahead = [difference > 0 for difference in results.differences("small-shop", "best-single")]
    if ahead:
        text = f"`small-shop`: ahead of the best single action after five weeks, in {AHEAD_SEEDS:.0%} of the seeds"
        yield Goal(text, f"{sum(ahead)} of {len(ahead)}", sum(ahead) >= AHEAD_SEEDS * len(ahead))


def _near_the_best_peer(results: Results) -> Iterator[Goal]:
    lags = {
        stream: results.mean(stream, peer) - results.mean(stream, EDGEWISE)
        for stream in results.streams
        if results.of(stream, EDGEWISE) and (peer := results.best_peer(stream))
    }
    if not lags:
        return
    far = [f"{stream} {lag:.1f}" for stream, lag in lags.items() if lag > MOST_BELOW]
    found = f"more on {len(far)} of {len(lags)}: {', '.join(far)}" if far else f"all {len(lags)}"
    yield Goal(f"every stream: at most {MOST_BELOW:g} points below the best peer", found, not far)
    above = sum(map(results.is_above_every_peer, lags))
    missing = set(PEERS) - set(results.methods)
    text = "a third of the streams: significantly above every " + ("measured peer" if missing else "peer")
    yield Goal(text, f"{above} of {len(lags)}", 3 * above >= len(lags))
