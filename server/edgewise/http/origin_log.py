"""Refused origins, in the server's log: for whoever runs it, and wonders why the pages show their defaults."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence

from edgewise.policies.origins import normalize_origin

log = logging.getLogger(__name__)

EVERY = 3600.0
"""Seconds in which the same origin is named once."""

MOST = 20
"""Origins that are named in that time: whoever makes them up does not fill the log."""


class Refusals:
    """Says which line lets an origin in, each web worker for itself. What no page of the web has is never repeated."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        self._named: set[tuple[str, str | None]] = set()

    def tell(self, site: str, origins: Sequence[str], refused: bytes) -> None:
        """The site, which allows these `origins`, has refused another one."""
        if self._clock() - self._since >= EVERY:
            self._since = self._clock()
            self._named.clear()
        text = refused[:300].decode("latin-1")
        origin = text if normalize_origin(text) == text else None
        if (site, origin) in self._named or len(self._named) > MOST:
            return
        self._named.add((site, origin))
        if len(self._named) > MOST:
            log.warning("pages of yet other origins are refused; no more of them are named for an hour")
        elif origin is None:
            log.warning(
                "site %r refuses pages whose origin is not one that `origins` in site.toml can name, such as a file's "
                'or an app\'s; only "*" lets them in',
                site,
            )
        else:
            line = json.dumps([*origins, origin])
            log.warning(
                "site %r refuses pages of %s; if they are yours, the line in its site.toml, above the first table, is: "
                "origins = %s",
                site,
                origin,
                line,
            )
