from __future__ import annotations

import pytest

from edgewise.errors import StoreTimeout, StoreUnavailable
from edgewise.events.store_batch import StoreBatch
from edgewise.store import Store
from tests.valkey import Valkey


async def test_replies_have_the_order_of_the_commands(store_url: str) -> None:
    store = await Store.connect(store_url, patience=60)
    try:
        replies = await StoreBatch(store, 60).execute([("ECHO", str(number)) for number in range(200)])
        assert replies == [str(number).encode() for number in range(200)]
    finally:
        await store.close()


async def test_refused_command_fails_the_batch(store_url: str) -> None:
    store = await Store.connect(store_url, patience=60)
    try:
        with pytest.raises(StoreUnavailable, match="unknown command"):
            await StoreBatch(store, 60).execute([("PING",), ("MAKE", "tea"), ("PING",)])
    finally:
        await store.close()


async def test_batch_fails_at_its_deadline(store_url: str, valkey: Valkey) -> None:
    store = await Store.connect(store_url, patience=60)
    valkey.freeze()
    try:
        with pytest.raises(StoreTimeout):
            await StoreBatch(store, 0.05).execute([("PING",)])
    finally:
        valkey.thaw()
        await store.close()
