"""What was deleted goes from the store's own files, or it is said why not."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from edgewise.store import Store
from tests.eventually import eventually
from tests.stored_bytes import read_files
from tests.valkey import Valkey

# With everysec Valkey may hold a write back for as long as the disk is busy with the one before.
AOF = ("--appendonly", "yes", "--aof-use-rdb-preamble", "no", "--appendfsync", "always")


@pytest.fixture
def start() -> Iterator[Callable[..., Valkey]]:
    """Starts servers of one's own with these options."""
    started: list[Valkey] = []

    def start(*options: str) -> Valkey:
        started.append(Valkey(*options))
        return started[-1]

    yield start
    for one in started:
        one.close()


@asynccontextmanager
async def connected(valkey: Valkey) -> AsyncIterator[Store]:
    store = await Store.connect(valkey.url)
    try:
        yield store
    finally:
        await store.close()


async def test_rewrite_removes_deleted_data(start: Callable[..., Valkey]) -> None:
    valkey = start(*AOF)
    async with connected(valkey) as store:
        await store.profiles.compare_and_set("shop", b"visitor1", None, b"what we knew of ann", 60_000)
        await store.profiles.delete("shop", b"visitor1")
        assert b"what we knew of ann" in read_files(valkey.path.parent)
        assert await store.append_only_file.rewrite() == "begun"
        await eventually(store.append_only_file.is_rewritten)

        async def is_gone() -> bool:
            return b"what we knew of ann" not in read_files(valkey.path.parent)

        await eventually(is_gone)


async def test_store_without_a_file_needs_no_rewrite(start: Callable[..., Valkey]) -> None:
    async with connected(start()) as store:
        assert await store.append_only_file.rewrite() == "needless"


@pytest.mark.parametrize(
    ("options", "order"),
    [
        (("--rename-command", "BGREWRITEAOF", ""), "PING"),
        ((), "ACL SETUSER default -bgrewriteaof"),
        ((), "ACL SETUSER default -@dangerous"),
        ((), "ACL SETUSER default -info"),
    ],
)
async def test_forbidden_rewrite_is_reported(
    start: Callable[..., Valkey], options: tuple[str, ...], order: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Hosted stores may forbid it. Then their operator decides, and the log has a warning."""
    valkey = start(*AOF, *options)
    valkey.execute(order)
    async with connected(valkey) as store:
        with caplog.at_level(logging.WARNING):
            assert await store.append_only_file.rewrite() == "refused"
    assert "The append-only file keeps erased data until the store rewrites it" in caplog.text
