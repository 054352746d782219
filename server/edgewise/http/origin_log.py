"""The log of refused origins. It shows the owner why a page gets no decisions, and which line of site.toml helps."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from edgewise.http.cors import SERVE_FILES, Origin, origins_line, web_origin
from edgewise.policies.origins import ANY_ORIGIN

log = logging.getLogger(__name__)

INTERVAL = 3600.0
"""Seconds in which each origin is logged at most once."""

MAX_ORIGINS = 20
"""The most origins logged in an interval, so that nobody can flood the log with invented ones."""


class OriginLog:
    """Logs each refused origin of this web worker, with a limited rate."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._interval_start = clock()
        self._logged: set[tuple[str, str | None]] = set()

    def log_refused(self, site: str, allowed: Sequence[str], origin: Origin) -> None:
        """Log that a site, which allows some other origins, refused this one. Malformed origins are not quoted."""
        if self._clock() - self._interval_start >= INTERVAL:
            self._interval_start = self._clock()
            self._logged.clear()
        found = web_origin(origin)
        if (site, found) in self._logged or len(self._logged) > MAX_ORIGINS:
            return
        self._logged.add((site, found))
        if len(self._logged) > MAX_ORIGINS:
            log.warning("More origins were refused. Edgewise logs no more of them for an hour.")
        elif found is None:
            log.warning(
                "site %r: Refused a page without a web origin, such as a file or an app. %s Only `%s` in site.toml "
                "allows pages without one.",
                site,
                SERVE_FILES,
                origins_line(ANY_ORIGIN),
            )
        else:
            log.warning(
                "site %r: Refused a page of %s. To allow it, put this line into its site.toml, above the first table: "
                "%s",
                site,
                found,
                origins_line(*allowed, found),
            )
