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
