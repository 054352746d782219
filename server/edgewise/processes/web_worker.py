"""A web worker as the supervisor sees it: a child that can be replaced while it serves."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

from edgewise.child import Child
from edgewise.errors import ProcessFailed

RETIRE_WITHIN = 15.0
"""Seconds until a retired worker is stopped that has not ended by itself."""

START_WITHIN = 60.0
"""Seconds in which a new worker must accept connections before it replaces the old one."""


class WebWorker:
    """One of the web workers. `make_child` creates its process, which writes to the given descriptor when it serves."""

    def __init__(self, name: str, make_child: Callable[[int], Child]) -> None:
        self.name = name
        self._make_child = make_child
        self._child: Child | None = None
        self._next: Child | None = None
        self._retired: dict[asyncio.Task[None], Child] = {}

    @property
    def pid(self) -> int:
        return self._current.pid

    async def start(self) -> None:
        self._child, ready = await self._start_child()
        os.close(ready)

    async def wait(self) -> int:
        return await self._current.wait()

    async def replace(self) -> None:
        """Start a new process. Once it serves, retire the old one, which ends by itself.

        Raises:
            ProcessFailed: the new process does not serve. The old one continues.
        """
        new, ready = await self._start_child()
        self._next = new  # The server may stop before this process serves, and must then stop it too.
        is_serving = await _is_written(ready)
        self._next = None
        if not is_serving:
            new.kill()
            raise ProcessFailed(f"{self.name}: The new process {new.pid} does not serve. The old one continues.")
        old, self._child = self._current, new
        old.send_signal(signal.SIGHUP)
        task = asyncio.create_task(_wait_or_stop(old))
        self._retired[task] = old
        task.add_done_callback(self._retired.pop)

    async def stop(self) -> None:
        await asyncio.gather(*(child.stop() for child in self._children()), *self._retired)

    def kill(self) -> None:
        for child in self._children():
            child.kill()

    def _children(self) -> list[Child]:
        return [*self._retired.values(), *(child for child in (self._child, self._next) if child is not None)]

    @property
    def _current(self) -> Child:
        if self._child is None:
            raise RuntimeError(f"{self.name}: The process is not running. Call start() first.")
        return self._child

    async def _start_child(self) -> tuple[Child, int]:
        """Return the started child, and the reading end of its pipe."""
        reading, writing = os.pipe()
        try:
            child = self._make_child(writing)
            await child.start()
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        return child, reading


async def _wait_or_stop(retired: Child) -> None:
    try:
        async with asyncio.timeout(RETIRE_WITHIN):
            await retired.wait()
    except TimeoutError:
        await retired.stop()


async def _is_written(descriptor: int) -> bool:
    """Whether a byte arrives. It does not if the writer ends. Closes the descriptor."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
    )
    try:
        async with asyncio.timeout(START_WITHIN):
            return bool(await reader.read(1))
    except TimeoutError:
        return False
    finally:
        transport.close()
