"""The store: all state, in Redis or Valkey. The only room that imports redis.

Start with `Store.connect(url)`. `keys.py` lists every key with its bound.
"""

from __future__ import annotations

from redis.asyncio import RedisCluster
from redis.exceptions import ResponseError

from edgewise.errors import StoreReadOnly, StoreUnavailable
from edgewise.store import keys
from edgewise.store.aof import AppendOnlyFile
from edgewise.store.checkpoints import Checkpoint, Checkpoints, Head
from edgewise.store.cluster import ClusterPipeline
from edgewise.store.connection import Client, connect
from edgewise.store.erasures import Erasures, Pending
from edgewise.store.log import Log, Page
from edgewise.store.log_rewrite import LogRewrite
from edgewise.store.memory import StoreMemory
from edgewise.store.not_shown import NotShown
from edgewise.store.pipeline import Pipeline
from edgewise.store.policy_expiry import PolicyExpiry
from edgewise.store.profiles import Profiles
from edgewise.store.registry import Registry
from edgewise.store.reward_sources import RewardShare, RewardSources
from edgewise.store.scripts import Command
from edgewise.store.store_check import check
from edgewise.store.transport import NodeTransport
from edgewise.store.versions import Current, Versions
from edgewise.store.webhook_queues import Backlog, Due, WebhookQueues
from edgewise.types import Milliseconds

__all__ = ["Backlog", "Checkpoint", "Command", "Current", "Due", "Head", "Page", "Pending", "RewardShare", "Store"]


class Store:
    """The one object that other rooms hold.

    `pipeline` sends the commands of the decide path. Methods such as `log.append_command` only build them. Every other
    method waits for its own reply and raises `StoreUnavailable`.
    """

    def __init__(self, client: Client, patience: float) -> None:
        library = client.library
        self._client = client
        self.pipeline: Pipeline | ClusterPipeline
        if isinstance(library, RedisCluster):
            self.pipeline = ClusterPipeline(client, library, patience)
        else:
            self.pipeline = Pipeline(client, NodeTransport(library.connection_pool), patience)
        self.log = Log(client)
        self.log_rewrite = LogRewrite(client)
        self.versions = Versions(client)
        self.policy_expiry = PolicyExpiry(client)
        self.checkpoints = Checkpoints(client)
        self.memory = StoreMemory(client)
        self.reward_sources = RewardSources(client)
        self.not_shown = NotShown(client)
        self.profiles = Profiles(client)
        self.webhook_queues = WebhookQueues(client)
        self.registry = Registry(client)
        self.erasures = Erasures(client)
        self.append_only_file = AppendOnlyFile(client)

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        reply_timeout: float = 5.0,
        connect_timeout: float = 2.0,
        patience: float = 0.05,
        must_answer: bool = True,
        key_prefix: str = "",
    ) -> Store:
        """Connect to a store. With `must_answer` false, the store may start later.

        All times are in seconds. `patience` is the pipeline's. See `connect` for the others.

        Raises:
            SettingsError: the URL has an unknown form.
            StoreUnavailable: the store does not answer.
        """
        client = connect(url, reply_timeout=reply_timeout, connect_timeout=connect_timeout, key_prefix=key_prefix)
        store = cls(client, patience)
        try:
            if must_answer:
                await store.ping()
        except BaseException:
            await store.close()
            raise
        return store

    @property
    def url(self) -> str:
        """The URL without its password."""
        return self._client.url

    async def ping(self) -> None:
        """Check that the store answers.

        Raises:
            StoreUnavailable: it does not.
        """
        await self._client.execute(("PING",))

    async def check(self) -> None:
        """Check that the store keeps what Edgewise writes, and allows what it needs. Logs lesser problems.

        Raises:
            SettingsError: it does not.
            StoreUnavailable: it does not answer.
        """
        await check(self._client)

    async def check_writes(self) -> None:
        """Check that the store accepts writes.

        Raises:
            StoreReadOnly: it answers, but does not accept them.
            StoreUnavailable: it does not answer.
        """
        try:
            await self._client.execute(("SET", keys.WRITE_CHECK, "", "PX", 1000))
        except StoreUnavailable as error:
            if isinstance(error.__cause__, ResponseError):
                raise StoreReadOnly(_read_only_reason(str(error.__cause__))) from error
            raise

    async def time(self) -> Milliseconds:
        """The store's clock. In a cluster, the clock that is furthest ahead.

        Raises:
            StoreUnavailable: it does not answer.
        """
        clocks = await self._client.execute_on_all_nodes(("TIME",))
        return max(int(seconds) * 1000 + int(microseconds) // 1000 for seconds, microseconds in clocks)

    async def close(self) -> None:
        """Fail waiting commands and close every connection."""
        await self.pipeline.close()
        await self._client.close()


_READ_ONLY_REASONS = {
    "maxmemory": "The store is full. Give it more memory, or lower --log-bytes and --retention.",
    "MISCONF": "The store cannot write to its disk. See its log, and free some space.",
    "READONLY": "The store is a replica. Use the address of its primary.",
    "NOREPLICAS": "The store has too few replicas. Start them, or lower min-replicas-to-write.",
    "permissions": "The store's user may not write. Extend its ACL.",
}


def _read_only_reason(message: str) -> str:
    for part, reason in _READ_ONLY_REASONS.items():
        if part.lower() in message.lower():
            return reason
    return "The store refuses writes. See its log."
