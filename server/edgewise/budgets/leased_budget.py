"""A budget of one worker, which leases its uses from the store in chunks.

A worker answers most requests from the chunk at hand, so no request waits for the store. The first chunk of a subject
is free. An ordinary visitor therefore never causes a command.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from functools import partial
from hashlib import blake2b
from typing import NamedTuple, TypeAlias

from edgewise.errors import StoreError
from edgewise.store import Store
from edgewise.store.budget_commands import take_command
from edgewise.types import Milliseconds

SUBJECTS = 10_000
"""The most subjects that a worker remembers. Beyond it, those with the oldest leases are dropped."""

_PATIENCE = 1.0
"""Seconds that the store has for a reply. Without one, the worker grants a chunk by itself."""

Subject: TypeAlias = tuple[str, str]
"""The site, and an address or a decision."""


class Limit(NamedTuple):
    """The most uses of a budget in a period, all of them at once if need be. `chunk` is the size of a lease.

    While a lease is under way, up to `credit` uses are granted in advance.
    """

    name: str
    most: int
    period: Milliseconds
    chunk: int
    credit: int


class _Lease:
    __slots__ = ("asked", "left", "refused_until")

    def __init__(self, left: int) -> None:
        self.left = left
        self.asked = 0
        self.refused_until = 0.0


class LeasedBudget:
    """One kind of budget, for many subjects. A `limit` of 0 uses means no limit.

    `secret` keeps the subjects in the store from being guessed, because some are addresses of visitors.
    """

    def __init__(self, store: Store, limit: Limit, secret: bytes) -> None:
        self.limit = limit
        self._store = store
        self._secret = blake2b(secret, digest_size=32).digest()
        self._loop = asyncio.get_running_loop()
        self._leases: OrderedDict[Subject, _Lease] = OrderedDict()
        self._low = limit.chunk // 2
        self._retry = max(0.1, limit.chunk * limit.period / 1000 / max(1, limit.most))

    def take(self, subject: Subject, count: int = 1) -> bool:
        """Use the budget. Return False if it is used up, and then the use does not count."""
        lease = self._leases.get(subject)
        if lease is not None and lease.left - count >= self._low:
            lease.left -= count
            return True
        return not self.limit.most or self._take_last(subject, lease, count)

    def _take_last(self, subject: Subject, lease: _Lease | None, count: int) -> bool:
        """Take from a new lease, or from one that should be renewed."""
        if lease is None:
            lease = self._leases[subject] = _Lease(min(self.limit.chunk, self.limit.most))
            if len(self._leases) > SUBJECTS:
                self._leases.popitem(last=False)
        else:
            self._leases.move_to_end(subject)
        if lease.left - count < self._low and not lease.asked:
            self._ask(subject, lease, count)
        if lease.left >= count or (lease.asked and lease.left - count >= -self.limit.credit):
            lease.left -= count
            return True
        return False

    def _ask(self, subject: Subject, lease: _Lease, count: int) -> None:
        """Ask the store for more uses. The reply arrives later."""
        now = self._loop.time()
        if now < lease.refused_until:
            return
        lease.asked = self.limit.chunk + max(0, count - lease.left)
        digest = blake2b("\0".join(subject).encode(), key=self._secret, digest_size=12).hexdigest()
        command = take_command(self.limit.name, digest, lease.asked, self.limit.most, self.limit.period)
        try:
            reply = self._store.pipeline.submit(command, now + _PATIENCE)
        except StoreError:
            self._receive(lease, self.limit.chunk)
            lease.refused_until = now + self._retry
        else:
            reply.add_done_callback(partial(self._on_reply, lease))

    def _on_reply(self, lease: _Lease, reply: asyncio.Future[int]) -> None:
        if reply.cancelled() or reply.exception() is not None:
            self._receive(lease, self.limit.chunk)
            lease.refused_until = self._loop.time() + self._retry
            return
        granted = reply.result()
        if granted < lease.asked:
            lease.refused_until = self._loop.time() + self._retry
        self._receive(lease, granted)

    def _receive(self, lease: _Lease, granted: int) -> None:
        lease.left += granted
        lease.asked = 0
