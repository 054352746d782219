"""Reader of allowed origins: the sites whose pages may call from a browser."""

from __future__ import annotations

import re
from typing import Any
from unicodedata import normalize
from urllib.parse import urlsplit

from edgewise.config.messages import mismatch

ANY_ORIGIN = "*"

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]+\]")
_LETTERS = re.compile(r"[\w-]{0,63}[^\W\x00-\x7f][\w-]{0,63}")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def origin_list(value: Any) -> tuple[str, ...]:
    """Origins in the form of the Origin header: in lower case, without the scheme's default port."""
    if isinstance(value, list):
        return tuple(dict.fromkeys(_origin(element) for element in value))
    raise ValueError(mismatch("a list of origins", value))


def _origin(value: Any) -> str:
    if value == ANY_ORIGIN:
        return ANY_ORIGIN
    normalized = normalize_origin(value) if isinstance(value, str) else None
    if normalized is None:
        message = mismatch('an origin without a path, or "*" for all', value)
        if isinstance(value, str) and (
            encoded := normalize_origin(_LETTERS.sub(_encode_label, normalize("NFC", value[:300])))
        ):
            raise ValueError(f"{message} Did you mean `{encoded}`? Browsers write it so.")
        raise ValueError(f'{message} Write it like "https://shop.example" or "http://localhost:3000".')
    return normalized


def _encode_label(found: re.Match[str]) -> str:
    """A label with letters outside of ASCII, as in the DNS."""
    return "xn--" + found[0].lower().encode("punycode").decode()


def normalize_origin(origin: str) -> str | None:
    """The origin in the form of the Origin header. None if no web page can have it."""
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
