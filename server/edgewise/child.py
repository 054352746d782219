"""A child process: started on a leash, stopped within a bound."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_LEASH = Path(__file__).with_name("leash.py")


class Child:
    """A command run as a child process that does not outlive this one.

    `death_signal` is what it gets when this process dies, `stop_within` how many seconds it has to end when asked to,
    before it is killed. It lives in a session of its own, so that Ctrl-C in a terminal reaches only us, and we decide
    what ends first. Start it from the main thread: on Linux the leash is tied to the thread.
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
        """What it writes, when it was made with `stdout=PIPE`."""
        if (stream := self._started().stdout) is None:
            raise RuntimeError(f"{self.name}: its output is not piped, expected stdout=PIPE")
        return stream

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it; when it has run before, anew.

        Raises:
            OSError: no process could be made.
        """
        lifeline = _lifeline()
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", _LEASH, str(int(self._death_signal)), str(os.getpid()), str(lifeline)),
            *self._command,
            env=self._environ,
            pass_fds=(lifeline, *self._pass_fds),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=self._stdout,
            stderr=self._stderr,
            start_new_session=True,
        )

    async def wait(self) -> int:
        """Wait until it ends; its exit status, or minus the number of the signal that ended it."""
        return await self._started().wait()

    async def stop(self) -> None:
        """Ask it to end, and kill it when it does not within its bound."""
        if not self.is_running:
            return
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(self._stop_within):
                await self.wait()
        except TimeoutError:
            self.kill()
            await self.wait()

    def kill(self) -> None:
        """End it at once."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self.is_running:
            with suppress(ProcessLookupError):  # It ended in this very moment.
                self._started().send_signal(number)

    def _started(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise RuntimeError(f"{self.name}: found no process, expected one that was started")
        return self._process


@functools.cache
def _lifeline() -> int:
    """The reading end of a pipe whose writing end only this process holds, until it dies."""
    reading, _ = os.pipe()
    return reading
