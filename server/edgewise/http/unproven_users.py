"""Reports of user ids that did not count. They show the owner why logged-in visitors stay anonymous."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from edgewise.http import metrics
from edgewise.ids.user_proof import UserProof
from edgewise.serving.served_site import ServedSite

log = logging.getLogger(__name__)

INTERVAL = 3600.0
"""Seconds in which each site is logged at most once. The log never has the id."""


class UnprovenUsers:
    """Counts the refused ids of each site, and logs the first one in an interval."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._logged_at: dict[str, float] = {}

    def report(self, site: ServedSite, proof: UserProof) -> None:
        metrics.count_unproven_user_ids(site.name, proof.refused)
        now = self._clock()
        if now - self._logged_at.get(site.name, -INTERVAL) < INTERVAL:
            return
        self._logged_at[site.name] = now
        reason = (
            "without a valid userHash"
            if site.identity_secrets
            else "but the site has no identity secret. Create one with `edgewise identity-secret`"
        )
        log.warning(
            "site %r: A browser sent a userId %s. Such ids do not count, so their visits stay anonymous. "
            'docs/guides/identity.md describes the proof. `identity = "trusted"` in site.toml believes all ids.',
            site.name,
            reason,
        )


_reports = UnprovenUsers()
report_unproven_users = _reports.report
