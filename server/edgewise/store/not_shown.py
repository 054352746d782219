"""Counts of page views that kept the default content of a placement, for each policy and reason.

A count is a HyperLogLog of message ids, so a message that is sent again counts once. It takes at most 12 KB, and its
standard error is 0.81%: https://valkey.io/topics/hyperloglogs/
"""

from __future__ import annotations

from edgewise.store import keys
from edgewise.store.connection import Client
from edgewise.store.scripts import Command, Script
from edgewise.types import NOT_SHOWN_REASONS, Digest, Milliseconds, NotShownReason, PolicyRef

DAYS = 7
"""The number of days, today included, that a count covers."""

_DAY: Milliseconds = 24 * 3600 * 1000
_SECONDS = DAYS * 24 * 3600

_add = Script("""
    redis.call('PFADD', KEYS[1], ARGV[1])
    redis.call('EXPIRE', KEYS[1], ARGV[2])
    if redis.call('SET', KEYS[2], '', 'NX', 'EX', ARGV[2]) then return 1 end
    return 0
""")


def add_command(ref: PolicyRef, reason: NotShownReason, message: Digest, now: Milliseconds) -> Command:
    """Count a page view. The reply is 1 if it is the policy's first one in `DAYS` days, else 0."""
    return _add.command([keys.not_shown(ref, reason, now // _DAY), keys.not_shown_notice(ref)], message, _SECONDS)


class NotShown:
    """The counts of all policies. Every method raises `StoreUnavailable` if the store does not answer."""

    add_command = staticmethod(add_command)

    def __init__(self, client: Client) -> None:
        self._client = client

    async def count(self, ref: PolicyRef, now: Milliseconds) -> dict[NotShownReason, int]:
        """The number of page views in the last `DAYS` days, by reason."""
        days = range(now // _DAY - DAYS + 1, now // _DAY + 1)
        commands: list[Command] = [
            ("PFCOUNT", *(keys.not_shown(ref, reason, day) for day in days)) for reason in NOT_SHOWN_REASONS
        ]
        counts = await self._client.execute_all(commands)
        return dict(zip(NOT_SHOWN_REASONS, map(int, counts), strict=True))
