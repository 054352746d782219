"""The child processes of a server, besides its store: web workers, learner and webhook dispatcher."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from edgewise.child import Child
from edgewise.processes.ended_metrics import add_up_ended
from edgewise.processes.listener import Listener
from edgewise.processes.restarts import ReplaceableProcess
from edgewise.processes.web_worker import WebWorker
from edgewise.settings import Settings

_EDGEWISE = (sys.executable, "-m", "edgewise")
_WORKER = (sys.executable, "-m", "edgewise.processes.worker")


class Children:
    """Creates the children. They load `settings`, and write their metrics to files in the folder `metrics`."""

    def __init__(self, settings: Settings, metrics: Path) -> None:
        self._settings = settings
        self._metrics = metrics

    def workers(self, listener: Listener, app: str) -> list[ReplaceableProcess]:
        """The web workers, which serve this app on this socket."""

        def make_child(name: str, ready: int) -> Child:
            arguments = (str(listener.descriptor), app, str(ready))
            return self._child(name, (*_WORKER, *arguments), pass_fds=(listener.descriptor, ready))

        names = [f"web worker {number}" for number in range(1, self._settings.workers + 1)]
        return [WebWorker(name, partial(make_child, name)) for name in names]

    def learner(self) -> ReplaceableProcess:
        return self._child("learner", (*_EDGEWISE, "learn"))

    def dispatcher(self) -> ReplaceableProcess:
        return self._child("webhook dispatcher", (*_EDGEWISE, "courier"))

    def _child(self, name: str, command: Sequence[str], pass_fds: Sequence[int] = ()) -> Child:
        return _MeasuredChild(name, command, self._settings, self._metrics, pass_fds)


class _MeasuredChild(Child):
    """A child with metrics."""

    def __init__(
        self, name: str, command: Sequence[str], settings: Settings, metrics: Path, pass_fds: Sequence[int]
    ) -> None:
        environ = {**os.environ, **settings.environ(), "PROMETHEUS_MULTIPROC_DIR": str(metrics)}
        super().__init__(name, command, environ=environ, pass_fds=pass_fds, stop_within=15.0)
        self._metrics = metrics
        self._is_added_up = False

    async def start(self) -> None:
        self._is_added_up = False
        await super().start()

    async def wait(self) -> int:
        status = await super().wait()
        if not self._is_added_up:  # Later, a new process may have the same id.
            self._is_added_up = True
            add_up_ended(self._metrics, self.pid)
        return status
