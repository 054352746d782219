"""Servers and other commands as real processes."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import psutil

from tests.eventually import eventually

TIMEOUT = 60.0
"""Seconds. It is far above any expected duration."""


class LoggedProcess:
    """A process that logs to standard error."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.output: list[str] = []

    async def wait_for(self, pattern: str) -> str:
        """Wait for a line that matches the pattern. Return the first group, or the whole match without groups."""
        assert self.process.stderr is not None
        async with asyncio.timeout(TIMEOUT):
            while line := await self.process.stderr.readline():
                self.output.append(line.decode())
                if match := re.search(pattern, self.output[-1]):
                    return match[match.re.groups and 1]
        raise AssertionError(f"Missing {pattern!r} in the output:\n{''.join(self.output)}")

    async def wait(self) -> int:
        """Wait for the exit status, and keep the remaining output."""
        assert self.process.stderr is not None
        async with asyncio.timeout(TIMEOUT):
            self.output.append((await self.process.stderr.read()).decode())
            return await self.process.wait()

    def send_signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


@asynccontextmanager
async def run_process(*command: str, **environ: str) -> AsyncIterator[LoggedProcess]:
    """Run this command, and stop it at the end of the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, env={**os.environ, **environ}, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield LoggedProcess(process)
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(TIMEOUT):
                await process.communicate()
        except TimeoutError:
            if process.returncode is None:
                process.kill()
            raise


def children_of(parent: int) -> dict[int, str]:
    """The command line of each child process, by process id."""
    found = psutil.process_iter(["ppid", "cmdline"])
    return {one.pid: " ".join(one.info["cmdline"] or ()) for one in found if one.info["ppid"] == parent}


async def wait_until_gone(pids: Iterable[int]) -> None:
    """Wait until none of these processes runs. A zombie does not count as running."""
    pids = set(pids)

    async def are_gone() -> bool:
        found = psutil.process_iter(["status"])
        return all(one.pid not in pids or one.info["status"] == psutil.STATUS_ZOMBIE for one in found)

    await eventually(are_gone)
