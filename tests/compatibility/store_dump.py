"""The content of a store as a file that any later release of the store can load.

Redis's own DUMP is tied to a version of its format, so each key is written by its type: one JSON object per line, in
gzip. Values are base64. The TTL is the remaining one in milliseconds, or null.
"""

from __future__ import annotations

import gzip
import json
import re
import time
from base64 import b64decode, b64encode
from typing import Any

import redis

_STREAM_ID = re.compile(rb"(\d{13})-(\d+)")
_MILLISECONDS = re.compile(rb"\d{13}")


def dump(url: str) -> bytes:
    """The store's keys, in the order of their names."""
    with redis.Redis.from_url(url) as store:
        lines = [json.dumps(_record(store, key)) for key in sorted(store.scan_iter(count=1000))]
    return gzip.compress("\n".join(lines).encode(), mtime=0)


def restore(url: str, dumped: bytes, ended_ago: float) -> int:
    """Load a dump into an empty store, and return by how many milliseconds its logs were moved.

    Every log is moved in time as a whole, so that the last entry of all was written `ended_ago` seconds ago. A learner
    takes its time from the ids of entries only. So the models do not change, and tests do not depend on their date.
    """
    records = [json.loads(line) for line in gzip.decompress(dumped).splitlines()]
    ends = [int(record["last"].partition("-")[0]) for record in records if record["type"] == "stream"]
    shift = int((time.time() - ended_ago) * 1000) - max(ends)
    with redis.Redis.from_url(url) as store:
        for record in records:
            _load(store, record, shift)
    return shift


def _record(store: Any, key: bytes) -> dict[str, Any]:
    kind, ttl = store.type(key).decode(), store.pttl(key)
    record: dict[str, Any] = {"key": key.decode(), "type": kind, "ttl": ttl if ttl >= 0 else None}
    match kind:
        case "string":
            value: Any = _text(store.get(key))
        case "hash":
            value = sorted([_text(name), _text(held)] for name, held in store.hgetall(key).items())
        case "set":
            value = sorted(_text(member) for member in store.smembers(key))
        case "list":
            value = [_text(item) for item in store.lrange(key, 0, -1)]
        case "zset":
            value = [[_text(member), score] for member, score in store.zrange(key, 0, -1, withscores=True)]
        case "stream":
            value = [
                [id.decode(), [_text(part) for field in fields.items() for part in field]]
                for id, fields in store.xrange(key)
            ]
            record["last"] = store.xinfo_stream(key)["last-generated-id"].decode()
        case _:
            raise AssertionError(f"The dump does not support the type {kind} of {key!r}.")
    return {**record, "value": value}


def _load(store: Any, record: dict[str, Any], shift: int) -> None:
    key, value = record["key"], record["value"]
    match record["type"]:
        case "string":
            store.set(key, b64decode(value))
        case "hash":
            store.hset(key, mapping={b64decode(name): moved(b64decode(held), shift) for name, held in value})
        case "set":
            store.sadd(key, *map(b64decode, value))
        case "list":
            store.rpush(key, *map(b64decode, value))
        case "zset":
            store.zadd(key, {b64decode(member): score for member, score in value})
        case "stream":
            for id, fields in value:
                store.execute_command("XADD", key, moved(id.encode(), shift), *map(b64decode, fields))
            store.execute_command("XSETID", key, moved(record["last"].encode(), shift))
    if record["ttl"] is not None:
        # A lease of less than a second could end before it is loaded.
        store.pexpire(key, max(record["ttl"], 1000))


def moved(value: bytes, shift: int) -> bytes:
    """A time or an entry's id, moved by this many milliseconds. Other values are returned unchanged."""
    if match := _STREAM_ID.fullmatch(value):
        return b"%d-%s" % (int(match[1]) + shift, match[2])
    return b"%d" % (int(value) + shift) if _MILLISECONDS.fullmatch(value) else value


def _text(value: Any) -> str:
    return b64encode(value).decode()
