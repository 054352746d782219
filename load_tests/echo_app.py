"""The baseline of the benchmark: a bare Starlette app that parses a JSON body and sends it back."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from edgewise.settings import Settings


async def echo(request: Request) -> JSONResponse:
    return JSONResponse(await request.json())


async def alive(_: Request) -> JSONResponse:
    return JSONResponse({})


def create_app(settings: Settings) -> Starlette:
    """The app for `edgewise.processes.worker`. It accepts the same requests as the real one."""
    return Starlette(routes=[Route("/v1/decide", echo, methods=["POST"]), Route("/healthz", alive, methods=["GET"])])
