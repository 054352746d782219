"""The pipeline of the decide path. It sends the commands of many callers in one flush.

Commands of one turn of the event loop, or of the time of a running flush, leave together in the next flush. A caller
waits until its deadline. The flush belongs to all its callers, so none of them can cancel it.
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import Any, TypeAlias

from redis.exceptions import ConnectionError, NoScriptError, TimeoutError

from edgewise.errors import StoreError, StoreTimeout, StoreUnavailable
from edgewise.store.connection import Client
from edgewise.store.scripts import Command, in_full
from edgewise.store.transport import CommandBatch, Replies, Transport

_Call: TypeAlias = "tuple[asyncio.Future[Any], float, Command]"


class Pipeline:
    """One queue of commands to the store.

    A flush without all replies after `patience` seconds is overdue. Until it completes, new commands fail at once,
    because they would wait behind it. After the client's `reply_timeout` seconds, its connection is closed.
    """

    def __init__(self, client: Client, transport: Transport, patience: float = 0.05) -> None:
        self._client = client
        self._has_prefix = client.has_prefix
        self._transport = transport
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._queue: list[_Call] = []
        self._in_flight: list[_Call] = []
        self._sent_at = 0.0
        self._flush_is_scheduled = False
        self._overdue = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_time = inf
        self._closed = False

    @property
    def overdue(self) -> bool:
        """Whether the running flush has taken longer than `patience`."""
        return self._overdue

    def submit(self, command: Command, deadline: float) -> asyncio.Future[Any]:
        """Send a command with the next flush. The future's result is the store's reply.

        `deadline` is a time of the event loop's clock. When it passes, the future fails with `StoreTimeout`. A command
        that was not sent by then is never sent. One that was sent may still run. No command is sent twice.

        Raises:
            StoreTimeout: a flush is overdue, or the deadline has passed. The future raises it later.
            StoreUnavailable: from the future: the store cannot be reached or refused the command.
        """
        if self._overdue:
            raise self._refuse_error()
        if deadline <= self._loop.time():
            raise StoreTimeout(
                f"Store {self._client.url}: no time was left to send {command[0]!r}. The deadline has passed."
            )
        reply = self._loop.create_future()
        if self._has_prefix:
            command = self._client.with_prefix(command)
        self._queue.append((reply, deadline, command))
        if deadline < self._timer_time:
            self._set_timer(deadline)
        if not (self._flush_is_scheduled or self._in_flight):
            self._flush_is_scheduled = True
            self._loop.call_soon(self._flush)
        return reply

    async def close(self) -> None:
        """Fail waiting commands and close the connection."""
        self._closed = self._overdue = True
        if self._timer is not None:
            self._timer.cancel()
        for reply, _, command in self._queue:
            if not reply.done():
                reply.set_exception(self._client.unavailable_error(command, ConnectionError("the store was closed")))
        self._queue.clear()
        await self._transport.close()

    def _flush(self) -> None:
        self._flush_is_scheduled = False
        calls = [call for call in self._queue if not call[0].done()]
        self._queue.clear()
        if calls:
            self._in_flight = calls
            self._sent_at = self._loop.time()
            if self._sent_at + self._patience < self._timer_time:
                self._set_timer(self._sent_at + self._patience)
            self._transport.send([call[2] for call in calls], CommandBatch(len(calls), self._complete))

    def _complete(self, replies: Replies) -> None:
        calls, self._in_flight = self._in_flight, []
        self._overdue = self._closed
        for call, answer in zip(calls, replies, strict=True):
            reply = call[0]
            if reply.done():
                continue
            if isinstance(answer, Exception):
                self._fail(call, answer)
            else:
                reply.set_result(answer)
        if self._queue:
            # Not at once, because callers with a reply may submit their next command in this turn.
            self._flush_is_scheduled = True
            self._loop.call_soon(self._flush)

    def _refuse_error(self) -> StoreError:
        if self._closed:
            return StoreUnavailable(f"Store {self._client.url}: the connection is closed.")
        return StoreTimeout(f"Store {self._client.url}: an earlier flush has no reply after {self._patience} s.")

    def _fail(self, call: _Call, error: Exception) -> None:
        reply, deadline, command = call
        if isinstance(error, NoScriptError):
            self._queue.append((reply, deadline, in_full(command)))
        else:
            reply.set_exception(self._client.unavailable_error(command, error))

    def _set_timer(self, time: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_time = time
        self._timer = self._loop.call_at(time, self._on_timer)

    def _on_timer(self) -> None:
        """Handle the earliest deadline. One timer serves all deadlines, and usually finds them met."""
        self._timer = None
        self._timer_time = inf
        now = self._loop.time()
        earliest = self._check_flush(now)
        for reply, deadline, command in (*self._in_flight, *self._queue):
            if reply.done():
                continue
            if deadline <= now:
                reply.set_exception(
                    StoreTimeout(f"Store {self._client.url}: no reply to {command[0]!r} before its deadline.")
                )
            else:
                earliest = min(earliest, deadline)
        if earliest < self._timer_time:
            self._set_timer(earliest)

    def _check_flush(self, now: float) -> float:
        """Check the running flush. Returns the time of the next check."""
        if not self._in_flight:
            return inf
        overdue_at = self._sent_at + self._patience
        if now < overdue_at:
            return overdue_at
        self._overdue = True
        timeout_at = self._sent_at + self._client.reply_timeout
        if now < timeout_at:
            return timeout_at
        self._transport.abandon(TimeoutError(f"no reply in {self._client.reply_timeout} s"))
        return inf
