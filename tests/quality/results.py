"""Measurements by stream and method, and the comparisons of Edgewise with the other methods."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cached_property
from statistics import fmean
from typing import NamedTuple

from tests.quality.catalog import EDGEWISE
from tests.quality.measurement import Measurement
from tests.quality.peers import PEERS
from tests.quality.significance import LEVEL, bootstrap_interval, bootstrap_p, holm


class Comparison(NamedTuple):
    """Edgewise minus another method in one stream: mean, interval, and p-value after Holm's correction."""

    difference: float
    low: float
    high: float
    p: float

    @property
    def is_above(self) -> bool:
        return self.difference > 0 and self.p < LEVEL

    @property
    def is_below(self) -> bool:
        return self.difference < 0 and self.p < LEVEL


class Results:
    """Measurements in the order of `streams` and `methods`. Streams and methods without any are left out."""

    def __init__(self, measured: Iterable[Measurement], streams: Sequence[str], methods: Sequence[str]) -> None:
        self._by_pair: dict[tuple[str, str], dict[int, Measurement]] = {}
        for one in measured:
            if not math.isnan(one.score):
                self._by_pair.setdefault((one.stream, one.method), {})[one.seed] = one
        self.streams = [stream for stream in streams if any(pair[0] == stream for pair in self._by_pair)]
        self.methods = [method for method in methods if any(pair[1] == method for pair in self._by_pair)]

    def of(self, stream: str, method: str) -> list[Measurement]:
        """The measurements of each seed, in the order of the seeds."""
        by_seed = self._by_pair.get((stream, method), {})
        return [by_seed[seed] for seed in sorted(by_seed)]

    def mean(self, stream: str, method: str) -> float:
        """The mean score. NaN without measurements."""
        measured = self.of(stream, method)
        return fmean(one.score for one in measured) if measured else math.nan

    def differences(self, stream: str, method: str) -> list[float]:
        """Edgewise minus the method, for each seed that both have."""
        ours = self._by_pair.get((stream, EDGEWISE), {})
        theirs = self._by_pair.get((stream, method), {})
        return [ours[seed].score - theirs[seed].score for seed in sorted(ours.keys() & theirs.keys())]

    def best_peer(self, stream: str) -> str | None:
        peers = [method for method in self.methods if method in PEERS and self.of(stream, method)]
        return max(peers, key=lambda peer: self.mean(stream, peer), default=None)

    def is_above_every_peer(self, stream: str) -> bool:
        peers = [method for method in self.methods if method in PEERS and (stream, method) in self.comparisons]
        return bool(peers) and all(self.comparisons[stream, peer].is_above for peer in peers)

    def recovered(self, stream: str, method: str) -> float:
        """The mean score after the change, as a share of the mean before it. NaN for a stream without a change."""
        drifts = [one.drift for one in self.of(stream, method) if one.drift is not None]
        if not drifts:
            return math.nan
        return fmean(drift.after for drift in drifts) / fmean(drift.before for drift in drifts)

    @cached_property
    def comparisons(self) -> dict[tuple[str, str], Comparison]:
        """Edgewise against every other method of the table, all corrected together."""
        found = {
            (stream, method): differences
            for stream in self.streams
            for method in self.methods
            if method != EDGEWISE and (differences := self.differences(stream, method))
        }
        corrected = holm([bootstrap_p(differences) for differences in found.values()])
        return {
            pair: Comparison(fmean(differences), *bootstrap_interval(differences), p)
            for (pair, differences), p in zip(found.items(), corrected, strict=True)
        }
