"""Fixtures of the store's tests: a Valkey of one's own to ill-treat."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

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
