"""Policy versions: immutable blobs named by their digest, and the current one of each policy."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from edgewise.store import keys
from edgewise.store.connection import Client
from edgewise.store.policy_expiry import PolicyExpiry
from edgewise.store.scripts import Argument, Command, Script
from edgewise.types import Digest, PolicyRef, StreamId

UNNAMED_SECONDS = 7 * 24 * 3600
"""The TTL of a blob that no retained decision names."""

# KEYS: current, blob, log, versions. ARGV: version, shape, blob, entry. -1 if the policy was removed and expires.
_publish = Script("""
    if redis.call('PTTL', KEYS[1]) >= 0 then return -1 end
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
    """The current version, the digest of its model's shape, and the id of its log entry."""

    version: Digest
    shape: Digest
    id: StreamId


class Versions:
    """The versions of all policies. Every method raises `StoreUnavailable` if the store does not answer."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._expiry = PolicyExpiry(client)

    async def publish(self, ref: PolicyRef, version: Digest, shape: Digest, blob: bytes, entry: bytes) -> bool:
        """Store the blob, append the log entry and make the version current, in one step.

        Returns False if the version was current with this shape. Then only a missing blob is stored again. A new
        release of Edgewise may give the same version another shape. If the policy had been removed, its expiry ends
        first.
        """
        script_keys = [keys.current(ref), keys.blob(ref, version), keys.log(ref), keys.versions(ref)]
        command = _publish.command(script_keys, version, shape, blob, entry)
        while (reply := int(await self._client.execute(command))) < 0:
            await self._expiry.keep(ref)
        return bool(reply)

    async def current(self, refs: Sequence[PolicyRef]) -> dict[PolicyRef, Current]:
        """The current versions, for the policies that have one."""
        replies = await self._client.execute_all(
            [("HMGET", keys.current(ref), "version", "shape", "id") for ref in refs]
        )
        return {
            ref: Current(version, shape, StreamId.parse(id))
            for ref, (version, shape, id) in zip(refs, replies, strict=True)
            if version is not None
        }

    async def blob(self, ref: PolicyRef, version: Digest) -> bytes | None:
        """The blob of a version, None if the store does not have it."""
        reply: bytes | None = await self._client.execute(("GET", keys.blob(ref, version)))
        return reply

    async def blobs(self, versions: Mapping[PolicyRef, Digest]) -> dict[PolicyRef, bytes]:
        """The blob of one version of each policy, for those that the store has."""
        replies = await self._client.execute_all(
            [("GET", keys.blob(ref, version)) for ref, version in versions.items()]
        )
        return {ref: blob for ref, blob in zip(versions, replies, strict=True) if blob is not None}

    async def ensure_blob(self, ref: PolicyRef, version: Digest, blob: bytes) -> bool:
        """Store the blob of a version in use if it is missing. Returns whether it was."""
        return bool(await self._client.execute(_ensure_command(ref, version, blob)))

    async def ensure_blobs(self, versions: Iterable[tuple[PolicyRef, Digest, bytes]]) -> None:
        """Store the blobs of these versions in use if they are missing."""
        await self._client.execute_all([_ensure_command(*version) for version in versions])

    async def expire_blobs(self, ref: PolicyRef, keep: Collection[Digest]) -> int:
        """Set a TTL of 7 days on every blob except the current one and those in `keep`.

        Returns the number of blobs with a TTL. A blob in `keep` loses its TTL.
        """
        stored: Collection[Digest] = await self._client.execute(("SMEMBERS", keys.versions(ref)))
        script_keys = [keys.current(ref), keys.versions(ref), *(keys.blob(ref, version) for version in stored)]
        marks: list[Argument] = [mark for version in stored for mark in (version, int(version in keep))]
        return int(await self._client.execute(_expire.command(script_keys, UNNAMED_SECONDS, *marks)))


def _ensure_command(ref: PolicyRef, version: Digest, blob: bytes) -> Command:
    return _ensure.command([keys.blob(ref, version), keys.versions(ref)], version, blob)
