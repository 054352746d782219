"""Robots: clients that are not visitors.

The list at https://github.com/monperrus/crawler-user-agents has the User-Agents of known crawlers. HTTP libraries of
that list (curl, python-requests, okhttp and the like) do not count as robots. A site's own servers, apps and
developers use them.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import lru_cache

import re2
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

DECIDES_A_SECOND, DECIDES_AT_ONCE = 10.0, 60.0
MESSAGES_A_SECOND, MESSAGES_AT_ONCE = 50.0, 1000.0
"""More than a visitor does. A phone may send many messages at once after it was offline."""

VISITORS_WATCHED = 10_000
LONGEST_USER_AGENT = 512
"""Bytes of a User-Agent that are read. Browsers send fewer."""

_PROGRAMS = "http-library"
_EMPTY = (0.0, 0.0)


def is_crawler(user_agent: bytes | None) -> bool:
    return user_agent is not None and _is_crawler(user_agent[:LONGEST_USER_AGENT])


class RateLimit:
    """The rate of each visitor's requests, as one worker sees it.

    It has a leaky bucket for each of the last `VISITORS_WATCHED`. A visitor over the limit must pause for a while.
    Visitors are kept as salted hashes, so no id stays in memory.
    """

    def __init__(self, a_second: float, at_once: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._a_second = a_second
        self._at_once = at_once
        self._clock = clock
        self._buckets: OrderedDict[int, tuple[float, float]] = OrderedDict()

    def exceeded(self, *visitor: Hashable) -> bool:
        """Count one more request of this visitor, and return whether that is too many."""
        now, who = self._clock(), hash(visitor)
        buckets = self._buckets
        level, since = buckets.pop(who, _EMPTY)
        level = max(0.0, level - (now - since) * self._a_second) + 1.0
        too_much = level > self._at_once
        buckets[who] = (min(level, 2 * self._at_once) if too_much else level), now
        if len(buckets) > VISITORS_WATCHED:
            buckets.popitem(last=False)
        return too_much


@lru_cache(maxsize=4096)
def _is_crawler(user_agent: bytes) -> bool:
    return _CRAWLERS.search(user_agent.decode("latin-1")) is not None


def _options() -> re2.Options:
    """Give RE2 enough memory for the whole list, which needs 10 MiB.

    With its default of 8 MiB, RE2 logs an error and falls back to an engine of half the speed. A worker uses 2 MB of
    the memory at first, and 12 MB once every crawler of the list has called.
    """
    options = re2.Options()
    options.max_mem = 16 << 20
    return options


# RE2 runs in linear time, so no crafted User-Agent can stall a worker.
_CRAWLERS = re2.compile(
    "|".join(f"(?:{crawler['pattern']})" for crawler in CRAWLER_USER_AGENTS_DATA if _PROGRAMS not in crawler["tags"]),
    _options(),
)
