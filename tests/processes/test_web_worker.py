"""A web worker is stopped with all of its processes, at any moment of a replacement."""

from __future__ import annotations

import asyncio
import sys

import pytest

from edgewise.child import Child
from edgewise.processes.web_worker import WebWorker
from tests.eventually import eventually

SERVES = "import os, sys, time; os.write(int(sys.argv[1]), b'1'); time.sleep(60)"
STARTS = "import time; time.sleep(60)"


class Worker(WebWorker):
    """A web worker whose first process serves, and whose later ones take long to start."""

    def __init__(self) -> None:
        super().__init__("web worker", self._make)
        self.children: list[Child] = []

    def _make(self, ready: int) -> Child:
        code = STARTS if self.children else SERVES
        child = Child("test", [sys.executable, "-c", code, str(ready)], pass_fds=(ready,))
        self.children.append(child)
        return child


@pytest.mark.parametrize("kills", [False, True])
async def test_a_replacement_that_is_interrupted_leaves_no_process(kills: bool) -> None:
    worker = Worker()

    async def both_run() -> bool:
        return [child.is_running for child in worker.children] == [True, True]

    await worker.start()
    replacement = asyncio.create_task(worker.replace())
    await eventually(both_run)
    replacement.cancel()
    await asyncio.gather(replacement, return_exceptions=True)
    if kills:
        worker.kill()
    await worker.stop()
    running = [child for child in worker.children if child.is_running]
    for child in running:
        child.kill()
    assert running == []
