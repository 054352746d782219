"""A visitor's browser: the device and the language that its request headers show."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_MAX_USER_AGENT = 1024
_MAX_ACCEPT_LANGUAGE = 64
"""Bytes that are read and cached. Only the first language counts, which has at most 44."""


class Browser(NamedTuple):
    """The type of the device and the language tag. Both are None for a request that a server sent."""

    device: str | None = None
    locale: str | None = None


UNKNOWN = Browser()


def read_browser(user_agent: bytes | None, accept_language: bytes | None) -> Browser:
    """Read the browser from the headers of a request.

    Every browser's User-Agent begins with Mozilla. Without that, a server or a library sent the request, and its
    device and language are not the visitor's.
    """
    if user_agent is None or not user_agent.startswith(b"Mozilla/"):
        return UNKNOWN
    return Browser(
        device_type(user_agent[:_MAX_USER_AGENT]),
        _preferred_language(accept_language[:_MAX_ACCEPT_LANGUAGE]) if accept_language else None,
    )


@lru_cache(maxsize=1024)
def device_type(user_agent: bytes) -> str:
    """The type of a User-Agent's device: mobile, tablet, desktop or bot.

    An Android tablet is an Android without `Mobile`. An iPad since 2019 sends the User-Agent of a Mac: it counts as a
    desktop.
    """
    text = user_agent.lower()
    if re.search(rb"bot\b|crawl|spider|slurp|headless", text):
        return "bot"
    if re.search(rb"ipad|tablet|kindle|silk", text) or text.rfind(b"android") > text.rfind(b"mobile"):
        return "tablet"
    return "mobile" if re.search(rb"mobi|iphone|ipod|android", text) else "desktop"


@lru_cache(maxsize=1024)
def _preferred_language(accept_language: bytes) -> str | None:
    """The first language of the header: browsers put the preferred one first."""
    found = re.match(rb"\s*([A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,4})(?![A-Za-z0-9-])", accept_language)
    return found[1].decode() if found else None
