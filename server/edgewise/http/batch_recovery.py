"""Salvage: the messages of a batch that cannot be read as a whole, because one is broken or nested too deeply."""

from __future__ import annotations

import re

MAX_TOKENS = 100_000
"""Some 30 ms of looking; the largest batch that anybody sends in good faith has fewer."""

# A text that does not end reaches to the end of the body: if it were passed over, every quote in it would be tried.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\(?:.|\Z))*+(?:"|\Z)|[\[\]{},]', re.DOTALL)


def messages_apart(body: bytes) -> tuple[bytes, list[bytes]] | None:
    """The body with an empty batch, and the messages of its batch, unread; None when there is none to be found."""
    depth, key, begin, start = 0, b"", 0, None
    messages: list[bytes] = []
    for count, match in enumerate(_TOKEN.finditer(body)):
        if count >= MAX_TOKENS:
            return None
        token = match.group()
        if token in (b"[", b"{"):
            depth += 1
            if token == b"[" and depth == 2 and key == b'"batch"':
                begin = start = match.end()
        elif token in (b"]", b"}"):
            depth -= 1
            if start is not None and depth == 1:
                last = body[start : match.start()]
                messages += [last] if messages or last.strip() else []
                return body[:begin] + body[match.start() :], messages
        elif token == b",":
            if start is not None and depth == 2:
                messages.append(body[start : match.start()])
                start = match.end()
        elif depth == 1:
            key = token
    return None


def packed_messages_apart(body: bytes) -> tuple[bytes, list[bytes]] | None:
    """The same of a body in MessagePack."""
    try:
        return _Packed(body).messages_apart()
    except (_NoPacked, IndexError):
        return None


class _NoPacked(ValueError):
    """These bytes are no MessagePack, or there are too many of its values."""


class _Packed:
    """Walks over packed values without a stack: a container only adds to the number of values that are to come."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0
        self._values = 0

    def messages_apart(self) -> tuple[bytes, list[bytes]] | None:
        for _ in range(self._header(_MAPS) // 2):
            key_at = self._at
            self._skip()
            if self._body[key_at : self._at] != b"\xa5batch":
                self._skip()
                continue
            begin = self._at
            messages = [self._taken() for _ in range(self._header(_ARRAYS))]
            return self._body[:begin] + b"\x90" + self._body[self._at :], messages
        return None

    def _taken(self) -> bytes:
        begin = self._at
        self._skip()
        return self._body[begin : self._at]

    def _header(self, kinds: range) -> int:
        """How many values are in the container that begins here, which must be of this kind."""
        kind, inner = self._body[self._at], self._step()
        if kind not in kinds and kind not in _LONG[kinds]:
            raise _NoPacked
        return inner

    def _skip(self) -> None:
        left = 1
        while left:
            left += self._step() - 1

    def _step(self) -> int:
        """Go past one value, or the beginning of a container; how many values are in it."""
        self._values += 1
        if self._values > MAX_TOKENS:
            raise _NoPacked
        kind = self._body[self._at]
        self._at += 1
        if kind in _MAPS:
            return 2 * (kind & 0x0F)
        if kind in _ARRAYS:
            return kind & 0x0F
        if kind in _SHORT_TEXTS:
            self._at += kind & 0x1F
        elif kind in _FIXED:
            self._at += _FIXED[kind]
        elif kind in _SIZED:
            width, more = _SIZED[kind]
            size = self._number(width)
            self._at += size + more
        elif kind in _COUNTED:
            width, each = _COUNTED[kind]
            return each * self._number(width)
        elif kind == 0xC1:
            raise _NoPacked
        if self._at > len(self._body):
            raise _NoPacked
        return 0

    def _number(self, width: int) -> int:
        self._at += width
        return int.from_bytes(self._body[self._at - width : self._at], "big")


_MAPS, _ARRAYS, _SHORT_TEXTS = range(0x80, 0x90), range(0x90, 0xA0), range(0xA0, 0xC0)
_COUNTED = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}
"""Long containers: how many bytes their size has, and how many values there are for each one counted."""

_LONG = {_MAPS: (0xDE, 0xDF), _ARRAYS: (0xDC, 0xDD)}
_SIZED = {0xC4: (1, 0), 0xC5: (2, 0), 0xC6: (4, 0), 0xC7: (1, 1), 0xC8: (2, 1), 0xC9: (4, 1)} | {
    0xD9: (1, 0),
    0xDA: (2, 0),
    0xDB: (4, 0),
}
"""Bytes, extensions and texts: how many bytes their size has, and how many there are besides."""

_FIXED = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8} | {
    0xD4: 2,
    0xD5: 3,
    0xD6: 5,
    0xD7: 9,
    0xD8: 17,
}
"""Numbers and extensions of one length; what is in no table is one byte."""
