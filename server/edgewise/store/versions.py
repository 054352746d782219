"""Versions: the compiled form of a policy, immutable, named by its hash, and which one is current."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from edgewise.store import keys
from edgewise.store.connection import Client
from edgewise.store.scripts import Argument, Script
from edgewise.types import Digest, PolicyRef, StreamId

UNNAMED_SECONDS = 7 * 24 * 3600
"""How long a blob lives on when no retained decision names it."""

# KEYS: current, blob, log, versions. ARGV: version, shape, blob, entry.
_publish = Script("""
    redis.call('SADD', KEYS[4], ARGV[1])
    local current = redis.call('HMGET', KEYS[1], 'version', 'shape')
    if current[1] == ARGV[1] and current[2] == ARGV[2] then
        redis.call('SET', KEYS[2], ARGV[3], 'NX')
        redis.call('PERSIST', KEYS[2])
        return 0
    end
    redis.call('SET', KEYS[2], ARGV[3])
    local id = redis.call('XADD', KEYS[3], '*', 'e', ARGV[4])
    redis.call('HSET', KEYS[1], 'version', ARGV[1], 'shape', ARGV[2], 'id', id)
    return 1
""")
# KEYS: blob, versions. ARGV: version, blob.
_ensure = Script("""
    redis.call('SADD', KEYS[2], ARGV[1])
    return redis.call('SET', KEYS[1], ARGV[2], 'NX') and 1 or 0
""")
# KEYS: current, versions, then blobs. ARGV: seconds, then for each blob its version and whether to keep it.
_expire = Script("""
    local current = redis.call('HGET', KEYS[1], 'version')
    local expiring = 0
    for i = 3, #KEYS do
        local version, keep = ARGV[2 * i - 4], ARGV[2 * i - 3]
        local ttl = redis.call('TTL', KEYS[i])
        if ttl == -2 then
            redis.call('SREM', KEYS[2], version)
        elseif keep == '1' or version == current then
            redis.call('PERSIST', KEYS[i])
        else
            if ttl == -1 then redis.call('EXPIRE', KEYS[i], ARGV[1]) end
            expiring = expiring + 1
        end
    end
    return expiring
""")


class Current(NamedTuple):
    """The version to decide with now, what its model's shape depends on, and the log entry that announced it."""

    version: Digest
    shape: Digest
    id: StreamId


class Versions:
    """The versions of all policies. Every method raises `StoreUnavailable` when the store does not do it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def publish(self, ref: PolicyRef, version: Digest, shape: Digest, blob: bytes, entry: bytes) -> bool:
        """In one step: store the blob, append the log entry, make the version current. False if it was already.

        A version that is current already, with this shape, gets its blob again where that is missing, and nothing
        else. A new release of Edgewise may give the same version another shape.
        """
        script_keys = [keys.current(ref), keys.blob(ref, version), keys.log(ref), keys.versions(ref)]
        return bool(await self._client.execute(_publish.command(script_keys, version, shape, blob, entry)))

    async def current(self, refs: Sequence[PolicyRef]) -> dict[PolicyRef, Current]:
        """The current version of each of these policies that has one."""
        replies = await self._client.execute_all(
            [("HMGET", keys.current(ref), "version", "shape", "id") for ref in refs]
        )
        return {
            ref: Current(version, shape, StreamId.parse(id))
            for ref, (version, shape, id) in zip(refs, replies, strict=True)
            if version is not None
        }

    async def blob(self, ref: PolicyRef, version: Digest) -> bytes | None:
        """The compiled form of a version, None when the store no longer has it."""
        reply: bytes | None = await self._client.execute(("GET", keys.blob(ref, version)))
        return reply

    async def ensure_blob(self, ref: PolicyRef, version: Digest, blob: bytes) -> bool:
        """Write the blob of a version in use again, where the store lost it. True if it had."""
        command = _ensure.command([keys.blob(ref, version), keys.versions(ref)], version, blob)
        return bool(await self._client.execute(command))

    async def expire_blobs(self, ref: PolicyRef, keep: Collection[Digest]) -> int:
        """Let every blob lapse in 7 days but those to keep and the current one; how many are lapsing now.

        A blob that is to be kept again no longer lapses.
        """
        stored: Collection[Digest] = await self._client.execute(("SMEMBERS", keys.versions(ref)))
        script_keys = [keys.current(ref), keys.versions(ref), *(keys.blob(ref, version) for version in stored)]
        marks: list[Argument] = [mark for version in stored for mark in (version, int(version in keep))]
        return int(await self._client.execute(_expire.command(script_keys, UNNAMED_SECONDS, *marks)))
