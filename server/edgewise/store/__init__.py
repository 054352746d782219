"""The store: everything that is kept, in Redis or Valkey. The only room that imports redis.

Start with `Store.connect(url)`. Every key, with what bounds it, is in `keys.py`.
"""

from __future__ import annotations

from redis.asyncio import RedisCluster

from edgewise.store.aof import Files
from edgewise.store.checkpoints import Checkpoint, Checkpoints, Head
from edgewise.store.cluster import ClusterLane
from edgewise.store.connection import Client, connect
from edgewise.store.erasures import Erasures, Pending
from edgewise.store.log import Log, Page
from edgewise.store.log_rewrite import Drafts
from edgewise.store.pipeline import Lane
from edgewise.store.profiles import Profiles
from edgewise.store.registry import Registry
from edgewise.store.scripts import Command
from edgewise.store.transport import NodeWire
from edgewise.store.versions import Current, Versions
from edgewise.store.webhook_queues import Backlog, Due, Queues

__all__ = ["Backlog", "Checkpoint", "Command", "Current", "Due", "Head", "Page", "Pending", "Store"]


class Store:
    """The one object that other rooms hold.

    `lane` takes the commands of the decide path, which others only build (`log.append_command` and the like); all other
    methods wait for their own reply and raise `StoreUnavailable`.
    """

    def __init__(self, client: Client, patience: float) -> None:
        library = client.library
        self._client = client
        self.lane: Lane | ClusterLane
        if isinstance(library, RedisCluster):
            self.lane = ClusterLane(client, library, patience)
        else:
            self.lane = Lane(client, NodeWire(library.connection_pool), patience)
        self.log = Log(client)
        self.drafts = Drafts(client)
        self.versions = Versions(client)
        self.checkpoints = Checkpoints(client)
        self.profiles = Profiles(client)
        self.queues = Queues(client)
        self.registry = Registry(client)
        self.erasures = Erasures(client)
        self.files = Files(client)

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        reply_timeout: float = 5.0,
        connect_timeout: float = 2.0,
        patience: float = 0.05,
        proven: bool = True,
    ) -> Store:
        """A store that answered, unless it need not be `proven`: then it may be there later.

        All times are seconds; `patience` is the lane's, for the other two see `connect`.

        Raises:
            SettingsError: the URL is of no known form.
            StoreUnavailable: no store answers there.
        """
        client = connect(url, reply_timeout=reply_timeout, connect_timeout=connect_timeout)
        store = cls(client, patience)
        try:
            if proven:
                await store.ping()
        except BaseException:
            await store.close()
            raise
        return store

    @property
    def url(self) -> str:
        """Where the store is, without the password."""
        return self._client.url

    async def ping(self) -> None:
        """Ask for a sign of life.

        Raises:
            StoreUnavailable: there is none.
        """
        await self._client.execute(("PING",))

    async def close(self) -> None:
        """Fail what is waiting, and close every connection."""
        await self.lane.close()
        await self._client.close()
