"""What a browser says of itself with every request: the device that it runs on, and the language of its user."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from edgewise.visitors.device import device_type


class Browser(NamedTuple):
    """None of it is known of who asks by a server."""

    device: str | None = None
    locale: str | None = None


UNKNOWN = Browser()


def browser_of(user_agent: bytes | None, accept_language: bytes | None) -> Browser:
    """The browser that sends these headers.

    All browsers call themselves Mozilla. Nothing else does that speaks for visitors: of what devices and languages a
    site's own servers and libraries have, nothing follows.
    """
    if user_agent is None or not user_agent.startswith(b"Mozilla/"):
        return UNKNOWN
    return Browser(device_type(user_agent[:1024]), _first(accept_language) if accept_language else None)


@lru_cache(maxsize=1024)
def _first(accept_language: bytes) -> str | None:
    """The language that is wanted most: browsers name it first."""
    found = re.match(rb"\s*([A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,4})(?![A-Za-z0-9-])", accept_language)
    return found[1].decode() if found else None
