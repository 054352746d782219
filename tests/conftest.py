"""Shared fixtures: one Valkey per test process, emptied for each test that uses a store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import HealthCheck, settings

from edgewise.store import Store
from tests.valkey import Valkey

# A shared machine may be slow at any moment, and Hypothesis builds its character tables in the first test.
settings.register_profile("edgewise", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("many", settings.get_profile("edgewise"), max_examples=1000)
settings.load_profile("edgewise")


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    """A server for the whole session. Use `store` or `store_url`, unless you need the process itself."""
    server = Valkey()
    yield server
    server.close()


@pytest.fixture
def store_url(valkey: Valkey) -> str:
    """The URL of an empty store."""
    valkey.execute("FLUSHALL")
    return valkey.url


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """An empty store, connected."""
    store = await Store.connect(store_url, patience=5.0)  # A busy machine must not cause timeouts.
    yield store
    await store.close()
