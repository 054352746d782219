"""A dispatcher with short delays, in a process to kill: `python -m tests.webhooks.fast_dispatcher STORE_URL`."""

from __future__ import annotations

import asyncio
import sys

from edgewise.store import Store
from edgewise.webhooks.delivery import Delivery
from edgewise.webhooks.dispatch_options import DispatchOptions
from edgewise.webhooks.dispatcher import Dispatcher

FAST = DispatchOptions(poll_every=0.01, lease=400, first_delay=20, last_delay=100)


async def main(url: str) -> None:
    store = await Store.connect(url)
    await Dispatcher(store, Delivery(allow_private=True), {}, FAST).run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
