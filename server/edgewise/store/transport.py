"""The wire under a lane: how one flush of commands reaches the store, and how its replies come back.

The client library opens the connection (addresses, TLS, AUTH, SELECT); from then on it is written and read here, at a
tenth of the library's cost a command. No command is ever sent a second time.
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
"""One for each command, in order; an exception where the command failed."""


class Flight:
    """One flush under way: the replies so far, and whom to tell when there is one for each command."""

    __slots__ = ("_done", "expected", "replies")

    def __init__(self, expected: int, done: Callable[[Replies], None]) -> None:
        self.expected = expected
        self.replies: Replies = []
        self._done = done

    def land(self) -> None:
        """All replies are there."""
        done, self._done = self._done, _ignore
        done(self.replies)

    def fail(self, error: Exception) -> None:
        """The commands not answered yet never will be. After landing this does nothing."""
        self.replies += [error] * (self.expected - len(self.replies))
        self.land()


def nobody() -> Flight:
    """The flight before the first one."""
    return Flight(0, _ignore)


class Wire(Protocol):
    """Carries one flight at a time."""

    def send(self, commands: Sequence[Command], flight: Flight) -> None:
        """Send the commands; the flight lands, or fails, later."""

    def abandon(self, error: Exception) -> None:
        """Give up on the flight under way, and on its connection."""

    async def close(self) -> None:
        """Close the connection."""


class NodeWire:
    """One connection to one node, opened when first needed, and again after it was lost."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._connection: AbstractConnection = pool.make_connection()  # type: ignore[no-untyped-call]
        self._one_at_a_time = asyncio.Lock()
        self._session: _Session | None = None
        self._opening: asyncio.Task[None] | None = None
        self._flight = nobody()

    def send(self, commands: Sequence[Command], flight: Flight) -> None:
        self._flight = flight
        if self._session is not None and not self._session.closed:
            self._session.send(commands, flight)
        else:
            self._opening = asyncio.get_running_loop().create_task(self._open(commands, flight))

    def abandon(self, error: Exception) -> None:
        if self._opening is not None:
            self._opening.cancel()
        if self._session is not None:
            self._session.close(error)
        self._flight.fail(error)

    async def close(self) -> None:
        self.abandon(ConnectionError("the store was closed"))
        if self._opening is not None:
            await asyncio.wait([self._opening])
        await self._connection.disconnect(nowait=True)

    async def _open(self, commands: Sequence[Command], flight: Flight) -> None:
        try:
            async with self._one_at_a_time:
                await self._connection.disconnect(nowait=True)
                await self._connection.connect()  # type: ignore[no-untyped-call]
                self._session = _Session(self._connection)
        except (RedisError, OSError) as error:
            flight.fail(error)
        else:
            self._session.send(commands, flight)


class _Session(asyncio.Protocol):
    """The life of one connection, from the client library's handshake on."""

    def __init__(self, connection: AbstractConnection) -> None:
        # The library has no public way to hand over its transport: hence the upper bound on its version in pyproject.
        self._transport = cast(asyncio.WriteTransport, connection._writer.transport)  # type: ignore[union-attr]
        self._transport.set_protocol(self)
        self._reader = hiredis.Reader(
            protocolError=ConnectionError, replyError=self._reply_error, notEnoughData=_INCOMPLETE
        )
        self._flight = nobody()
        self._demoted = False
        self.closed = False

    def send(self, commands: Sequence[Command], flight: Flight) -> None:
        self._flight = flight
        self._transport.write(b"".join(map(_pack, commands)))

    def close(self, error: Exception) -> None:
        self.closed = True
        self._transport.abort()
        self._flight.fail(error)

    def data_received(self, chunk: bytes) -> None:
        flight = self._flight
        replies = flight.replies
        next_reply = self._reader.gets
        try:
            self._reader.feed(chunk)
            while (reply := next_reply()) is not _INCOMPLETE:
                replies.append(reply)
        except ConnectionError as error:
            self.close(error)
            return
        if len(replies) > flight.expected:
            self.close(ConnectionError(f"found {len(replies)} replies to {flight.expected} commands"))
        elif len(replies) == flight.expected:
            flight.land()
            if self._demoted:
                self.close(ConnectionError("the master that we were connected to is a replica now"))

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        self._flight.fail(ConnectionError(f"the connection was lost: {error or 'closed by the store'}"))

    def _reply_error(self, text: str) -> RedisError:
        code, _, _ = text.partition(" ")
        if code == "READONLY":
            # A fail-over: only a new connection asks where the master is now.
            self._demoted = True
        return NoScriptError(text) if code == "NOSCRIPT" else ResponseError(text)


_INCOMPLETE = object()
_pack: Callable[[Command], bytes] = hiredis.pack_command  # type: ignore[assignment]  # its stub knows no long tuples


def _ignore(replies: Replies) -> None:
    pass
