"""Measures a server with many visitors: the bytes of a profile in the store, the start, and the memory.

python -m load_tests.many_profiles [COUNT]

The profiles are those of a few visitors with a history, stored under new ids. Prints the result as JSON.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import tempfile
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from edgewise.store import keys
from edgewise.store.data_folder import DataFolder
from edgewise.store.embedded_valkey import EmbeddedValkey
from edgewise.visitors.activity import Activity, Surroundings
from edgewise.visitors.products import Commerce, Product
from edgewise.visitors.profile import Profile
from load_tests import idle_policies
from load_tests.real_server import LEARNER, STORE, WORKER, memory_by_part, serve, wait_until_ready

COUNT = 1_000_000

_SITE = "site-0"
_WORKERS = 2
_BATCH = 5000
_TTL_MS = 365 * 24 * 3600 * 1000
_WEEK_MS = 7 * 24 * 3600 * 1000
_FIRST_MS = 1_790_000_000_000
_ACTIVITIES = 34


class ManyProfiles(Struct, frozen=True):
    """`profile` is in bytes, of which `encoded` are the profile itself. `start` is in seconds, the others in megabytes.

    `store` is the memory of the embedded store, `workers` and `learner` that of the other processes.
    """

    count: int
    encoded: float
    profile: float
    start: float
    store: float
    workers: float
    learner: float


async def measure(folder: Path, count: int) -> ManyProfiles:
    """Fill a store with so many profiles, and start a server on it."""
    idle_policies.write_site(folder / "policies", _SITE, 1)
    records = [_record(visitor) for visitor in range(64)]
    profile = await _fill(folder / "data", records, count)
    began = perf_counter()
    async with serve(folder, _WORKERS) as (pid, url):
        await wait_until_ready(url, f"{_SITE}-key")
        seconds = perf_counter() - began
        parts = {part: size / (1 << 20) for part, size in memory_by_part(pid).items()}
    encoded = sum(map(len, records)) / len(records)
    return ManyProfiles(count, encoded, profile, seconds, parts[STORE], parts[WORKER], parts[LEARNER])


async def _fill(folder: Path, records: Sequence[bytes], count: int) -> float:
    """Write the profiles. Returns the bytes of one in the store's memory, with its key and its TTL."""
    async with DataFolder.locked(folder) as data:
        valkey = EmbeddedValkey(data, "everysec")
        await valkey.start()
        try:
            async with Redis.from_url(valkey.url) as redis:
                before = await _memory(redis)
                left = islice(cycle(records), count)
                while batch := list(islice(left, _BATCH)):
                    pipeline = redis.pipeline(transaction=False)
                    for record in batch:
                        pipeline.set(keys.profile(_SITE, os.urandom(8)), record, px=_TTL_MS)
                    await pipeline.execute()
                after = await _memory(redis)
        finally:
            await valkey.stop()
    return float(after - before) / count


async def _memory(redis: Redis) -> int:
    """The bytes of the stored data, without buffers for clients and for the append-only file."""
    memory = await redis.info("memory")
    return int(memory["used_memory"] - memory["mem_clients_normal"] - memory["mem_aof_buffer"])


def _record(visitor: int) -> bytes:
    """The profile of a visitor with three visits: page views, product views and an order."""
    chance, profile = random.Random(visitor), Profile()
    for number in range(_ACTIVITIES):
        at = _FIRST_MS + number // 11 * _WEEK_MS + number % 11 * 40_000
        profile = profile.apply(_activity(chance, number, at))
    return profile.encode()


def _activity(chance: random.Random, number: int, at: int) -> Activity:
    ids, message = (chance.randbytes(8),) if number == 0 else (), chance.randbytes(8)
    surroundings = Surroundings("mobile", "de-DE", "Europe/Berlin", "evening")
    if number == _ACTIVITIES - 1:
        return Activity("track", "Order Completed", at, message, commerce=Commerce((), None, 59.9))
    if number % 2 == 0:
        page = chance.choice(("home", "category", "product"))
        return Activity("page", None, at, message, ids, page=page, surroundings=surroundings)
    product = Product(f"sku-{chance.randrange(5000)}", chance.choice(("tea", "linen")), "acme", 19.9, 1)
    name = chance.choice(("Product Viewed", "Product Viewed", "Product Added"))
    return Activity("track", name, at, message, commerce=Commerce((product,), None, 0.0, has_products=True))


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    with tempfile.TemporaryDirectory(prefix="edgewise-profiles-") as folder:
        print(msgspec.json.encode(asyncio.run(measure(Path(folder), count))).decode())


if __name__ == "__main__":
    main()
