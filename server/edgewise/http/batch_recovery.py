"""Recovery of a batch that cannot be decoded as a whole, because a message is malformed or nested too deeply.

The messages are split without decoding them, so that each can be decoded on its own.
"""

from __future__ import annotations

import re

from edgewise.http.requests import MAX_MESSAGES

MAX_TOKENS = 40_000
"""The most tokens to scan, which takes about 12 ms. Batches of honest clients have fewer."""

# An unterminated string extends to the end of the body. Otherwise the scan would retry from every quote in it.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\(?:.|\Z))*+(?:"|\Z)|[\[\]{},]', re.DOTALL)

_MAPS, _ARRAYS, _SHORT_TEXTS = range(0x80, 0x90), range(0x90, 0xA0), range(0xA0, 0xC0)
_LONG_CONTAINERS = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}
"""Arrays and maps with a count: the bytes of the count, and the values for each item counted."""

_LONG = {_MAPS: (0xDE, 0xDF), _ARRAYS: (0xDC, 0xDD)}
_SIZED = {0xC4: (1, 0), 0xC5: (2, 0), 0xC6: (4, 0), 0xC7: (1, 1), 0xC8: (2, 1), 0xC9: (4, 1)} | {
    0xD9: (1, 0),
    0xDA: (2, 0),
    0xDB: (4, 0),
}
"""Binary data, extensions and strings with a length: the bytes of the length, and the bytes beside the data."""

_FIXED = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8} | {
    0xD4: 2,
    0xD5: 3,
    0xD6: 5,
    0xD7: 9,
    0xD8: 17,
}
"""Numbers and extensions of a fixed length. A type in none of these tables has no bytes after the first."""


def split_json_batch(body: bytes) -> tuple[bytes, list[bytes]] | None:
    """The body with an empty `batch`, and the undecoded messages. None if there is no complete `batch`, or too many."""
    depth, key, batch_start, message_start = 0, b"", 0, None
    messages: list[bytes] = []
    for count, match in enumerate(_TOKEN.finditer(body)):
        if count >= MAX_TOKENS:
            return None
        token = match.group()
        if token in (b"[", b"{"):
            depth += 1
            if token == b"[" and depth == 2 and key == b'"batch"':
                batch_start = message_start = match.end()
        elif token in (b"]", b"}"):
            depth -= 1
            if message_start is not None and depth == 1:
                last = body[message_start : match.start()]
                messages += [last] if messages or last.strip() else []
                return body[:batch_start] + body[match.start() :], messages
        elif token == b",":
            if message_start is not None and depth == 2:
                if len(messages) >= MAX_MESSAGES:
                    return None
                messages.append(body[message_start : match.start()])
                message_start = match.end()
        elif depth == 1:
            key = token
    return None


def split_msgpack_batch(body: bytes) -> tuple[bytes, list[bytes]] | None:
    """The same for a body in MessagePack."""
    try:
        return _MsgpackScanner(body).split_batch()
    except (_MalformedMsgpack, IndexError):
        return None


class _MalformedMsgpack(ValueError):
    """The bytes are not MessagePack, or have more than `MAX_TOKENS` values."""


class _MsgpackScanner:
    """Scans values without a stack: a container adds to the number of values that remain."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._position = 0
        self._values = 0

    def split_batch(self) -> tuple[bytes, list[bytes]] | None:
        for _ in range(self._read_header(_MAPS) // 2):
            key_start = self._position
            self._skip_value()
            if self._body[key_start : self._position] != b"\xa5batch":
                self._skip_value()
                continue
            batch_start = self._position
            messages = [self._read_value() for _ in range(self._read_header(_ARRAYS))]
            return self._body[:batch_start] + b"\x90" + self._body[self._position :], messages
        return None

    def _read_value(self) -> bytes:
        start = self._position
        self._skip_value()
        return self._body[start : self._position]

    def _read_header(self, kinds: range) -> int:
        """The number of values in the container that starts here. It must be a map or an array, as `kinds` demands."""
        kind, inner = self._body[self._position], self._step()
        if kind not in kinds and kind not in _LONG[kinds]:
            raise _MalformedMsgpack
        return inner

    def _skip_value(self) -> None:
        left = 1
        while left:
            left += self._step() - 1

    def _step(self) -> int:
        """Move past a scalar, or past the header of a container. Return the number of values in the container."""
        self._values += 1
        if self._values > MAX_TOKENS:
            raise _MalformedMsgpack
        kind = self._body[self._position]
        self._position += 1
        if kind in _MAPS:
            return 2 * (kind & 0x0F)
        if kind in _ARRAYS:
            return kind & 0x0F
        if kind in _SHORT_TEXTS:
            self._position += kind & 0x1F
        elif kind in _FIXED:
            self._position += _FIXED[kind]
        elif kind in _SIZED:
            width, extra = _SIZED[kind]
            size = self._read_number(width)
            self._position += size + extra
        elif kind in _LONG_CONTAINERS:
            width, values_each = _LONG_CONTAINERS[kind]
            return values_each * self._read_number(width)
        elif kind == 0xC1:
            raise _MalformedMsgpack
        if self._position > len(self._body):
            raise _MalformedMsgpack
        return 0

    def _read_number(self, width: int) -> int:
        self._position += width
        return int.from_bytes(self._body[self._position - width : self._position], "big")
