"""Prometheus metrics of this process.

If PROMETHEUS_MULTIPROC_DIR names a folder, as under the supervisor, each worker writes its values to files in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, TypeAlias

from prometheus_client import Counter, Histogram

from edgewise.budgets.source_budgets import BudgetName
from edgewise.decisions.result import PlacementResult
from edgewise.events.recorder import Reason, Rejection
from edgewise.serving.served_site import ServedSite
from edgewise.types import Consent, Milliseconds, PolicyRef

NonVisitor: TypeAlias = Literal["robot", "preview", "limited"]
"""Callers that are not visitors, or over their budget. Their decisions are counted in groups of their own."""

ClosingReason: TypeAlias = Literal["total", "source", "slow", "headers"]
"""Why a worker closed a connection: too many of them in all or from one source, too slow, or headers too large."""

DECISIONS = Counter(
    "edgewise_decisions",
    "Decided placements. Unknown placements have an empty label. Robots are in the group `robot`, calls with a preview "
    "token in the group `preview`. Calls over the budget of their address are in the group `limited`.",
    ("site", "placement", "group"),
)
DECIDE_SECONDS = Histogram(
    "edgewise_decide_seconds",
    "Time from the arrival of a decide request to its response.",
    buckets=(0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.075, 0.1, 0.25, 1.0),
)
ACCEPTED = Counter(
    "edgewise_messages_accepted",
    "Accepted messages, including those that are dropped.",
)
NOT_KEPT = Counter(
    "edgewise_messages_not_kept",
    "Accepted messages that were dropped: a robot sent them, the visitor does not consent, or no userHash proves their "
    "only id.",
    ("site", "reason"),
)
CONSENT = Counter("edgewise_decide_calls", "Decide requests, by the visitor's consent.", ("site", "consent"))
UNPROVEN = Counter(
    "edgewise_unproven_user_ids",
    "User ids that did not count, because a browser sent them without a valid userHash.",
    ("site",),
)
REJECTED = Counter("edgewise_messages_rejected", "Rejected messages, by error code.", ("code",))
FAULTS = Counter(
    "edgewise_decide_faults",
    "Unexpected errors while deciding. The visitor got the baseline. The log has each kind of error once.",
    ("site",),
)
OVER_BUDGET = Counter(
    "edgewise_over_budget",
    "Uses that the budget of an address, or of a decision, did not allow. `budget` is decides, messages, visitors, "
    "webhooks or outcomes. `store` counts new visitors that a nearly full store did not take.",
    ("site", "budget"),
)
CONNECTIONS_CLOSED = Counter(
    "edgewise_connections_closed",
    "Connections that a worker closed because of a limit: `total`, `source`, `slow` or `headers`.",
    ("reason",),
)
LEARNING_DELAY_SECONDS = Histogram(
    "edgewise_learning_delay_seconds",
    "Time from the end of a decision's reward window until this worker serves a model that has learned from it.",
    ("site", "placement"),
    buckets=(0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 600.0),
)


def observe_decide_call(
    site: ServedSite,
    results: Sequence[PlacementResult],
    seconds: float,
    consent: Consent,
    non_visitor: NonVisitor | None,
) -> None:
    """Count a decide request and its results. `seconds` is the time from its arrival to its response."""
    DECIDE_SECONDS.observe(seconds)
    _consent_counter(site.name, consent).inc()
    for result in results:
        # Clients can invent placement names, so only known ones become labels.
        placement = result.placement if result.placement in site.placements else ""
        _decision_counter(site.name, placement, non_visitor or result.group).inc()


def count_decide_fault(site: str) -> None:
    FAULTS.labels(site).inc()


def count_over_budget(site: str, budget: BudgetName) -> None:
    OVER_BUDGET.labels(site, budget).inc()


def count_messages(accepted: int, rejections: Sequence[Rejection]) -> None:
    ACCEPTED.inc(accepted)
    for rejection in rejections:
        REJECTED.labels(rejection.code).inc()


def count_closed_connections(reason: ClosingReason, count: int = 1) -> None:
    CONNECTIONS_CLOSED.labels(reason).inc(count)


def count_dropped_messages(site: str, reason: Reason, count: int) -> None:
    NOT_KEPT.labels(site, reason).inc(count)


def count_unproven_user_ids(site: str, count: int) -> None:
    UNPROVEN.labels(site).inc(count)


def observe_loaded_model(ref: PolicyRef, delay: Milliseconds) -> None:
    """Record the delay from the end of the newest reward window in a model to the start of serving it."""
    LEARNING_DELAY_SECONDS.labels(ref.site, ref.placement).observe(delay / 1000)


@lru_cache(maxsize=4096)
def _decision_counter(site: str, placement: str, group: str) -> Counter:
    return DECISIONS.labels(site, placement, group)


@lru_cache(maxsize=4096)
def _consent_counter(site: str, consent: Consent) -> Counter:
    return CONSENT.labels(site, consent)
