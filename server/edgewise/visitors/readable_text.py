"""Readable text: the addresses of pages as people read and write them, such as `/größen` for `/gr%C3%B6%C3%9Fen`."""

from __future__ import annotations

import re
from functools import cache
from unicodedata import combining, normalize
from urllib.parse import urlsplit

LONGEST_LABEL = 63
"""Characters between two dots of a host, as in the DNS. Punycode takes quadratic time."""

LONGEST_HOST = 253
"""Characters of a host, as in the DNS."""

MOST_ACCENTS = 30
"""Of one letter, as in Unicode's Stream-Safe Text Format. More of them take quadratic time to sort."""

_ENCODED = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


def decode_text(text: str, keep: str = "") -> str:
    """Decode the percent-encoded characters of a text, once.

    Encoded stay bytes that are no UTF-8, control characters, and the characters of `keep`.
    """
    if "%" not in text:
        return _composed(text)
    return _composed(_ENCODED.sub(lambda found: _decode(found[0], keep), text))


def decode_path(path: str) -> str:
    """Decode a path. Encoded delimiters stay: an encoded slash does not separate two parts."""
    return decode_text(path, "/?#")


def read_path(given: str) -> str:
    """The path of an address, or of what a client sent as path. It is decoded and begins with a slash."""
    if not given.startswith("/") or given.startswith("//"):
        given = _path_of(given)
    return decode_path(given.partition("?")[0].partition("#")[0])


def _path_of(address: str) -> str:
    try:
        path = urlsplit(address).path
    except ValueError:
        path = address
    return path if path.startswith("/") else f"/{path}"


def decode_url(url: str) -> str:
    """Decode the letters outside of ASCII, and the host. The other characters stay, because they may be delimiters."""
    scheme, slashes, rest = decode_text(url, _ASCII).partition("://")
    if "xn--" not in rest:
        return f"{scheme}{slashes}{rest}"
    host, slash, path = rest.partition("/")
    return f"{scheme}{slashes}{decode_host(host)}{slash}{path}"


def decode_host(host: str) -> str:
    """Decode the labels of a host that are in Punycode, such as `xn--mnchen-3ya.example`."""
    if "xn--" not in host or len(host) > LONGEST_HOST:
        return host
    return ".".join(map(_decode_label, host.split(".")))


_ASCII = "".join(map(chr, range(128)))
_CONTROLS = (*map(chr, range(32)), "\x7f")
_NO_UTF_8 = tuple(map(chr, range(0xDC80, 0xDD00)))
"""How Python writes bytes that are no UTF-8."""


def _decode(encoded: str, keep: str) -> str:
    decoded = bytes.fromhex(encoded.replace("%", "")).decode("utf-8", "surrogateescape").translate(_encodings(keep))
    if decoded.isprintable():
        return decoded
    return "".join(one if one.isprintable() else _encode(one) for one in decoded)


@cache
def _encodings(keep: str) -> dict[int, str]:
    """The encodings of bytes that are no UTF-8, of control characters and of these characters."""
    return {ord(one): _encode(one) for one in (*_CONTROLS, *_NO_UTF_8, *keep)}


def _encode(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogateescape"))


def _decode_label(label: str) -> str:
    if not label.startswith("xn--") or len(label) > LONGEST_LABEL:
        return label
    try:
        decoded = label.removeprefix("xn--").encode("ascii").decode("punycode")
    except (UnicodeError, ValueError, OverflowError):
        return label
    return _composed(decoded) if decoded.isprintable() and not decoded.isascii() and "." not in decoded else label


def _composed(text: str) -> str:
    """Write a letter and its accents as one character, as keyboards do."""
    return text if text.isascii() or _has_many_accents(text) else normalize("NFC", text)


def _has_many_accents(text: str) -> bool:
    count = 0
    for character in text:
        count = count + 1 if combining(character) else 0
        if count > MOST_ACCENTS:
            return True
    return False
