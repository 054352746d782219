"""A courier in a process of its own, to be killed: `python -m tests.webhooks.quick STORE_URL`."""

from __future__ import annotations

import asyncio
import sys

from edgewise.store import Store
from edgewise.webhooks.delivery import Delivery
from edgewise.webhooks.dispatcher import Courier, Pace

QUICK = Pace(look_every=0.01, lease=400, first_delay=20, last_delay=100)


async def main(url: str) -> None:
    store = await Store.connect(url)
    await Courier(store, Delivery(allow_private=True), {}, QUICK).run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
