"""A server that all tests of a module share, if they do not disturb each other."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.servers import Server, serve
from tests.valkey import Valkey


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def server(valkey: Valkey) -> AsyncIterator[Server]:
    valkey.execute("FLUSHALL")
    async with serve(valkey.url) as server:
        yield server
