"""A web worker: one process that answers HTTP on a socket that the supervisor has bound.

python -m edgewise.processes.worker DESCRIPTOR APP

APP names a function that takes the settings and makes the ASGI app, as `module:function`. The settings come from the
environment.
"""

from __future__ import annotations

import os
import socket
import sys

import uvicorn
from uvicorn.importer import import_from_string

from edgewise import logs as diagnostics
from edgewise.gc_tuning import tame
from edgewise.processes.listener import BACKLOG
from edgewise.settings import Settings

DRAIN_SECONDS = 5
"""How long requests that are under way may take to end, once the worker was asked to stop."""


def main() -> None:
    descriptor, app = sys.argv[1:]
    settings = Settings.load({}, os.environ)
    diagnostics.configure(settings.verbose)
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
    tame()
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(descriptor))])


if __name__ == "__main__":
    main()
