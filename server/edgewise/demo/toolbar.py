"""The demo's bar, which is put into the shop's pages from outside: the shop knows nothing of it."""

from __future__ import annotations

from collections.abc import Iterable

from edgewise.demo.pages import Html, fill
from edgewise.demo.personas import Guise


def with_bar(page: str, nonce: str, guises: Iterable[Guise], current: Guise, is_newcomer: bool) -> str:
    """The page with the bar below it, as whoever plays `current` sees it.

    A newcomer has nothing in the browser's storage: it is cleared before the page's first script looks.
    """
    clearing = _script("newcomer", nonce) if is_newcomer else ""
    who = Html("".join(_button(guise, guise is current) for guise in guises))
    bar = fill("bar", nonce=nonce, who=who, again=_href(current))
    page = page.replace("<head>\n", f"<head>\n{clearing}", 1)
    return page.replace("</head>", f"{_script('listen', nonce)}</head>", 1).replace("</body>", f"{bar}\n</body>", 1)


def _script(name: str, nonce: str) -> str:
    return f'<script nonce="{nonce}" src="/demo/{name}.js"></script>\n'


def _button(guise: Guise, is_current: bool) -> Html:
    current = Html(' aria-current="true"') if is_current else Html()
    return fill("guise", name=guise.name, looks=guise.looks, href=_href(guise), current=current)


def _href(guise: Guise) -> str:
    """Where one becomes a new visitor of this kind."""
    return f"/demo/as/{guise.slug}"
