"""The demo's toolbar. It is added to a finished page, so the shop's own code does not depend on it."""

from __future__ import annotations

from collections.abc import Iterable

from edgewise.demo.pages import Html, fill
from edgewise.demo.personas import Persona


def add_toolbar(page: str, nonce: str, personas: Iterable[Persona], current: Persona, is_newcomer: bool) -> str:
    """Add the toolbar to a page. `current` is the persona that the person plays.

    For a newcomer, a script clears the browser's storage before the page's first script.
    """
    clearing = _script("newcomer", nonce) if is_newcomer else ""
    who = Html("".join(_button(persona, persona is current) for persona in personas))
    bar = fill("toolbar", nonce=nonce, who=who, again=_href(current))
    page = page.replace("<head>\n", f"<head>\n{clearing}", 1)
    return page.replace("</head>", f"{_script('listen', nonce)}</head>", 1).replace("</body>", f"{bar}\n</body>", 1)


def _script(name: str, nonce: str) -> str:
    return f'<script nonce="{nonce}" src="/demo/{name}.js"></script>\n'


def _button(persona: Persona, is_current: bool) -> Html:
    current = Html(' aria-current="true"') if is_current else Html()
    return fill("persona", name=persona.name, looks=persona.looks, href=_href(persona), current=current)


def _href(persona: Persona) -> str:
    return f"/demo/as/{persona.slug}"
