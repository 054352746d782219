from __future__ import annotations

import asyncio

import pytest

from edgewise.errors import StoreUnavailable
from edgewise.events.retry import CasRetry


async def test_backoff_pauses_until_the_deadline() -> None:
    clock = asyncio.get_running_loop().time
    began = clock()
    retry = CasRetry(began + 0.5, 0.5)
    with pytest.raises(StoreUnavailable, match=r"could not be written within 0\.5 s, because other writers changed"):
        await _back_off(retry, began + 60)
    assert clock() >= began + 0.4


async def _back_off(retry: CasRetry, until: float) -> None:
    while asyncio.get_running_loop().time() < until:
        await retry.backoff()
