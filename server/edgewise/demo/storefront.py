"""The web app of the demo's shop: its pages, its basket, and the switch between personas."""

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

from edgewise.demo.catalogue import PRODUCT_LISTS, SHOP, Basket, ShopProduct, load_catalogue
from edgewise.demo.pages import PageRequest, SdkTag, ShopPages
from edgewise.demo.personas import personas
from edgewise.demo.simulated_visitors import VisitorSegment
from edgewise.demo.toolbar import add_toolbar
from edgewise.errors import DemoFailed

PORT = 8081
"""The shop uses this port, or the next free one."""

_PORTS = 100
_MAX_FORM_BYTES = 4096
_BASKET, _PERSONA, _NEWCOMER = "basket", "persona", "newcomer"
"""Names of cookies. The first belongs to the shop, the other two to the demo."""

WritePage: TypeAlias = Callable[[PageRequest], str]
ReadBoard: TypeAlias = Callable[[], Mapping[str, Any]]


class Storefront:
    """The shop's app. `read_board` returns the figures of the scoreboard, for each request of the toolbar."""

    def __init__(self, tag: SdkTag, segments: tuple[VisitorSegment, ...], read_board: ReadBoard) -> None:
        self._catalogue = load_catalogue()
        self._pages = ShopPages(self._catalogue, tag)
        self._tag = tag
        self._personas = personas(segments)
        self._read_board = read_board

    def app(self) -> Starlette:
        pages = self._pages
        plain: dict[str, WritePage] = {"/": pages.home, "/shipping": pages.shipping, "/students": pages.students}
        plain |= dict.fromkeys(PRODUCT_LISTS, pages.listing) | {"/cart": pages.cart}
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
                Route("/demo/as/{name}", self._become),
                Route("/demo/board", self._board),
                Mount("/", StaticFiles(directory=SHOP / "static")),
            ],
            exception_handlers={404: self._not_found},
        )

    def _page(self, write: WritePage) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            return self._respond(request, write)

        return answer

    async def _product(self, request: Request) -> Response:
        product = self._catalogue.products.get(request.path_params["id"])
        if product is None:
            return self._respond(request, self._pages.not_found, 404)
        return self._respond(request, lambda page_request: self._pages.product(page_request, product))

    async def _add(self, request: Request) -> Response:
        product = await self._posted(request)
        return _redirect("/cart", basket=self._basket(request).added(product) if product else None)

    async def _remove(self, request: Request) -> Response:
        product = await self._posted(request)
        return _redirect("/cart", basket=self._basket(request).without(product) if product else None)

    async def _checkout(self, request: Request) -> Response:
        return self._respond(request, self._pages.checkout) if self._basket(request).pieces else _redirect("/cart")

    async def _order(self, request: Request) -> Response:
        """Empty the basket. The address in the form is ignored."""
        return _redirect("/thanks", basket=Basket({}))

    async def _not_found(self, request: Request, error: Exception) -> Response:
        return self._respond(request, self._pages.not_found, 404)

    async def _become(self, request: Request) -> Response:
        """Switch to a new visitor of this persona, who arrives with an empty browser storage."""
        persona = self._personas.get(request.path_params["name"])
        if persona is None:
            return self._respond(request, self._pages.not_found, 404)
        response = _redirect(persona.landing_page, basket=Basket.read(persona.basket, self._catalogue))
        response.set_cookie(_PERSONA, persona.slug, samesite="lax", httponly=True)
        response.set_cookie(_NEWCOMER, "yes", samesite="lax", httponly=True)
        return response

    async def _board(self, request: Request) -> Response:
        return JSONResponse(self._read_board(), headers={"cache-control": "no-store"})

    def _respond(self, request: Request, write: WritePage, status: int = 200) -> Response:
        persona = self._personas.get(request.cookies.get(_PERSONA, ""), self._personas["yourself"])
        user_agent = persona.user_agent or request.headers.get("user-agent", "")
        device = "mobile" if "Mobi" in user_agent else "desktop"
        page_request = PageRequest(request.url.path, secrets.token_urlsafe(16), self._basket(request), device)
        is_newcomer = _NEWCOMER in request.cookies
        page = add_toolbar(write(page_request), page_request.nonce, self._personas.values(), persona, is_newcomer)
        headers = {"content-security-policy": self._csp(page_request.nonce), "cache-control": "no-cache"}
        response = HTMLResponse(page, status, headers={**headers, "x-content-type-options": "nosniff"})
        if is_newcomer:
            response.delete_cookie(_NEWCOMER, samesite="lax", httponly=True)
        return response

    def _csp(self, nonce: str) -> str:
        """The strictest policy: only scripts of the page itself, and no HTML from strings."""
        return (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self'; "
            f"connect-src 'self' {self._tag.url}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
            "require-trusted-types-for 'script'; trusted-types 'none'"
        )

    def _basket(self, request: Request) -> Basket:
        return Basket.read(request.cookies.get(_BASKET, ""), self._catalogue)

    async def _posted(self, request: Request) -> ShopProduct | None:
        """The product that a posted form names, or None if there is no such product."""
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MAX_FORM_BYTES:
                return None
        [name] = parse_qs(body.decode("utf-8", "replace")).get("product", [""])[:1]
        return self._catalogue.products.get(name)


@asynccontextmanager
async def serve_storefront(app: Starlette, host: str, port: int = PORT) -> AsyncIterator[str]:
    """Serve this app until the block ends, and yield its address. Use the next free port if `port` is in use.

    Raises:
        DemoFailed: No port is free.
    """
    with _listening(host, port) as listener:
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none")
        config.timeout_graceful_shutdown = 1
        server = _StorefrontServer(config)
        serving = create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://{host}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


class _StorefrontServer(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the demo, which stops the shop."""
        yield


def _listening(host: str, port: int) -> socket.socket:
    for candidate in (*range(port, min(port + _PORTS, 65536)), 0):
        try:
            return socket.create_server((host, candidate))
        except OSError:
            continue
    raise DemoFailed(f"Missing a free port on {host} for the shop. Stop a process that uses one.")


def _redirect(path: str, basket: Basket | None = None) -> Response:
    """Redirect, and replace the basket if one is given."""
    response = RedirectResponse(path, 303)
    if basket is not None:
        response.set_cookie(_BASKET, str(basket), samesite="lax", httponly=True)
    return response
