"""A child process that ends with its parent and stops within a time limit."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_PARENT_WATCH = Path(__file__).with_name("parent_watch.py")


class Child:
    """A command run as a child process that does not outlive this process.

    The child gets `death_signal` when this process dies. `stop` waits `stop_within` seconds before it kills the child.
    The child has its own session, so Ctrl-C in a terminal reaches only this process, which then decides the order.
    Start it from the main thread, because on Linux the death signal depends on the parent's thread.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environ: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        death_signal: signal.Signals = signal.SIGKILL,
        stop_within: float = 10.0,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> None:
        self.name = name
        self._command = command
        self._environ = environ
        self._pass_fds = pass_fds
        self._death_signal = death_signal
        self._stop_within = stop_within
        self._stdout = stdout
        self._stderr = stderr
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        return self._started().pid

    @property
    def output(self) -> asyncio.StreamReader:
        """The standard output of a child created with `stdout=PIPE`."""
        if (stream := self._started().stdout) is None:
            raise RuntimeError(f"{self.name}: The output is not piped. Create the child with stdout=PIPE.")
        return stream

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start the command, or start it again after it ended.

        Raises:
            OSError: the system cannot create a process.
        """
        lifeline = _lifeline()
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", _PARENT_WATCH, str(int(self._death_signal)), str(os.getpid()), str(lifeline)),
            *self._command,
            env=self._environ,
            pass_fds=(lifeline, *self._pass_fds),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=self._stdout,
            stderr=self._stderr,
            start_new_session=True,
        )

    async def wait(self) -> int:
        """Wait for the end. Returns the exit status, or minus the number of the signal that ended the child."""
        return await self._started().wait()

    async def stop(self) -> None:
        """Send SIGTERM, and kill the child if it does not end in time."""
        if not self.is_running:
            return
        self.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(self._stop_within):
                await self.wait()
        except TimeoutError:
            self.kill()
            await self.wait()

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def replace(self) -> None:
        """Stop the child and start it again."""
        await self.stop()
        await self.start()

    def send_signal(self, number: signal.Signals) -> None:
        if self.is_running:
            with suppress(ProcessLookupError):  # The child ended between the check and the signal.
                self._started().send_signal(number)

    def _started(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise RuntimeError(f"{self.name}: The process is not running. Call start() first.")
        return self._process


@functools.cache
def _lifeline() -> int:
    """Return the reading end of a pipe. Only this process holds the writing end, so the pipe closes when it dies."""
    reading, _ = os.pipe()
    return reading
