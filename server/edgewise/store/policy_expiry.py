"""Expiry of removed policies. All keys of a policy get their TTL in one step, and lose it in one step.

The key of the current version has a TTL exactly while the policy expires. A policy is published only without one.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgewise.store import keys
from edgewise.store.connection import Client
from edgewise.store.scripts import Command, Script
from edgewise.types import Digest, Milliseconds, PolicyRef

# KEYS: current first. ARGV: milliseconds. A key that was added later expires with the others, never after them.
_expire = Script("""
    local left = redis.call('PTTL', KEYS[1])
    if left == -2 then return 0 end
    local ttl = left == -1 and tonumber(ARGV[1]) or left
    for _, key in ipairs(KEYS) do
        if redis.call('PTTL', key) == -1 then redis.call('PEXPIRE', key, ttl) end
    end
    return left == -1 and 1 or 0
""")
# KEYS: current first. Without a TTL there, the TTLs of old versions are not those of a removed policy.
_keep = Script("""
    if redis.call('PTTL', KEYS[1]) < 0 then return 0 end
    for _, key in ipairs(KEYS) do redis.call('PERSIST', key) end
    return 1
""")


class PolicyExpiry:
    """The expiry of all removed policies. Every method raises `StoreUnavailable` if the store does not answer."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def stored(self) -> set[PolicyRef]:
        """Every policy that was published and has not expired. This reads the names of all keys of the store."""
        pattern = keys.current(PolicyRef("*", "*"))
        return {keys.policy_of(key) async for key in self._client.scan(pattern)}

    async def expiring(self, refs: Sequence[PolicyRef]) -> list[PolicyRef]:
        """Those of these policies that expire."""
        ttls = await self._client.execute_all([("PTTL", keys.current(ref)) for ref in refs])
        return [ref for ref, ttl in zip(refs, ttls, strict=True) if int(ttl) >= 0]

    async def expire(self, ref: PolicyRef, after: Milliseconds) -> bool:
        """Let the keys of a removed policy expire. Returns False if they did already.

        A second call does not put the time off.
        """
        return bool(await self._client.execute(_expire.command(await self._keys(ref), after)))

    async def keep(self, ref: PolicyRef) -> bool:
        """End the expiry of a policy. Returns whether there was one."""
        return bool(await self._client.execute(_keep.command(await self._keys(ref))))

    async def expire_site(self, site: str, after: Milliseconds) -> None:
        """Let what a removed site has without a policy expire. A second call does not put the time off."""
        await self._client.execute_all([("PEXPIRE", key, after, "NX") for key in _of_site(site)])

    async def keep_sites(self, *sites: str) -> None:
        """End the expiry of what these sites have without a policy."""
        commands: list[Command] = [("PERSIST", key) for site in sites for key in _of_site(site)]
        await self._client.execute_all(commands)

    async def _keys(self, ref: PolicyRef) -> list[str]:
        versions: list[Digest] = sorted(await self._client.execute(("SMEMBERS", keys.versions(ref))))
        plain = [make(ref) for make in (keys.current, keys.log, keys.versions, keys.checkpoint, keys.base)]
        return plain + [keys.blob(ref, version) for version in versions]


def _of_site(site: str) -> tuple[str, str]:
    return keys.erasures(site), keys.webhook_index(site)
