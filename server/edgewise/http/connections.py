"""The open connections of a web worker. It closes those that wait too long, and the oldest if there are too many."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from heapq import nsmallest
from operator import attrgetter
from typing import Protocol

from edgewise.http import metrics
from edgewise.http.source import SourceReader
from edgewise.logs import ThrottledLog
from edgewise.settings import Network

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 4096
"""The most connections of a worker, if it may open more descriptors."""

MOST_PER_SOURCE = 256
"""The most connections of one source to a worker. A browser opens at most six."""

CHECK_INTERVAL = 1.0
"""Seconds between two checks of the deadlines."""

_CLOSED_AT_ONCE = 16
"""Of so many waiting connections, one is closed when there are too many, because finding the oldest takes a while."""

_deadline = attrgetter("deadline")


class Connection(Protocol):
    """One connection.

    `source` is empty if its source has no limit. `deadline` is a time of the event loop's clock, and infinite while the
    server works for the connection.
    """

    source: str
    deadline: float

    def expire(self) -> None:
        """Close it, because its deadline has passed."""

    def evict(self) -> None:
        """Close it at once. It waits for the client, and others need its place."""


class Connections:
    """All connections of this worker: at most `most`, and at most `most_per_source` of a source.

    The proxies in `trusted` connect for many clients, so only `most` limits them.
    `now` is the time of the last check. Reading it costs nothing.
    """

    def __init__(
        self,
        trusted: Sequence[Network],
        most: int = MOST_CONNECTIONS,
        most_per_source: int = MOST_PER_SOURCE,
    ) -> None:
        self.now = 0.0
        self._most = most
        self._most_per_source = most_per_source
        self._reader = SourceReader(trusted)
        self._open: dict[Connection, None] = {}  # In the order of their beginnings.
        self._sources: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None
        self._log = ThrottledLog(log, "Closed %d waiting connections, because %s.")

    def __len__(self) -> int:
        return len(self._open)

    def source_of(self, host: str | None) -> str:
        """The source of a connection from this address."""
        return self._reader.of_connection(host)

    def add(self, connection: Connection) -> bool:
        """Add a connection. False if there is no room, because the server works for all the others."""
        if self._timer is None:
            self._check(asyncio.get_running_loop())
        source = connection.source
        if source and self._sources[source] >= self._most_per_source:
            same = [one for one in self._open if one.source == source]
            if not self._evict(same, "source"):
                return False
        if len(self._open) >= self._most and not self._evict(self._open, "total"):
            return False
        self._open[connection] = None
        self._sources[source] += 1
        return True

    def remove(self, connection: Connection) -> None:
        """Remove a connection, if it was added."""
        if connection not in self._open:
            return
        del self._open[connection]
        self._sources[connection.source] -= 1
        if not self._sources[connection.source]:
            del self._sources[connection.source]

    def _evict(self, connections: Iterable[Connection], reason: metrics.ClosingReason) -> bool:
        """Close those that are the closest to their deadlines. False if the server works for all of them."""
        waiting = [one for one in connections if one.deadline != float("inf")]
        if not waiting:
            return False
        closest = nsmallest(1 + len(waiting) // _CLOSED_AT_ONCE, waiting, key=_deadline)
        for connection in closest:
            self.remove(connection)
            connection.evict()
        metrics.count_closed_connections(reason, len(closest))
        is_source = reason == "source"
        limit, owner = (self._most_per_source, "one address") if is_source else (self._most, "this worker")
        self._log.report(f"{owner} had {limit} of them", len(closest))
        return True

    def _check(self, loop: asyncio.AbstractEventLoop) -> None:
        self.now = loop.time()
        for connection in [one for one in self._open if one.deadline <= self.now]:
            connection.expire()
        self._timer = loop.call_later(CHECK_INTERVAL, self._check, loop)
