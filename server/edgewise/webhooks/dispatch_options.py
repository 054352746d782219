"""Options of the webhook dispatcher: its limits, and the delays between attempts."""

from __future__ import annotations

import random
from typing import NamedTuple

from edgewise.types import Milliseconds


class DispatchOptions(NamedTuple):
    """Limits and delays. `poll_every` is in seconds, all other times are in milliseconds.

    - `messages_per_lease`: messages of one visitor that are sent under one lease
    - `max_visitors`: visitors that are served at the same time
    - `max_per_webhook`: messages that are on their way to one webhook, so that a slow one does not block the others
    - `first_delay`, `last_delay`: the delay before the second attempt, and the longest one
    - `give_up_after`: the time from the first attempt to the last one
    """

    poll_every: float = 0.25
    lease: Milliseconds = 60_000
    messages_per_lease: int = 4
    max_visitors: int = 64
    max_per_webhook: int = 16
    first_delay: Milliseconds = 1000
    last_delay: Milliseconds = 3_600_000
    give_up_after: Milliseconds = 24 * 3_600_000

    def delay(self, attempts: int) -> Milliseconds:
        """The delay after this many attempts. It doubles each time, less up to a half at random."""
        longest = min(self.first_delay * 2 ** min(attempts - 1, 40), self.last_delay)
        return int(longest * random.uniform(0.5, 1))


DEFAULT_OPTIONS = DispatchOptions()
