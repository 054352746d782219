"""What is different with a cluster: each node has a lane of its own, and commands go where their key lives.

The client library's pipeline sends them, since it follows keys that move to another node.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.asyncio import RedisCluster
from redis.exceptions import ConnectionError, RedisError, SlotNotCoveredError, TimeoutError

from edgewise.store.connection import Client
from edgewise.store.pipeline import Lane
from edgewise.store.scripts import Command
from edgewise.store.transport import Flight, nobody


class ClusterLane:
    """A lane a node, so that one that hangs holds up nobody else. It does what `Lane` does."""

    def __init__(self, client: Client, library: RedisCluster, patience: float) -> None:
        self._client = client
        self._library = library
        self._patience = patience
        self._lanes: dict[str, Lane] = {}

    @property
    def overdue(self) -> bool:
        """Whether a flush to any node has taken longer than `patience`."""
        return any(lane.overdue for lane in self._lanes.values())

    def submit(self, command: Command, deadline: float) -> asyncio.Future[Any]:
        """Send a command with the next flush to its key's node; see `Lane.submit`."""
        node = self._node(command)
        lane = self._lanes.get(node)
        if lane is None:
            lane = self._lanes[node] = Lane(self._client, ClusterWire(self._library), self._patience)
        return lane.submit(command, deadline)

    async def close(self) -> None:
        """Fail what is waiting."""
        for lane in self._lanes.values():
            await lane.close()

    def _node(self, command: Command) -> str:
        key = command[3] if command[0] == "EVALSHA" else command[1]
        try:
            node = self._library.get_node_from_key(str(key))
        except SlotNotCoveredError:
            node = None
        return node.name if node else ""


class ClusterWire:
    """The client library's pipeline as a wire."""

    def __init__(self, library: RedisCluster) -> None:
        self._library = library
        self._map_is_stale = False
        self._sending: asyncio.Task[None] | None = None
        self._flight = nobody()

    def send(self, commands: Sequence[Command], flight: Flight) -> None:
        self._flight = flight
        self._sending = asyncio.get_running_loop().create_task(self._send(commands, flight))

    def abandon(self, error: Exception) -> None:
        self._map_is_stale = True
        if self._sending is not None:
            self._sending.cancel()
        self._flight.fail(error)

    async def close(self) -> None:
        self.abandon(ConnectionError("the store was closed"))
        if self._sending is not None:
            await asyncio.wait([self._sending])

    async def _send(self, commands: Sequence[Command], flight: Flight) -> None:
        try:
            if self._map_is_stale:
                # The pipeline itself does not look for a new master when one is gone.
                await self._library.nodes_manager.initialize()
                self._map_is_stale = False
            pipeline = self._library.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            flight.replies = await pipeline.execute(raise_on_error=False)
        except (RedisError, OSError) as error:
            self._map_is_stale = True
            flight.fail(error)
        else:
            self._map_is_stale = any(isinstance(reply, ConnectionError | TimeoutError) for reply in flight.replies)
            flight.land()
