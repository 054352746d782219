"""The real supervisor with a minimal app, for tests of processes.

`python -m tests.integration.minimal_app` runs it. The settings come from the environment.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from edgewise import logs
from edgewise.processes.supervisor import Supervisor
from edgewise.settings import Settings


async def healthz(_: Request) -> PlainTextResponse:
    return PlainTextResponse("ok")


async def pid(_: Request) -> PlainTextResponse:
    return PlainTextResponse(str(os.getpid()))


async def slow(request: Request) -> StreamingResponse:
    async def answer() -> AsyncIterator[str]:
        yield "begun, "
        await asyncio.sleep(float(request.query_params["seconds"]))
        yield "done"

    return StreamingResponse(answer())


async def environ(request: Request) -> PlainTextResponse:
    return PlainTextResponse(os.environ[request.query_params["name"]])


def create_app(settings: Settings) -> Starlette:
    """The app for a web worker."""
    assert settings.redis
    assert settings.secret_key
    return Starlette(routes=[Route(f"/{answer.__name__}", answer) for answer in (healthz, pid, slow, environ)])


def create_broken_app(settings: Settings) -> Starlette:
    """An app that fails at its creation."""
    raise RuntimeError("This app always fails.")


if __name__ == "__main__":
    settings = Settings.load({}, os.environ)
    logs.configure(settings.verbose)
    app = os.environ.get("MINIMAL_APP", "tests.integration.minimal_app:create_app")
    asyncio.run(Supervisor(settings, app).run())
