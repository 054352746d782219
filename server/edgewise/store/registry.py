"""The registry: the sites, the decision keys and the identity secrets, which web workers need before they can serve."""

from __future__ import annotations

from edgewise.store import keys
from edgewise.store.connection import Client
from edgewise.store.scripts import Script

_publish = Script("""
    if redis.call('HGET', KEYS[1], 'sites') ~= ARGV[1] then
        redis.call('HSET', KEYS[1], 'sites', ARGV[1])
        redis.call('HINCRBY', KEYS[1], 'revision', 1)
    end
    return tonumber(redis.call('HGET', KEYS[1], 'revision'))
""")
_set_default = Script("""
    redis.call('SET', KEYS[1], ARGV[1], 'NX')
    return redis.call('GET', KEYS[1])
""")

# KEYS: a hash. ARGV: the field, its expected value ('': missing) and its new value.
_replace_field = Script("""
    if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
    return 1
""")


class Registry:
    """Sites, decision keys and identity secrets.

    Every method raises `StoreUnavailable` if the store does not answer.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def publish_sites(self, sites: bytes) -> int:
        """Replace the sites. Returns the revision, which grows with each change."""
        return int(await self._client.execute(_publish.command([keys.SITES], sites)))

    async def revision(self) -> int:
        """The revision of the sites, 0 before the first publication. It is cheap to read often."""
        return int(await self._client.execute(("HGET", keys.SITES, "revision")) or 0)

    async def sites(self) -> bytes | None:
        """The encoded sites, None before the first publication."""
        reply: bytes | None = await self._client.execute(("HGET", keys.SITES, "sites"))
        return reply

    async def publish_problems(self, problems: bytes) -> None:
        """Replace the problems of the refused policy files."""
        await self._client.execute(("HSET", keys.SITES, "problems", problems))

    async def problems(self) -> bytes | None:
        """The encoded problems of the refused policy files, None before the first publication."""
        reply: bytes | None = await self._client.execute(("HGET", keys.SITES, "problems"))
        return reply

    async def identity_secrets(self) -> dict[str, tuple[str, ...]]:
        """The identity secrets of each site that has its own, the newest first."""
        reply = await self._client.execute(("HGETALL", keys.IDENTITY_SECRETS))
        pairs = reply.items() if isinstance(reply, dict) else zip(reply[::2], reply[1::2], strict=True)
        return {site.decode(): tuple(secrets.decode().split()) for site, secrets in pairs}

    async def change_identity_secrets(self, site: str, old: tuple[str, ...], new: tuple[str, ...]) -> bool:
        """Replace the secrets of a site if they still are `old`. Returns whether they were replaced."""
        command = _replace_field.command([keys.IDENTITY_SECRETS], site, " ".join(old), " ".join(new))
        return bool(await self._client.execute(command))

    async def decision_keys(self, default: bytes) -> bytes:
        """The keys that sign decision ids. Stores `default` if there are none."""
        reply: bytes = await self._client.execute(_set_default.command([keys.DECISION_KEYS], default))
        return reply
