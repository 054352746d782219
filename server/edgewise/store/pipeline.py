"""The lane: the group commit of the decide path.

Commands submitted in the same turn of the event loop, or while a flush is under way, leave together in the next flush.
A caller waits until its deadline and no longer; the flush belongs to all its callers, and none of them can end it.
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import Any, TypeAlias

from redis.exceptions import ConnectionError, NoScriptError, TimeoutError

from edgewise.errors import StoreError, StoreTimeout, StoreUnavailable
from edgewise.store.connection import Client
from edgewise.store.scripts import Command, in_full
from edgewise.store.transport import Flight, Replies, Wire

_Call: TypeAlias = "tuple[asyncio.Future[Any], float, Command]"


class Lane:
    """One queue of commands to the store, flushed together.

    A flush that is not back after `patience` seconds is overdue: until it is, new commands are refused at once, since
    they would have to wait behind it. After the client's `reply_timeout` seconds its connection is given up.
    """

    def __init__(self, client: Client, wire: Wire, patience: float = 0.05) -> None:
        self._client = client
        self._wire = wire
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._queue: list[_Call] = []
        self._in_flight: list[_Call] = []
        self._departure = 0.0
        self._flush_is_due = False
        self._overdue = False
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_time = inf
        self._closed = False

    @property
    def overdue(self) -> bool:
        """Whether the flush under way has taken longer than `patience`."""
        return self._overdue

    def submit(self, command: Command, deadline: float) -> asyncio.Future[Any]:
        """Send a command with the next flush. The result is the store's reply, its bytes as they came.

        `deadline` is a time of the running event loop's clock. When it passes, the waiting ends with `StoreTimeout`; a
        command that has not left by then never does, one that has may still be executed. No command is sent twice.

        Raises:
            StoreTimeout: at once, while a flush is overdue or when the deadline has passed; from the future, later.
            StoreUnavailable: from the future: the store cannot be reached, or refused this command.
        """
        if self._overdue:
            raise self._refusal()
        if deadline <= self._loop.time():
            raise StoreTimeout(f"store {self._client.url}: no time was left to send {command[0]!r}")
        reply = self._loop.create_future()
        self._queue.append((reply, deadline, command))
        if deadline < self._alarm_time:
            self._set_alarm(deadline)
        if not (self._flush_is_due or self._in_flight):
            self._flush_is_due = True
            self._loop.call_soon(self._flush)
        return reply

    async def close(self) -> None:
        """Fail what is waiting, and close the connection."""
        self._closed = self._overdue = True
        if self._alarm is not None:
            self._alarm.cancel()
        for reply, _, command in self._queue:
            if not reply.done():
                reply.set_exception(self._client.unavailable(command, ConnectionError("the store was closed")))
        self._queue.clear()
        await self._wire.close()

    def _flush(self) -> None:
        self._flush_is_due = False
        calls = [call for call in self._queue if not call[0].done()]
        self._queue.clear()
        if calls:
            self._in_flight = calls
            self._departure = self._loop.time()
            if self._departure + self._patience < self._alarm_time:
                self._set_alarm(self._departure + self._patience)
            self._wire.send([call[2] for call in calls], Flight(len(calls), self._landed))

    def _landed(self, replies: Replies) -> None:
        calls, self._in_flight = self._in_flight, []
        self._overdue = self._closed
        for call, answer in zip(calls, replies, strict=True):
            reply = call[0]
            if reply.done():
                continue
            if isinstance(answer, Exception):
                self._refused(call, answer)
            else:
                reply.set_result(answer)
        if self._queue:
            # Not yet: callers who were just answered may have their next command ready in this turn.
            self._flush_is_due = True
            self._loop.call_soon(self._flush)

    def _refusal(self) -> StoreError:
        if self._closed:
            return StoreUnavailable(f"store {self._client.url}: was closed")
        return StoreTimeout(f"store {self._client.url}: an earlier flush is not back after {self._patience} s")

    def _refused(self, call: _Call, error: Exception) -> None:
        reply, deadline, command = call
        if isinstance(error, NoScriptError):
            self._queue.append((reply, deadline, in_full(command)))
        else:
            reply.set_exception(self._client.unavailable(command, error))

    def _set_alarm(self, time: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_time = time
        self._alarm = self._loop.call_at(time, self._ring)

    def _ring(self) -> None:
        """One alarm for all deadlines, set to the earliest: nearly always they were met, and it finds nothing to do."""
        self._alarm = None
        self._alarm_time = inf
        now = self._loop.time()
        earliest = self._watch_flight(now)
        for reply, deadline, command in (*self._in_flight, *self._queue):
            if reply.done():
                continue
            if deadline <= now:
                reply.set_exception(StoreTimeout(f"store {self._client.url}: no reply to {command[0]!r} in its time"))
            else:
                earliest = min(earliest, deadline)
        if earliest < self._alarm_time:
            self._set_alarm(earliest)

    def _watch_flight(self, now: float) -> float:
        """When to look at the flush under way again."""
        if not self._in_flight:
            return inf
        patient_until = self._departure + self._patience
        if now < patient_until:
            return patient_until
        self._overdue = True
        given_up = self._departure + self._client.reply_timeout
        if now < given_up:
            return given_up
        self._wire.abandon(TimeoutError(f"no reply in {self._client.reply_timeout} s"))
        return inf
