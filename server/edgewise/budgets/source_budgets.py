"""The budgets of a worker: those of each source of requests, and the one of each decision."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Literal, TypeAlias

from edgewise.budgets.leased_budget import LeasedBudget, Limit
from edgewise.budgets.source_digest import source_digest
from edgewise.budgets.store_pressure import StorePressure
from edgewise.settings import Settings
from edgewise.store import Command, Store
from edgewise.store.reward_sources import SERVER
from edgewise.types import DecisionKey, Milliseconds, PolicyRef
from edgewise.wall_clock import now_ms

log = logging.getLogger(__name__)

BudgetName: TypeAlias = Literal["decides", "messages", "visitors", "webhooks", "outcomes", "store"]
"""Decide calls, messages, new visitors and webhook messages of a source, outcomes of a decision, and the store."""

OnRefused: TypeAlias = Callable[[str, BudgetName], None]
"""Called with the site's name for each refused use."""

OUTCOMES = 256
"""The most outcomes of one decision in a day. The largest row of 100 slots has fewer."""

_MINUTE: Milliseconds = 60_000
_HOUR: Milliseconds = 60 * _MINUTE
_DAY: Milliseconds = 24 * _HOUR

_FREE_OUTCOMES = 64
_LARGEST_BATCH = 500
_LOG_EVERY = 3600.0
"""Seconds between two warnings about one kind of budget."""


class SourceBudgets:
    """Every method returns False if the budget is used up. A `source` is an address, or a part of one."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        on_refused: OnRefused | None = None,
        pressure: StorePressure | None = None,
    ) -> None:
        self._pressure = pressure
        self._secret = secret = (settings.secret_key or "").encode()
        self._store = store
        hourly = settings.visitors_per_source
        limits = (
            _limit("decides", settings.decides_per_source, _MINUTE, credit=settings.decides_per_source // 2),
            _limit("messages", settings.messages_per_source, _MINUTE, credit=_LARGEST_BATCH),
            _limit("visitors", hourly, _HOUR, credit=hourly // 20),
            _limit("webhooks", hourly, _HOUR, credit=hourly // 20),
            Limit("outcomes", OUTCOMES, _DAY, _FREE_OUTCOMES, credit=0),
        )
        self._budgets = {limit.name: LeasedBudget(store, limit, secret) for limit in limits}
        self._on_refused = on_refused
        self._next_warning: dict[BudgetName, float] = {}

    def take(self, name: BudgetName, site: str, source: str, count: int = 1) -> bool:
        """Use the budget of a source for this site. While the store is nearly full, no visitor is added."""
        if name == "visitors" and self._pressure is not None and self._pressure.is_high:
            if self._on_refused is not None:
                self._on_refused(site, "store")
            return False
        return self._budgets[name].take((site, source), count) or self._refuse(name, site)

    def take_outcome(self, site: str, decision: DecisionKey) -> bool:
        """Use the budget of a decision for one more outcome."""
        return self._budgets["outcomes"].take((site, decision.hex())) or self._refuse("outcomes", site)

    def count_reward_command(self, source: str | None, ref: PolicyRef, has_consent: bool) -> Command:
        """The command that counts a rewarding outcome. `source` is None for a server."""
        digest = SERVER if source is None else source_digest(self._secret, source, has_consent=has_consent)
        return self._store.reward_sources.count_command(ref, digest, now_ms())

    def _refuse(self, name: BudgetName, site: str) -> Literal[False]:
        if self._on_refused is not None:
            self._on_refused(site, name)
        now = time.monotonic()
        if now >= self._next_warning.get(name, 0.0):
            self._next_warning[name] = now + _LOG_EVERY
            limit = self._budgets[name].limit
            log.warning(
                "%s: One %s has used its budget of %d %s in %d s. %s",
                *(site, "decision" if name == "outcomes" else "address", limit.most, name, limit.period // 1000),
                "Further ones are refused." if name == "outcomes" else "If that is your proxy, see --trusted-proxies.",
            )
        return False


def _limit(name: BudgetName, most: int, period: Milliseconds, credit: int) -> Limit:
    return Limit(name, most, period, chunk=max(10, most // 50), credit=credit)
