"""Key paths: where in a file something stands, as in `actions[1].when["device.type"].$in`."""

from __future__ import annotations

import json
import re

_BARE = re.compile(r"[A-Za-z0-9_$-]+")


def child(path: str, key: str | int) -> str:
    """The path of an entry in the table or list at `path`; the empty path is the file itself."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if not _BARE.fullmatch(key):
        return f"{path}[{json.dumps(key, ensure_ascii=False)}]"
    return f"{path}.{key}" if path else key
