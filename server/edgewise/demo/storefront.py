"""The demo's shop, as it is served: its pages, its basket, and the bar that makes whoever looks on somebody else."""

from __future__ import annotations

import secrets
import socket
from asyncio import create_task
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeAlias
from urllib.parse import parse_qs

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from edgewise.demo.catalogue import SHOP, Basket, Product, catalogue
from edgewise.demo.pages import Pages, Server, Visit
from edgewise.demo.personas import guises
from edgewise.demo.shelves import SHELVES
from edgewise.demo.simulated_visitors import Segment
from edgewise.demo.toolbar import with_bar
from edgewise.errors import DemoFailed

PORT = 8081
"""Where the shop is, or on the next port that is free."""

_PORTS = 100
_MOST_BYTES = 4096
_BASKET, _GUISE, _NEWCOMER = "basket", "guise", "newcomer"
"""Names of cookies. The basket is the shop's; the other two are the demo's."""

Write: TypeAlias = Callable[[Visit], str]
Look: TypeAlias = Callable[[], Mapping[str, Any]]


class Storefront:
    """The shop's app. `look` is called when somebody looks at what was learned, and tells it."""

    def __init__(self, server: Server, segments: tuple[Segment, ...], look: Look) -> None:
        self._catalogue = catalogue()
        self._pages = Pages(self._catalogue, server)
        self._server = server
        self._guises = guises(segments)
        self._look = look

    def app(self) -> Starlette:
        pages = self._pages
        plain: dict[str, Write] = {"/": pages.home, "/shipping": pages.shipping, "/students": pages.students}
        plain |= dict.fromkeys(SHELVES, pages.listing) | {"/cart": pages.cart}
        return Starlette(
            routes=[
                *(Route(path, self._page(write)) for path, write in plain.items()),
                Route("/p/{id}", self._product),
                Route("/cart", self._add, methods=["POST"]),
                Route("/cart/remove", self._remove, methods=["POST"]),
                Route("/checkout", self._checkout),
                Route("/checkout", self._order, methods=["POST"]),
                Route("/thanks", self._page(pages.thanks)),
                Route("/students", self._page(pages.student), methods=["POST"]),
                Route("/demo/as/{name}", self._dress),
                Route("/demo/board", self._board),
                Mount("/", StaticFiles(directory=SHOP / "static")),
            ],
            exception_handlers={404: self._lost},
        )

    def _page(self, write: Write) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            return self._written(request, write)

        return answer

    async def _product(self, request: Request) -> Response:
        product = self._catalogue.products.get(request.path_params["id"])
        if product is None:
            return self._written(request, self._pages.lost, 404)
        return self._written(request, lambda visit: self._pages.product(visit, product))

    async def _add(self, request: Request) -> Response:
        product = await self._posted(request)
        return _to("/cart", basket=self._basket(request).added(product) if product else None)

    async def _remove(self, request: Request) -> Response:
        product = await self._posted(request)
        return _to("/cart", basket=self._basket(request).without(product) if product else None)

    async def _checkout(self, request: Request) -> Response:
        return self._written(request, self._pages.checkout) if self._basket(request).pieces else _to("/cart")

    async def _order(self, request: Request) -> Response:
        """Nothing of what was typed is looked at."""
        return _to("/thanks", basket=Basket({}))

    async def _lost(self, request: Request, error: Exception) -> Response:
        return self._written(request, self._pages.lost, 404)

    async def _dress(self, request: Request) -> Response:
        """From here on it is somebody else who visits: another browser, without a past, that comes from elsewhere."""
        guise = self._guises.get(request.path_params["name"])
        if guise is None:
            return self._written(request, self._pages.lost, 404)
        response = _to(guise.arrives_at, basket=Basket.read(guise.basket, self._catalogue))
        response.set_cookie(_GUISE, guise.slug, samesite="lax", httponly=True)
        response.set_cookie(_NEWCOMER, "yes", samesite="lax", httponly=True)
        return response

    async def _board(self, request: Request) -> Response:
        return JSONResponse(self._look(), headers={"cache-control": "no-store"})

    def _written(self, request: Request, write: Write, status: int = 200) -> Response:
        guise = self._guises.get(request.cookies.get(_GUISE, ""), self._guises["yourself"])
        user_agent = guise.user_agent or request.headers.get("user-agent", "")
        device = "mobile" if "Mobi" in user_agent else "desktop"
        visit = Visit(request.url.path, secrets.token_urlsafe(16), self._basket(request), device)
        is_newcomer = _NEWCOMER in request.cookies
        page = with_bar(write(visit), visit.nonce, self._guises.values(), guise, is_newcomer)
        headers = {"content-security-policy": self._csp(visit.nonce), "cache-control": "no-cache"}
        response = HTMLResponse(page, status, headers={**headers, "x-content-type-options": "nosniff"})
        if is_newcomer:
            response.delete_cookie(_NEWCOMER, samesite="lax", httponly=True)
        return response

    def _csp(self, nonce: str) -> str:
        """As strict as it gets: only scripts that the page itself has written down, and no HTML from text."""
        return (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self'; "
            f"connect-src 'self' {self._server.url}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
            "require-trusted-types-for 'script'; trusted-types 'none'"
        )

    def _basket(self, request: Request) -> Basket:
        return Basket.read(request.cookies.get(_BASKET, ""), self._catalogue)

    async def _posted(self, request: Request) -> Product | None:
        """The product that a form names."""
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MOST_BYTES:
                return None
        [name] = parse_qs(body.decode("utf-8", "replace")).get("product", [""])[:1]
        return self._catalogue.products.get(name)


@asynccontextmanager
async def opened(app: Starlette, host: str, port: int = PORT) -> AsyncIterator[str]:
    """Serve this app until the block ends, on this port or the next one that is free; its address.

    Raises:
        DemoFailed: no port is free.
    """
    with _listening(host, port) as listener:
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none")
        config.timeout_graceful_shutdown = 1
        server = _Server(config)
        serving = create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://{host}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the demo's: it ends the shop."""
        yield


def _listening(host: str, port: int) -> socket.socket:
    for candidate in (*range(port, min(port + _PORTS, 65536)), 0):
        try:
            return socket.create_server((host, candidate))
        except OSError:
            continue
    raise DemoFailed(f"found no free port of {host} for the shop, expected one")


def _to(path: str, basket: Basket | None = None) -> Response:
    """Go there, with this in the basket from now on."""
    response = RedirectResponse(path, 303)
    if basket is not None:
        response.set_cookie(_BASKET, str(basket), samesite="lax", httponly=True)
    return response
