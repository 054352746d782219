"""All bytes of a store, in memory and on disk, for tests about erasure and consent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import redis


def read_store(url: str) -> bytes:
    """Read every key and every value."""
    with redis.Redis.from_url(url) as connection:
        return b"\n".join(_parts(connection))


def read_files(folder: Path) -> bytes:
    """Read all files of a folder. A store replaces its files, so some may disappear meanwhile."""
    found = []
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):
            if file.is_file():
                found.append(file.read_bytes())
    return b"".join(found)


def _parts(connection: redis.Redis) -> Iterator[bytes]:
    for key in connection.scan_iter(count=1000):
        yield key
        match connection.type(key):
            case b"string":
                yield from _flat(connection.get(key))
            case b"hash":
                yield from _flat(connection.hgetall(key))
            case b"stream":
                yield from _flat(connection.xrange(key))
            case b"set":
                yield from _flat(list(connection.sscan_iter(key)))
            case b"list":
                yield from _flat(connection.lrange(key, 0, -1))
            case b"zset":
                yield from _flat(connection.zrange(key, 0, -1))
            case other:
                raise AssertionError(f"{key!r}: Unknown type {other!r}. Teach this scan to read it.")


def _flat(value: Any) -> Iterator[bytes]:
    match value:
        case bytes():
            yield value
        case dict():
            yield from _flat(list(value.items()))
        case list() | tuple():
            for item in value:
                yield from _flat(item)
        case other:
            yield repr(other).encode()
