"""The server's status, read from `/v1/policies/{placement}` and `/metrics`."""

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

POLL_EVERY = 0.5
"""Seconds."""


class ServerStatus(NamedTuple):
    """Times are in seconds.

    A quantile is the upper bound of its histogram bucket, or None without observations. The learning delay is the time
    from the close of a decision's window until the server uses a model that includes it. Each model counts once, with
    its longest delay.
    """

    model_version: int = 0
    model_age: float = 0.0
    learned: int = 0
    lag: float = 0.0
    delay_p50: float | None = None
    delay_p99: float | None = None
    decide_p99: float | None = None


async def read_status(client: httpx.AsyncClient, secret_key: str) -> ServerStatus:
    """Raises httpx.HTTPError if the server does not answer."""
    bearer = {"authorization": f"Bearer {secret_key}"}
    policy = (await client.get(f"/v1/policies/{PLACEMENT}", headers=bearer)).raise_for_status().json()
    metrics = (await client.get("/metrics")).raise_for_status().text
    return _parse_status(policy, metrics)


class StatusPoller:
    """Keeps `status` up to date by polling."""

    def __init__(self, client: httpx.AsyncClient, secret_key_file: Path) -> None:
        self.status = ServerStatus()
        self._client = client
        self._secret_key = secret_key_file.read_text().strip()

    async def poll(self) -> None:
        """Read the status once. An error keeps the old status, since callers with a deadline notice it anyway."""
        with suppress(httpx.HTTPError):
            self.status = await read_status(self._client, self._secret_key)

    async def run(self) -> None:
        """Poll until cancelled."""
        while True:
            await self.poll()
            await asyncio.sleep(POLL_EVERY)

    async def until_learned(self, decisions: int) -> None:
        """Wait until a published model has learned from this many decisions."""
        while self.status.learned < decisions:
            await self.poll()
            await asyncio.sleep(POLL_EVERY)


def quantile(buckets: Mapping[float, float], share: float) -> float | None:
    """The lowest upper bound of a bucket that covers this share of the observations, or None without observations."""
    count = buckets.get(math.inf, 0.0)
    return min((bound for bound, below in buckets.items() if below >= share * count), default=None) if count else None


def _parse_status(policy: Mapping[str, Any], metrics: str) -> ServerStatus:
    model = policy["model"] or {"version": 0, "ageSeconds": 0.0, "learnedDecisions": 0}
    delay = _buckets(metrics, "edgewise_learning_delay_seconds", {"placement": PLACEMENT})
    return ServerStatus(
        model_version=model["version"],
        model_age=model["ageSeconds"],
        learned=model["learnedDecisions"],
        lag=policy["learnerLagSeconds"],
        delay_p50=quantile(delay, 0.5),
        delay_p99=quantile(delay, 0.99),
        decide_p99=quantile(_buckets(metrics, "edgewise_decide_seconds", {}), 0.99),
    )


def _buckets(metrics: str, histogram: str, labels: Mapping[str, str]) -> Mapping[float, float]:
    """The cumulative count at each upper bound, summed over all series with these labels."""
    counts: Counter[float] = Counter()
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            if sample.name == f"{histogram}_bucket" and labels.items() <= sample.labels.items():
                counts[float(sample.labels["le"])] += int(sample.value)
    return counts
