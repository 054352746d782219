"""Robots: who is no visitor, though it calls like one.

A crawler says so in its User-Agent: the list is kept by https://github.com/monperrus/crawler-user-agents. The libraries
in it with which people write programs (curl, python-requests, okhttp and the like) are no sign of a robot here: that is
how a site's own servers, apps and developers call.
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
"""More than a visitor can do. At once may be told what was kept while a phone was out of reach."""

VISITORS_WATCHED = 10_000
LONGEST_USER_AGENT = 512
"""Bytes looked at: browsers send fewer."""

_PROGRAMS = "http-library"
_EMPTY = (0.0, 0.0)


def is_crawler(user_agent: bytes | None) -> bool:
    """Whether this is the User-Agent of a known crawler."""
    return user_agent is not None and _is_crawler(user_agent[:LONGEST_USER_AGENT])


class Rate:
    """How much each visitor does, as one worker sees it: whether it is more than a visitor can do.

    A leaky bucket for each of the last `VISITORS_WATCHED`: what they do fills it, time empties it. Whoever goes on
    when it is full must be quiet for a while. Visitors are kept as salted hashes: no id stays in memory.
    """

    def __init__(self, a_second: float, at_once: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._a_second = a_second
        self._at_once = at_once
        self._clock = clock
        self._buckets: OrderedDict[int, tuple[float, float]] = OrderedDict()

    def exceeded(self, *visitor: Hashable) -> bool:
        """Whether this visitor, who does one thing more now, does too much."""
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
    """Memory enough for the whole list.

    It needs 10 MiB: with its usual 8, RE2 says on standard error that it has no memory, and falls back to an engine of
    half the speed. A worker pays 2 MB of it, and 12 when every crawler of the list has come.
    """
    options = re2.Options()
    options.max_mem = 16 << 20
    return options


# RE2: no User-Agent, however made up, can stall a worker.
_CRAWLERS = re2.compile(
    "|".join(f"(?:{known['pattern']})" for known in CRAWLER_USER_AGENTS_DATA if _PROGRAMS not in known["tags"]),
    _options(),
)
