"""Servers and other commands as real processes, and what they leave behind."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from tests.eventually import eventually

TIMEOUT = 20.0  # seconds; far more than anything here takes


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
    return {pid: command for pid, (ppid, _, command) in _processes().items() if ppid == parent}


async def gone(pids: Iterable[int]) -> None:
    """Wait until none of these processes runs. A zombie does not run."""
    pids = set(pids)

    async def are_gone() -> bool:
        return all(pid not in pids or state == "Z" for pid, (_, state, _) in _processes().items())

    await eventually(are_gone)


def _processes() -> Mapping[int, tuple[int, str, str]]:
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,args="], capture_output=True, text=True, check=True
    )
    rows = (line.split(maxsplit=3) for line in listed.stdout.splitlines())
    return {int(row[0]): (int(row[1]), row[2][0], row[3] if len(row) > 3 else "") for row in rows}
