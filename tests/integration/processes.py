"""Servers and other commands as real processes, and what they leave behind."""

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

TIMEOUT = 60.0  # seconds; far more than anything here takes


class Served:
    """A process that logs to standard error."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[str] = []

    async def until(self, pattern: str) -> str:
        """Wait until it says something that the pattern matches; the pattern's first group, or the whole match."""
        assert self.process.stderr is not None
        async with asyncio.timeout(TIMEOUT):
            while line := await self.process.stderr.readline():
                self.said.append(line.decode())
                if match := re.search(pattern, self.said[-1]):
                    return match[match.re.groups and 1]
        raise AssertionError(f"it ended without saying {pattern!r}; it said:\n{''.join(self.said)}")

    async def ends(self) -> int:
        """Wait until it ends; its status. What it still says is kept."""
        assert self.process.stderr is not None
        async with asyncio.timeout(TIMEOUT):
            self.said.append((await self.process.stderr.read()).decode())
            return await self.process.wait()

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


@asynccontextmanager
async def served(*command: str, **environ: str) -> AsyncIterator[Served]:
    """Run this command; at the end it is stopped, if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, env={**os.environ, **environ}, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield Served(process)
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


async def gone(pids: Iterable[int]) -> None:
    """Wait until none of these processes runs. A zombie does not run."""
    pids = set(pids)

    async def are_gone() -> bool:
        found = psutil.process_iter(["status"])
        return all(one.pid not in pids or one.info["status"] == psutil.STATUS_ZOMBIE for one in found)

    await eventually(are_gone)
