"""How a command gets at the store: the one that is named, the running server's, or one started for the time being."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from edgewise.settings import Settings

if TYPE_CHECKING:
    from edgewise.store import Store


@asynccontextmanager
async def joined(settings: Settings) -> AsyncIterator[Store]:
    """The store at `settings.redis`, else that of the data folder.

    Raises:
        StoreError: it does not answer, or there is none.
    """
    from edgewise.store import Store
    from edgewise.store.embedded import join_or_start

    async with AsyncExitStack() as stack:
        url = settings.redis
        if url is None:
            url = await stack.enter_async_context(join_or_start(settings.data, settings.appendfsync))
        # Whoever runs a command waits for the store; what decide calls may wait is not for it.
        store = await Store.connect(url, patience=5.0)
        stack.push_async_callback(store.close)
        yield store
