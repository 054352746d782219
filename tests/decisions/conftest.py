"""Workers for the tests of decisions."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from edgewise.store import Store
from tests.decisions.worker import POLICY, Worker


@pytest.fixture
async def worker(store: Store) -> Worker:
    worker = Worker(store)
    await worker.serve(POLICY)
    return worker


@pytest.fixture
async def workers(store: Store, store_url: str) -> AsyncIterator[list[Worker]]:
    """Two workers with connections of their own to one store."""
    other = await Store.connect(store_url, patience=5.0)
    yield [Worker(store), Worker(other)]
    await other.close()
