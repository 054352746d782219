"""Log rewrites: a draft of a log without some entries, which then replaces the log.

Deleting entries is not enough. A stream keeps their bytes, in memory and in the append-only file, as long as it keeps a
neighbouring entry.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgewise.store import keys
from edgewise.store.checkpoints import RAISE_EPOCH
from edgewise.store.connection import Client
from edgewise.store.scripts import Command, Script
from edgewise.types import PolicyRef, StreamId

DRAFT_SECONDS = 3600
"""The TTL of an unfinished draft."""

# KEYS: checkpoint, base, log, draft. ARGV: the last entry that the draft covers, and whether to keep the model.
_replace = Script(f"""
    local left = redis.call('PTTL', KEYS[3])
    for _, entry in ipairs(redis.call('XRANGE', KEYS[3], '(' .. ARGV[1], '+')) do
        redis.call('XADD', KEYS[4], entry[1], unpack(entry[2]))
    end
    if redis.call('EXISTS', KEYS[3]) == 1 then
        local said = redis.call('XINFO', 'STREAM', KEYS[3])
        local last
        for i = 1, #said, 2 do if said[i] == 'last-generated-id' then last = said[i + 1] end end
        if redis.call('EXISTS', KEYS[4]) == 0 then
            redis.call('XADD', KEYS[4], last, 'e', '')
            redis.call('XTRIM', KEYS[4], 'MAXLEN', 0)
        end
        redis.call('XSETID', KEYS[4], last)
        redis.call('RENAME', KEYS[4], KEYS[3])
        redis.call('PERSIST', KEYS[3])
        if left >= 0 then redis.call('PEXPIRE', KEYS[3], left) end
    end
    {RAISE_EPOCH}
    redis.call('DEL', KEYS[2])
    if ARGV[2] == '0' then
        local model_version = redis.call('HGET', KEYS[1], 'model_version') or '0'
        redis.call('DEL', KEYS[1])
        redis.call('HSET', KEYS[1], 'model_version', model_version)
    end
    redis.call('HSET', KEYS[1], 'epoch', epoch, 'anew', '1')
    if left >= 0 then redis.call('PEXPIRE', KEYS[1], left) end
    return epoch
""")


class LogRewrite:
    """The log rewrites of all policies. Every method raises `StoreUnavailable` if the store does not answer."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def begin(self, ref: PolicyRef) -> None:
        """Delete an unfinished draft."""
        await self._client.execute(("DEL", keys.draft(ref)))

    async def write(self, ref: PolicyRef, entries: Sequence[tuple[StreamId, bytes]]) -> None:
        """Append entries of the log to the draft, with their ids."""
        draft = keys.draft(ref)
        commands: list[Command] = [("XADD", draft, str(id), "e", entry) for id, entry in entries]
        await self._client.execute_all([*commands, ("EXPIRE", draft, DRAFT_SECONDS)])

    async def replace_log(self, ref: PolicyRef, read_to: StreamId, *, serve_on: bool) -> int:
        """Replace the log by the draft and the entries after `read_to`, in one step. Returns the raised epoch.

        The step deletes every base and marks the checkpoint, so that no learner continues from it. With `serve_on`, the
        model serves until the next one is written. Otherwise it is deleted. A removed policy expires as before.
        """
        script_keys = [keys.checkpoint(ref), keys.base(ref), keys.log(ref), keys.draft(ref)]
        return int(await self._client.execute(_replace.command(script_keys, str(read_to), int(serve_on))))
