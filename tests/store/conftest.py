"""Fixtures of the store's tests: a Valkey of one's own to ill-treat."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from edgewise.types import PolicyRef
from tests.valkey import Valkey


@pytest.fixture
def own_valkey() -> Iterator[Valkey]:
    """A server for this test alone, which may freeze and kill it."""
    server = Valkey()
    yield server
    server.close()


@pytest.fixture
def ref() -> PolicyRef:
    return PolicyRef("shop", "home-hero")


def keys_of(valkey: Valkey) -> set[str]:
    """The names of all keys of a small store."""
    with redis.Redis.from_url(valkey.url) as client:
        return {key.decode() for key in client.scan_iter()}
