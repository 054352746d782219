"""The transport of a pipeline: sends one batch of commands to the store and reads the replies.

The client library opens the connection (addresses, TLS, AUTH, SELECT). This module then writes and reads it, at a tenth
of the library's cost for each command. No command is sent twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias, cast

import hiredis
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import ConnectionError, NoScriptError, RedisError, ResponseError

from edgewise.store.scripts import Command

Replies: TypeAlias = list[Any]
"""One reply for each command, in order. A failed command has an exception."""


class CommandBatch:
    """One flush: the replies so far, and the callback for the complete list."""

    __slots__ = ("_done", "expected", "replies")

    def __init__(self, expected: int, done: Callable[[Replies], None]) -> None:
        self.expected = expected
        self.replies: Replies = []
        self._done = done

    def complete(self) -> None:
        """Pass the replies to the callback. A second call does nothing."""
        done, self._done = self._done, _ignore
        done(self.replies)

    def fail(self, error: Exception) -> None:
        """Fail the commands without a reply. After `complete`, this does nothing."""
        self.replies += [error] * (self.expected - len(self.replies))
        self.complete()


def empty_batch() -> CommandBatch:
    """Return a complete batch, for the time before the first flush."""
    return CommandBatch(0, _ignore)


class Transport(Protocol):
    """Carries one batch at a time."""

    def send(self, commands: Sequence[Command], batch: CommandBatch) -> None:
        """Send the commands. The batch completes or fails later."""

    def abandon(self, error: Exception) -> None:
        """Fail the running batch and close its connection."""

    async def close(self) -> None: ...


class NodeTransport:
    """One connection to one node. It opens at the first batch, and again after a loss."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._connection: AbstractConnection = pool.make_connection()  # type: ignore[no-untyped-call]
        self._opening_lock = asyncio.Lock()
        self._session: _Session | None = None
        self._opening: asyncio.Task[None] | None = None
        self._batch = empty_batch()

    def send(self, commands: Sequence[Command], batch: CommandBatch) -> None:
        self._batch = batch
        if self._session is not None and not self._session.closed:
            self._session.send(commands, batch)
        else:
            self._opening = asyncio.get_running_loop().create_task(self._open(commands, batch))

    def abandon(self, error: Exception) -> None:
        if self._opening is not None:
            self._opening.cancel()
        if self._session is not None:
            self._session.close(error)
        self._batch.fail(error)

    async def close(self) -> None:
        self.abandon(ConnectionError("The store is closed."))
        if self._opening is not None:
            await asyncio.wait([self._opening])
        await self._connection.disconnect(nowait=True)

    async def _open(self, commands: Sequence[Command], batch: CommandBatch) -> None:
        try:
            async with self._opening_lock:
                await self._connection.disconnect(nowait=True)
                await self._connection.connect()  # type: ignore[no-untyped-call]
                self._session = _Session(self._connection)
        except (RedisError, OSError) as error:
            batch.fail(error)
        else:
            self._session.send(commands, batch)


class _Session(asyncio.Protocol):
    """One open connection, after the client library's handshake."""

    def __init__(self, connection: AbstractConnection) -> None:
        # The library has no public access to its transport. pyproject.toml therefore bounds its version.
        self._transport = cast(asyncio.WriteTransport, connection._writer.transport)  # type: ignore[union-attr]
        self._transport.set_protocol(self)
        self._reader = hiredis.Reader(
            protocolError=ConnectionError, replyError=self._reply_error, notEnoughData=_INCOMPLETE
        )
        self._batch = empty_batch()
        self._demoted = False
        self.closed = False

    def send(self, commands: Sequence[Command], batch: CommandBatch) -> None:
        self._batch = batch
        self._transport.write(b"".join(map(_pack, commands)))

    def close(self, error: Exception) -> None:
        self.closed = True
        self._transport.abort()
        self._batch.fail(error)

    def data_received(self, chunk: bytes) -> None:
        batch = self._batch
        replies = batch.replies
        next_reply = self._reader.gets
        try:
            self._reader.feed(chunk)
            while (reply := next_reply()) is not _INCOMPLETE:
                replies.append(reply)
        except ConnectionError as error:
            self.close(error)
            return
        if len(replies) > batch.expected:
            self.close(ConnectionError(f"Expected {batch.expected} replies, found {len(replies)}."))
        elif len(replies) == batch.expected:
            batch.complete()
            if self._demoted:
                self.close(ConnectionError("The connected master is a replica now."))

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        self._batch.fail(ConnectionError(f"The connection was lost: {error or 'closed by the store'}."))

    def _reply_error(self, text: str) -> RedisError:
        code, _, _ = text.partition(" ")
        if code == "READONLY":
            # After a failover, only a new connection asks for the present master.
            self._demoted = True
        return NoScriptError(text) if code == "NOSCRIPT" else ResponseError(text)


_INCOMPLETE = object()
_pack: Callable[[Command], bytes] = hiredis.pack_command  # type: ignore[assignment]  # The library's type stub allows short tuples only.


def _ignore(replies: Replies) -> None:
    pass
