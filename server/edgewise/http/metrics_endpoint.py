"""`GET /metrics`: the metrics of all workers, of the loaded models, and of the webhook queues, for Prometheus."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from edgewise.errors import StoreError
from edgewise.http.auth import Authenticator
from edgewise.http.endpoint import Endpoint, HttpRequest
from edgewise.http.responses import send_bytes
from edgewise.serving.follower import Follower
from edgewise.sites import decode_problems
from edgewise.store import Backlog, RewardShare, Store
from edgewise.types import PolicyRef
from edgewise.wall_clock import now_ms

STORE_TIMEOUT = 1.0
"""Seconds to wait for the store. Without its answer, the metrics of the webhook queues are missing."""


RENDERINGS_A_SECOND, RENDERINGS_AT_ONCE = 2.0, 50.0
"""Beyond this, a response repeats the last one. Everyone may ask, and a rendering reads many files."""


class MetricsEndpoint(Endpoint):
    """Responds in Prometheus's text format."""

    def __init__(self, auth: Authenticator, follower: Follower, store: Store) -> None:
        super().__init__(auth)
        self._follower = follower
        self._queues = store.webhook_queues
        self._registry = store.registry
        self._reward_sources = store.reward_sources
        self._memory = store.memory
        self._models = _ModelCollector(follower)
        self._text = b""
        self._renderings = RENDERINGS_AT_ONCE
        self._called_at = time.monotonic()

    async def handle(self, request: HttpRequest) -> None:
        now = time.monotonic()
        self._renderings = min(RENDERINGS_AT_ONCE, self._renderings + (now - self._called_at) * RENDERINGS_A_SECOND)
        self._called_at = now
        if not self._text or self._renderings >= 1:
            self._renderings -= 1
            self._text = await self._render()
        await send_bytes(request.send, 200, self._text, CONTENT_TYPE_LATEST.encode())

    async def _render(self) -> bytes:
        registry = CollectorRegistry()
        registry.register(self._models)
        registry.register(_BacklogCollector(await self._backlogs()))
        registry.register(_MemoryCollector(await self._store_memory()))
        registry.register(_RewardCollector(await self._reward_shares()))
        registry.register(_ProblemCollector(await self._file_problems()))
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
            try:
                return generate_latest(registry)
            except FileNotFoundError:  # A process ended meanwhile, and its file was added to another.
                return generate_latest(registry)
        return generate_latest(REGISTRY) + generate_latest(registry)

    async def _backlogs(self) -> Mapping[str, Backlog]:
        """The backlog of each site with webhooks. Empty if the store does not answer."""
        names = [site.name for site in self._follower.sites.values() if site.triggers]
        try:
            async with asyncio.timeout(STORE_TIMEOUT):
                return {name: await self._queues.backlog(name, now_ms()) for name in names}
        except (StoreError, TimeoutError):
            return {}

    async def _store_memory(self) -> int | None:
        """The used memory of the store in bytes. None if it does not answer."""
        try:
            async with asyncio.timeout(STORE_TIMEOUT):
                return (await self._memory.use()).used
        except (StoreError, TimeoutError):
            return None

    async def _reward_shares(self) -> Mapping[PolicyRef, RewardShare]:
        """The share of the busiest addresses in each policy. Empty if the store does not answer."""
        refs = [placement.ref for site in self._follower.sites.values() for placement in site.placements.values()]
        try:
            async with asyncio.timeout(STORE_TIMEOUT):
                return await self._reward_sources.shares(refs, now_ms())
        except (StoreError, TimeoutError):
            return {}

    async def _file_problems(self) -> int | None:
        """The number of problems in refused policy files. None if the store does not answer."""
        try:
            async with asyncio.timeout(STORE_TIMEOUT):
                return len(decode_problems(await self._registry.problems()))
        except (StoreError, TimeoutError):
            return None


class _MemoryCollector(Collector):
    """The memory of the store."""

    def __init__(self, used: int | None) -> None:
        self._used = used

    def collect(self) -> Iterable[GaugeMetricFamily]:
        meaning = "Memory that the store uses, on all its nodes."
        return () if self._used is None else (GaugeMetricFamily("edgewise_store_memory_bytes", meaning, self._used),)


class _RewardCollector(Collector):
    """The sources of each policy's rewards."""

    def __init__(self, shares: Mapping[PolicyRef, RewardShare]) -> None:
        self._shares = shares

    def collect(self) -> Iterable[GaugeMetricFamily]:
        labels = ("site", "placement")
        share = GaugeMetricFamily(
            "edgewise_reward_top_sources_share",
            "Share of the three busiest addresses in the rewards of today and yesterday (UTC).",
            labels=labels,
        )
        alarm = GaugeMetricFamily(
            "edgewise_reward_drift_alarm",
            "Whether the three busiest addresses brought more than half of at least 100 rewards.",
            labels=labels,
        )
        for ref, one in self._shares.items():
            share.add_metric(ref, one.share)
            alarm.add_metric(ref, float(one.is_alarming))
        return (share, alarm)


class _ProblemCollector(Collector):
    """The policy files."""

    def __init__(self, problems: int | None) -> None:
        self._problems = problems

    def collect(self) -> Iterable[GaugeMetricFamily]:
        meaning = "Problems of the last edit of the policy files, if it was refused. At most 20 count."
        return (
            ()
            if self._problems is None
            else (GaugeMetricFamily("edgewise_policy_file_problems", meaning, self._problems),)
        )


class _BacklogCollector(Collector):
    """The webhook queues of each site."""

    def __init__(self, backlogs: Mapping[str, Backlog]) -> None:
        self._backlogs = backlogs

    def collect(self) -> Iterable[GaugeMetricFamily]:
        meanings = [
            ("edgewise_webhook_visitors_waiting", "Visitors with queued webhook messages or pending conditions."),
            ("edgewise_webhook_overdue_seconds", "Time since the due time of the most overdue visitor."),
            ("edgewise_webhook_visitors_dead", "Visitors with messages that could not be delivered and are kept."),
        ]
        families = [GaugeMetricFamily(name, meaning, labels=("site",)) for name, meaning in meanings]
        for site, backlog in self._backlogs.items():
            values = (backlog.visitors, backlog.overdue / 1000, backlog.dead)
            for family, value in zip(families, values, strict=True):
                family.add_metric((site,), value)
        return families


class _ModelCollector(Collector):
    """The models that this worker serves."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower

    def collect(self) -> Iterable[GaugeMetricFamily]:
        labels = ("site", "placement")
        age = GaugeMetricFamily(
            "edgewise_model_age_seconds",
            "Age of the last log entry that the served model has learned from.",
            labels=labels,
        )
        version = GaugeMetricFamily("edgewise_model_version", "Version of the served model.", labels=labels)
        ahead = GaugeMetricFamily(
            "edgewise_log_ahead_seconds",
            "How far the log is ahead of the store's clock. It is above 0 only after that clock was set back.",
            labels=labels,
        )
        times = self._follower.log_times
        for site in self._follower.sites.values():
            for name, placement in site.placements.items():
                if (head := placement.model_head) is not None:
                    age.add_metric((site.name, name), times.age(placement.ref, head.position) / 1000)
                    version.add_metric((site.name, name), head.model_version)
                    ahead.add_metric((site.name, name), times.ahead(head.position) / 1000)
        return (age, version, ahead)
