"""A web worker: one process that serves HTTP on the supervisor's socket.

python -m edgewise.processes.worker DESCRIPTOR APP

APP is a function that creates the ASGI app from the settings, written as `module:function`. The settings come from
the environment.
"""

from __future__ import annotations

import os
import socket
import sys

import uvicorn
from uvicorn.importer import import_from_string

from edgewise import logs
from edgewise.gc_tuning import configure_gc
from edgewise.processes.listener import BACKLOG
from edgewise.settings import Settings

DRAIN_SECONDS = 5
"""The time limit for the requests in progress when the worker stops."""


def main() -> None:
    descriptor, app = sys.argv[1:]
    settings = Settings.load({}, os.environ)
    logs.configure(settings.verbose)
    config = uvicorn.Config(
        import_from_string(app)(settings),
        loop="uvloop",
        http="httptools",
        ws="none",
        proxy_headers=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    configure_gc()
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(descriptor))])


if __name__ == "__main__":
    main()
