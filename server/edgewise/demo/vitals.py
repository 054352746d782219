"""How the server does, as it tells itself: at `/v1/policies/{placement}` and `/metrics`."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from prometheus_client.parser import text_string_to_metric_families

from edgewise.demo.example import PLACEMENT

EVERY = 0.5
"""Seconds between two looks."""


class Vitals(NamedTuple):
    """How the server does. Times are in seconds.

    A quantile is the upper bound of its histogram bucket, None while nothing was observed. The learning delay runs from
    the close of a decision's window to a model that knows it being served; there is one for each model, that of the
    decision that waited the longest for it.
    """

    model_version: int = 0
    model_age: float = 0.0
    learned: int = 0
    lag: float = 0.0
    delay_p50: float | None = None
    delay_p99: float | None = None
    decide_p99: float | None = None


async def read_vitals(client: httpx.AsyncClient, secret_key: str) -> Vitals:
    """Ask the server.

    Raises:
        httpx.HTTPError: it does not tell.
    """
    bearer = {"authorization": f"Bearer {secret_key}"}
    policy = (await client.get(f"/v1/policies/{PLACEMENT}", headers=bearer)).raise_for_status().json()
    metrics = (await client.get("/metrics")).raise_for_status().text
    return _vitals(policy, metrics)


class Watch:
    """Keeps `vitals` up to date."""

    def __init__(self, client: httpx.AsyncClient, secret_key_file: Path) -> None:
        self.vitals = Vitals()
        self._client = client
        self._secret_key = secret_key_file.read_text().strip()

    async def look(self) -> None:
        """Ask once. What is known stays while the server does not tell: whoever waits for an answer notices that."""
        with suppress(httpx.HTTPError):
            self.vitals = await read_vitals(self._client, self._secret_key)

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY)

    async def until_learned(self, decisions: int) -> None:
        """Wait until a published model knows so many decisions."""
        while self.vitals.learned < decisions:
            await self.look()
            await asyncio.sleep(EVERY)


def quantile(buckets: Mapping[float, float], share: float) -> float | None:
    """The least of the buckets' upper bounds that this share of the observations does not exceed; None without any."""
    count = buckets.get(math.inf, 0.0)
    return min((bound for bound, below in buckets.items() if below >= share * count), default=None) if count else None


def _vitals(policy: Mapping[str, Any], metrics: str) -> Vitals:
    model = policy["model"] or {"version": 0, "ageSeconds": 0.0, "learnedDecisions": 0}
    delay = _buckets(metrics, "edgewise_learning_delay_seconds", {"placement": PLACEMENT})
    return Vitals(
        model_version=model["version"],
        model_age=model["ageSeconds"],
        learned=model["learnedDecisions"],
        lag=policy["learnerLagSeconds"],
        delay_p50=quantile(delay, 0.5),
        delay_p99=quantile(delay, 0.99),
        decide_p99=quantile(_buckets(metrics, "edgewise_decide_seconds", {}), 0.99),
    )


def _buckets(metrics: str, histogram: str, labels: Mapping[str, str]) -> Mapping[float, float]:
    """How many observations do not exceed each upper bound, over all series that have these labels."""
    counts: Counter[float] = Counter()
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            if sample.name == f"{histogram}_bucket" and labels.items() <= sample.labels.items():
                counts[float(sample.labels["le"])] += int(sample.value)
    return counts
