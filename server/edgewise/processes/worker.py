"""A web worker: one process that serves HTTP on the supervisor's socket.

python -m edgewise.processes.worker DESCRIPTOR APP READY

APP is a function that creates the ASGI app from the settings, written as `module:function`. The settings come from
the environment. READY is the writing end of a pipe. The worker writes one byte to it when it accepts connections.

After an upgrade, a supervisor of the release before starts this module. So keep these arguments.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from functools import partial

import uvicorn
from uvicorn.importer import import_from_string

from edgewise import logs
from edgewise.gc_tuning import configure_gc
from edgewise.http.connections import MOST_CONNECTIONS, Connections
from edgewise.http.protocol import HttpProtocol
from edgewise.malloc_tuning import configure_malloc
from edgewise.processes.descriptors import raise_descriptor_limit
from edgewise.processes.draining_server import KEEP_ALIVE_SECONDS, DrainingServer
from edgewise.processes.listener import BACKLOG
from edgewise.settings import Settings

DRAIN_SECONDS = 5
"""The time limit for the requests in progress when the worker stops."""


def main() -> None:
    descriptor, app, ready = sys.argv[1:]
    settings = Settings.load({}, os.environ)
    logs.configure(settings.verbose)
    # Connections that wait to be accepted also need descriptors.
    connections = Connections(settings.trusted_proxies, min(MOST_CONNECTIONS, raise_descriptor_limit() // 2))
    config = uvicorn.Config(
        import_from_string(app)(settings),
        loop="uvloop",
        http=partial(HttpProtocol, open_connections=connections),  # type: ignore[arg-type]  # Not a class, but called as one.
        ws="none",
        proxy_headers=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    configure_malloc()
    configure_gc()
    DrainingServer(config, lambda: _signal_ready(int(ready))).run(sockets=[socket.socket(fileno=int(descriptor))])


def _signal_ready(descriptor: int) -> None:
    with suppress(BrokenPipeError):  # The supervisor may have given up waiting.
        os.write(descriptor, b"1")
    os.close(descriptor)


if __name__ == "__main__":
    main()
