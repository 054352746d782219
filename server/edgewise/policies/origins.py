"""Allowed origins: the sites whose pages may call from a browser."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from edgewise.config.values import found

ANY_ORIGIN = "*"

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]+\]")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def origin_list(value: Any) -> tuple[str, ...]:
    """Origins as browsers write them in the Origin header: in lower case, without the scheme's default port."""
    if isinstance(value, list):
        return tuple(dict.fromkeys(_origin(element) for element in value))
    raise ValueError(f"found {found(value)}, expected a list of origins")


def _origin(value: Any) -> str:
    if value == ANY_ORIGIN:
        return ANY_ORIGIN
    written = written_by_a_browser(value) if isinstance(value, str) else None
    if written is None:
        raise ValueError(
            f'found {found(value)}, expected "*" or an origin without a path, '
            'such as "https://shop.example" or "http://localhost:3000"'
        )
    return written


def written_by_a_browser(origin: str) -> str | None:
    """This origin as browsers write it; None where it is none of a web page's."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return None
    scheme, host = parts.scheme, parts.netloc.lower().removesuffix(f":{port}")
    if (
        scheme not in _DEFAULT_PORTS
        or not _HOST.fullmatch(host)
        or origin.lower() != f"{scheme}://{parts.netloc.lower()}"
    ):
        return None
    return f"{scheme}://{host}" if port in (None, _DEFAULT_PORTS[scheme]) else f"{scheme}://{host}:{port}"
