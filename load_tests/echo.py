"""The yardstick: a bare Starlette app that parses a JSON body and sends it back."""

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
    """The app, as `edgewise.processes.worker` makes it. It takes the very requests that the real one takes."""
    return Starlette(routes=[Route("/v1/decide", echo, methods=["POST"]), Route("/healthz", alive, methods=["GET"])])
