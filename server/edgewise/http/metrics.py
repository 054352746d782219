"""`GET /metrics`: what is measured, for Prometheus.

When PROMETHEUS_MULTIPROC_DIR names a folder, which the supervisor sees to, each worker writes down its own there, and
whichever is asked adds them up.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Literal, TypeAlias

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from edgewise.decisions.result import Decided
from edgewise.errors import StoreError
from edgewise.events.recorder import Reason, Rejection
from edgewise.http.auth import Gate
from edgewise.http.endpoint import Call, Door
from edgewise.http.responses import send_bytes
from edgewise.serving.follower import Follower
from edgewise.serving.served import ServedSite
from edgewise.store import Backlog, Store
from edgewise.types import Consent, Milliseconds, PolicyRef
from edgewise.wall_clock import now_ms

_PATIENCE = 1.0
"""Seconds that the store has to tell: whoever asks for metrics does not wait for ever either."""

DECISIONS = Counter(
    "edgewise_decisions",
    "Placements answered; a placement that is not the site's counts as '', what a robot asks for as group robot, and "
    "what is asked for with a token as group preview.",
    ("site", "placement", "group"),
)
DECIDE_SECONDS = Histogram(
    "edgewise_decide_seconds",
    "Time from the arrival of a decide call to its answer.",
    buckets=(0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.075, 0.1, 0.25, 1.0),
)
ACCEPTED = Counter(
    "edgewise_messages_accepted",
    "Messages taken; of these, what robots send and what visitors do not consent to is not kept.",
)
NOT_KEPT = Counter(
    "edgewise_messages_not_kept",
    "Messages taken of which nothing is kept: a robot sent them, or the visitor does not consent.",
    ("site", "reason"),
)
CONSENT = Counter(
    "edgewise_decide_calls", "Decide calls, by the consent that they were answered under.", ("site", "consent")
)
REJECTED = Counter("edgewise_messages_rejected", "Messages refused.", ("code",))
LEARNING_DELAY_SECONDS = Histogram(
    "edgewise_learning_delay_seconds",
    "Time from the close of a decision's window to a model that knows it being served.",
    ("site", "placement"),
    buckets=(0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 600.0),
)


Apart: TypeAlias = Literal["robot", "preview"]
"""Who is no visitor: the decisions that they are told are counted apart."""


def decided(
    site: ServedSite, decisions: Sequence[Decided], seconds: float, consent: Consent, apart: Apart | None
) -> None:
    """A decide call was answered. `apart` is who made it, if it was no visitor."""
    DECIDE_SECONDS.observe(seconds)
    _calls(site.name, consent).inc()
    for decision in decisions:
        # Anyone may ask for any name: only those that there are become labels.
        placement = decision.placement if decision.placement in site.placements else ""
        _decisions(site.name, placement, apart or decision.group).inc()


def recorded(accepted: int, rejected: Sequence[Rejection]) -> None:
    """Messages were recorded and refused."""
    ACCEPTED.inc(accepted)
    for rejection in rejected:
        REJECTED.labels(rejection.code).inc()


def not_kept(site: str, reason: Reason, count: int) -> None:
    """Messages were taken, and nothing of them is kept."""
    NOT_KEPT.labels(site, reason).inc(count)


def model_loaded(ref: PolicyRef, delay: Milliseconds) -> None:
    """A model is served that knows of a window that closed so long ago."""
    LEARNING_DELAY_SECONDS.labels(ref.site, ref.placement).observe(delay / 1000)


class Metrics(Door):
    """Answers with all metrics in Prometheus's text format. What the store has to tell is left out when it does not."""

    def __init__(self, gate: Gate, follower: Follower, store: Store) -> None:
        super().__init__(gate)
        self._follower = follower
        self._queues = store.queues
        self._models = _Models(follower)

    async def open(self, call: Call) -> None:
        registry = CollectorRegistry()
        registry.register(self._models)
        registry.register(_Backlogs(await self._backlogs()))
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
            text = generate_latest(registry)
        else:
            text = generate_latest(REGISTRY) + generate_latest(registry)
        await send_bytes(call.send, 200, text, CONTENT_TYPE_LATEST.encode())

    async def _backlogs(self) -> Mapping[str, Backlog]:
        """What waits for the webhooks of each site that has some."""
        names = [site.name for site in self._follower.sites.values() if site.triggers]
        try:
            async with asyncio.timeout(_PATIENCE):
                return {name: await self._queues.backlog(name, now_ms()) for name in names}
        except (StoreError, TimeoutError):
            return {}


class _Backlogs(Collector):
    """What waits to be sent."""

    def __init__(self, backlogs: Mapping[str, Backlog]) -> None:
        self._backlogs = backlogs

    def collect(self) -> Iterable[GaugeMetricFamily]:
        told = [
            ("edgewise_webhook_visitors_waiting", "Visitors with messages that wait, or who are waited for."),
            ("edgewise_webhook_overdue_seconds", "For how long the one who waits longest should have been looked at."),
            ("edgewise_webhook_visitors_dead", "Visitors with messages that were given up and are still kept."),
        ]
        families = [GaugeMetricFamily(name, meaning, labels=("site",)) for name, meaning in told]
        for site, backlog in self._backlogs.items():
            values = (backlog.visitors, backlog.overdue / 1000, backlog.dead)
            for family, value in zip(families, values, strict=True):
                family.add_metric((site,), value)
        return families


class _Models(Collector):
    """The models that this worker serves."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower

    def collect(self) -> Iterable[GaugeMetricFamily]:
        labels = ("site", "placement")
        age = GaugeMetricFamily(
            "edgewise_model_age_seconds", "Age of the last log entry that the served model knows.", labels=labels
        )
        version = GaugeMetricFamily("edgewise_model_version", "Version of the served model.", labels=labels)
        for site in self._follower.sites.values():
            for name, placement in site.placements.items():
                if placement.model_head is not None:
                    age.add_metric((site.name, name), max(0.0, time.time() - placement.model_head.position.ms / 1000))
                    version.add_metric((site.name, name), placement.model_head.model_version)
        return (age, version)


@lru_cache(maxsize=4096)
def _decisions(site: str, placement: str, group: str) -> Counter:
    return DECISIONS.labels(site, placement, group)


@lru_cache(maxsize=4096)
def _calls(site: str, consent: Consent) -> Counter:
    return CONSENT.labels(site, consent)
