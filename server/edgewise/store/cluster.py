"""The pipeline of a cluster: one pipeline for each node, chosen by the command's key.

The client library's own pipeline sends the commands, because it follows keys that move to another node.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.asyncio import RedisCluster
from redis.exceptions import ConnectionError, RedisError, SlotNotCoveredError, TimeoutError

from edgewise.store.connection import Client
from edgewise.store.pipeline import Pipeline
from edgewise.store.scripts import Command
from edgewise.store.transport import CommandBatch, empty_batch


class ClusterPipeline:
    """One pipeline for each node, so that a node that hangs delays no other. Same interface as `Pipeline`."""

    def __init__(self, client: Client, library: RedisCluster, patience: float) -> None:
        self._client = client
        self._library = library
        self._patience = patience
        self._pipelines: dict[str, Pipeline] = {}

    @property
    def overdue(self) -> bool:
        """Whether a flush to any node has taken longer than `patience`."""
        return any(pipeline.overdue for pipeline in self._pipelines.values())

    def submit(self, command: Command, deadline: float) -> asyncio.Future[Any]:
        """Send a command with the next flush to its key's node. See `Pipeline.submit`."""
        node = self._node(self._client.with_prefix(command))
        pipeline = self._pipelines.get(node)
        if pipeline is None:
            pipeline = self._pipelines[node] = Pipeline(self._client, ClusterTransport(self._library), self._patience)
        return pipeline.submit(command, deadline)

    async def close(self) -> None:
        """Fail waiting commands."""
        for pipeline in self._pipelines.values():
            await pipeline.close()

    def _node(self, command: Command) -> str:
        key = command[3] if command[0] == "EVALSHA" else command[1]
        try:
            node = self._library.get_node_from_key(str(key))
        except SlotNotCoveredError:
            node = None
        return node.name if node else ""


class ClusterTransport:
    """The client library's pipeline as a transport."""

    def __init__(self, library: RedisCluster) -> None:
        self._library = library
        self._slots_are_stale = False
        self._sending: asyncio.Task[None] | None = None
        self._batch = empty_batch()

    def send(self, commands: Sequence[Command], batch: CommandBatch) -> None:
        self._batch = batch
        self._sending = asyncio.get_running_loop().create_task(self._send(commands, batch))

    def abandon(self, error: Exception) -> None:
        self._slots_are_stale = True
        if self._sending is not None:
            self._sending.cancel()
        self._batch.fail(error)

    async def close(self) -> None:
        self.abandon(ConnectionError("The store is closed."))
        if self._sending is not None:
            await asyncio.wait([self._sending])

    async def _send(self, commands: Sequence[Command], batch: CommandBatch) -> None:
        try:
            if self._slots_are_stale:
                # The library's pipeline does not look for a new master itself.
                await self._library.nodes_manager.initialize()
                self._slots_are_stale = False
            pipeline = self._library.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            batch.replies = await pipeline.execute(raise_on_error=False)
        except (RedisError, OSError) as error:
            self._slots_are_stale = True
            batch.fail(error)
        else:
            self._slots_are_stale = any(isinstance(reply, ConnectionError | TimeoutError) for reply in batch.replies)
            batch.complete()
