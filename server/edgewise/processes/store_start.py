"""The check of a store that somebody else runs, at the start of a server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from edgewise.errors import SettingsError, StoreUnavailable
from edgewise.store import Store

log = logging.getLogger(__name__)

CHECK_AGAIN_AFTER = 5.0
"""Seconds until a store that does not answer is checked again."""


@asynccontextmanager
async def checked(store: Store) -> AsyncIterator[None]:
    """Check the store now. If it does not answer, check it when it does, and log its problems.

    Raises:
        SettingsError: the store would lose data, or does not allow what Edgewise needs.
    """
    try:
        await store.check()
    except StoreUnavailable:
        task = asyncio.create_task(_check_later(store))
    else:
        yield
        return
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _check_later(store: Store) -> None:
    while True:
        await asyncio.sleep(CHECK_AGAIN_AFTER)
        try:
            await store.check()
        except StoreUnavailable:
            continue
        except SettingsError as error:
            log.error("%s", error)
        return
