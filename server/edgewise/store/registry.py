"""The registry: what every web worker must know before it can serve a site."""

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


class Registry:
    """Sites and the decision-key ring, as bytes. Every method raises `StoreUnavailable` when the store fails it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def publish_sites(self, sites: bytes) -> int:
        """Replace what workers know of the sites; the revision, which grows when something changed."""
        return int(await self._client.execute(_publish.command([keys.SITES], sites)))

    async def revision(self) -> int:
        """The revision of the sites, 0 when none were published: cheap to ask often."""
        return int(await self._client.execute(("HGET", keys.SITES, "revision")) or 0)

    async def sites(self) -> bytes | None:
        """What workers know of the sites, None when nothing was published."""
        reply: bytes | None = await self._client.execute(("HGET", keys.SITES, "sites"))
        return reply

    async def decision_keys(self, default: bytes) -> bytes:
        """The ring of keys that sign decision ids; `default` becomes it where there is none yet."""
        reply: bytes = await self._client.execute(_set_default.command([keys.DECISION_KEYS], default))
        return reply
