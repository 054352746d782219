from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import uvloop

from edgewise.errors import StoreTimeout, StoreUnavailable
from edgewise.store import Command, Store
from edgewise.store.connection import connect
from edgewise.store.pipeline import Pipeline
from edgewise.store.transport import CommandBatch
from edgewise.types import BEGINNING, PolicyRef
from tests.eventually import eventually
from tests.valkey import Valkey


def within(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


async def entries(store: Store, ref: PolicyRef) -> list[bytes]:
    return [entry for _, entry in (await store.log.read({ref: BEGINNING}, 1000))[ref].entries]


@pytest.fixture
async def frail(own_valkey: Valkey) -> AsyncIterator[Store]:
    """A store whose server the test may freeze and kill, with the pipeline's connection open."""
    store = await Store.connect(own_valkey.url)
    await store.pipeline.submit(("PING",), within(5))
    yield store
    await store.close()


class HeldTransport:
    """A transport that delivers only when the test asks for it."""

    def __init__(self) -> None:
        self.batches: list[tuple[Sequence[Command], CommandBatch]] = []

    def send(self, commands: Sequence[Command], batch: CommandBatch) -> None:
        self.batches.append((commands, batch))

    def deliver(self, *replies: Any) -> None:
        flight = self.batches[-1][1]
        flight.replies = list(replies)
        flight.complete()

    def abandon(self, error: Exception) -> None:
        self.batches[-1][1].fail(error)

    async def close(self) -> None:
        pass


@pytest.fixture
def transport() -> HeldTransport:
    return HeldTransport()


@pytest.fixture
async def pipeline(transport: HeldTransport) -> AsyncIterator[Pipeline]:
    pipeline = Pipeline(connect("redis://127.0.0.1:1"), transport, patience=30)
    yield pipeline
    await pipeline.close()


async def is_overdue(store: Store) -> None:
    """Wait until the pipeline has had enough of the flush under way."""

    async def has_had_enough() -> bool:
        return store.pipeline.overdue

    await eventually(has_had_enough)


async def a_turn() -> None:
    await asyncio.sleep(0)


# What leaves together.


async def test_commands_of_one_turn_leave_together_in_order(pipeline: Pipeline, transport: HeldTransport) -> None:
    replies = [pipeline.submit(("GET", str(n)), within(5)) for n in range(3)]
    await a_turn()
    assert [commands for commands, _ in transport.batches] == [[("GET", "0"), ("GET", "1"), ("GET", "2")]]
    transport.deliver(b"a", None, 3)
    assert await asyncio.gather(*replies) == [b"a", None, 3]


async def test_commands_during_a_flush_leave_after_it(pipeline: Pipeline, transport: HeldTransport) -> None:
    first = pipeline.submit(("GET", "0"), within(5))
    await a_turn()
    later = []
    for n in (1, 2):
        later.append(pipeline.submit(("GET", str(n)), within(5)))
        await a_turn()
    assert len(transport.batches) == 1
    transport.deliver(b"0")
    assert await first == b"0"
    await a_turn()
    assert transport.batches[1][0] == [("GET", "1"), ("GET", "2")]
    transport.deliver(b"1", b"2")
    assert await asyncio.gather(*later) == [b"1", b"2"]


async def test_cancelled_command_is_not_sent(pipeline: Pipeline, transport: HeldTransport) -> None:
    first = pipeline.submit(("GET", "0"), within(5))
    await a_turn()
    gone, stays = pipeline.submit(("GET", "1"), within(5)), pipeline.submit(("GET", "2"), within(5))
    gone.cancel()
    transport.deliver(b"0")
    await first
    await a_turn()
    assert transport.batches[1][0] == [("GET", "2")]
    transport.deliver(b"2")
    assert await stays == b"2"


async def test_a_caller_without_time_is_refused_and_sends_nothing(pipeline: Pipeline, transport: HeldTransport) -> None:
    with pytest.raises(StoreTimeout, match="no time was left to send 'GET'"):
        pipeline.submit(("GET", "0"), within(0))
    await a_turn()
    assert transport.batches == []


async def test_command_queued_at_its_deadline_is_not_sent(pipeline: Pipeline, transport: HeldTransport) -> None:
    first = pipeline.submit(("GET", "0"), within(5))
    await a_turn()
    with pytest.raises(StoreTimeout):
        await pipeline.submit(("GET", "1"), within(0.05))
    transport.deliver(b"0")
    await first
    await a_turn()
    assert len(transport.batches) == 1


async def test_earlier_deadline_ends_first(pipeline: Pipeline, transport: HeldTransport) -> None:
    patient = pipeline.submit(("GET", "0"), within(5))
    with pytest.raises(StoreTimeout, match="no reply to 'GET' before its deadline"):
        await pipeline.submit(("GET", "1"), within(0.05))
    assert not patient.done()
    transport.deliver(b"0", b"1")
    assert await patient == b"0"


async def test_after_closing_everything_is_refused(transport: HeldTransport) -> None:
    pipeline = Pipeline(connect("redis://127.0.0.1:1"), transport)
    flying = pipeline.submit(("GET", "0"), within(5))
    await a_turn()
    queued = pipeline.submit(("GET", "1"), within(5))
    transport.deliver(b"0")
    await pipeline.close()
    assert await flying == b"0"
    with pytest.raises(StoreUnavailable, match="closed"):
        await queued
    with pytest.raises(StoreUnavailable, match="closed"):
        pipeline.submit(("GET", "2"), within(5))


# With a real store.


async def test_every_caller_gets_its_own_reply(store: Store, ref: PolicyRef) -> None:
    async def caller(name: int) -> None:
        for turn in range(20):
            value = f"{name}-{turn}"
            await store.pipeline.submit(("SET", f"key{name}", value), within(5))
            assert await store.pipeline.submit(("GET", f"key{name}"), within(5)) == value.encode()

    await asyncio.gather(*(caller(name) for name in range(30)))


async def test_an_error_reaches_only_the_caller_whose_command_it_is(store: Store, ref: PolicyRef) -> None:
    before = store.pipeline.submit(store.log.append_command(ref, b"before"), within(5))
    wrong = store.pipeline.submit(("LPUSH", "{shop:home-hero}:log", "x"), within(5))
    after = store.pipeline.submit(store.log.append_command(ref, b"after"), within(5))
    with pytest.raises(StoreUnavailable, match=r"'LPUSH' failed: .*WRONGTYPE"):
        await wrong
    assert await before < await after
    assert await entries(store, ref) == [b"before", b"after"]


async def test_an_event_goes_into_the_log_once_even_where_the_store_lost_its_scripts(
    store: Store, ref: PolicyRef
) -> None:
    for _ in range(2):
        await store.pipeline.submit(("SCRIPT", "FLUSH"), within(5))
        commands = [store.log.append_event_command(ref, b"message%d" % (n % 2), b"e") for n in range(6)]
        await asyncio.gather(*(store.pipeline.submit(command, within(5)) for command in commands))
    assert await store.log.length(ref) == 2


async def test_large_commands_and_replies_pass(store: Store) -> None:
    blob = bytes(range(256)) * 20_000
    await store.pipeline.submit(("SET", "blob", blob), within(5))
    assert await store.pipeline.submit(("GET", "blob"), within(5)) == blob


async def test_each_append_acknowledged_under_concurrency_is_in_the_log_once(store: Store, ref: PolicyRef) -> None:
    commands = [store.log.append_command(ref, b"%d" % n) for n in range(500)]
    ids = await asyncio.gather(*(store.pipeline.submit(command, within(5)) for command in commands))
    assert len(set(ids)) == 500
    assert await entries(store, ref) == [b"%d" % n for n in range(500)]


# When the store hangs.


async def test_waiting_ends_at_the_deadline_though_the_store_hangs(own_valkey: Valkey, frail: Store) -> None:
    own_valkey.freeze()
    start = within(0)
    with pytest.raises(StoreTimeout):
        await frail.pipeline.submit(("PING",), start + 0.03)
    assert 0.03 <= within(0) - start < frail._client.reply_timeout - 1
    own_valkey.thaw()


async def test_new_calls_fail_at_once_while_a_flush_is_overdue(
    own_valkey: Valkey, frail: Store, ref: PolicyRef
) -> None:
    own_valkey.freeze()
    lasting = frail.pipeline.submit(frail.log.append_command(ref, b"lasting"), within(5))
    with pytest.raises(StoreTimeout):
        await frail.pipeline.submit(frail.log.append_command(ref, b"hasty"), within(0.06))
    await is_overdue(frail)
    with pytest.raises(StoreTimeout, match="an earlier flush has no reply"):
        frail.pipeline.submit(frail.log.append_command(ref, b"refused"), within(5))
    own_valkey.thaw()
    await lasting
    assert not frail.pipeline.overdue
    await frail.pipeline.submit(frail.log.append_command(ref, b"new"), within(5))
    assert await entries(frail, ref) == [b"lasting", b"hasty", b"new"]


async def test_cancelled_caller_does_not_affect_others(own_valkey: Valkey, frail: Store, ref: PolicyRef) -> None:
    own_valkey.freeze()

    async def caller(entry: bytes) -> Any:
        return await frail.pipeline.submit(frail.log.append_command(ref, entry), within(5))

    tasks = [asyncio.create_task(caller(b"%d" % n)) for n in range(3)]
    await a_turn()
    await a_turn()
    tasks[1].cancel()
    with pytest.raises(asyncio.CancelledError):
        await tasks[1]
    own_valkey.thaw()
    assert await tasks[0] < await tasks[2]
    assert await entries(frail, ref) == [b"0", b"1", b"2"]


async def test_a_hung_connection_is_given_up_and_replaced(own_valkey: Valkey) -> None:
    store = await Store.connect(own_valkey.url, reply_timeout=0.4)
    await store.pipeline.submit(("PING",), within(5))
    own_valkey.freeze()
    for _ in range(2):  # the second time it is the handshake of a new connection that hangs
        with pytest.raises(StoreUnavailable, match="TimeoutError"):
            await store.pipeline.submit(("PING",), within(5))
        assert not store.pipeline.overdue
    own_valkey.thaw()
    assert await store.pipeline.submit(("ECHO", "back"), within(5)) == b"back"
    await store.close()


# When the store dies.


async def test_running_commands_fail_when_the_store_is_killed_and_the_pipeline_recovers(
    own_valkey: Valkey, frail: Store, ref: PolicyRef
) -> None:
    own_valkey.freeze()
    waiting = [frail.pipeline.submit(frail.log.append_command(ref, b"e"), within(5)) for _ in range(3)]
    await a_turn()
    own_valkey.kill()
    replies = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(reply) for reply in replies] == [StoreUnavailable] * 3
    with pytest.raises(StoreUnavailable, match=own_valkey.url):
        await frail.pipeline.submit(("PING",), within(5))
    own_valkey.restart()
    event = frail.log.append_event_command(ref, b"message1", b"after")
    assert await frail.pipeline.submit(event, within(5)) is not None
    assert await entries(frail, ref) == [b"after"]


async def test_killed_under_traffic_no_call_outlives_its_deadline(own_valkey: Valkey, frail: Store) -> None:
    async def caller() -> float:
        worst = 0.0
        while not stopped.is_set():
            start = within(0)
            try:
                await frail.pipeline.submit(("INCR", "n"), start + 0.05)
            except (StoreTimeout, StoreUnavailable):
                await a_turn()
            worst = max(worst, within(0) - start)
        return worst

    stopped = asyncio.Event()
    callers = [asyncio.create_task(caller()) for _ in range(8)]
    await frail.pipeline.submit(("PING",), within(5))
    own_valkey.kill()
    await asyncio.to_thread(own_valkey.restart)
    async with asyncio.timeout(60):
        while "n" not in own_valkey.execute("KEYS n"):
            await a_turn()
    stopped.set()
    assert max(await asyncio.gather(*callers)) < frail._client.reply_timeout - 1


def test_the_same_holds_on_uvloop(own_valkey: Valkey, ref: PolicyRef) -> None:
    async def journey() -> None:
        store = await Store.connect(own_valkey.url)
        first = store.pipeline.submit(store.log.append_command(ref, b"first"), within(5))
        event = store.pipeline.submit(store.log.append_event_command(ref, b"message1", b"event"), within(5))
        await asyncio.gather(first, event)
        own_valkey.freeze()
        lasting = store.pipeline.submit(store.log.append_command(ref, b"lasting"), within(5))
        with pytest.raises(StoreTimeout):
            await store.pipeline.submit(("PING",), within(0.06))
        await is_overdue(store)
        with pytest.raises(StoreTimeout):
            store.pipeline.submit(("PING",), within(5))
        own_valkey.thaw()
        await lasting
        own_valkey.kill()
        with pytest.raises(StoreUnavailable):
            await store.pipeline.submit(("PING",), within(5))
        own_valkey.restart()
        await store.pipeline.submit(store.log.append_command(ref, b"second life"), within(5))
        assert await entries(store, ref) == [b"second life"]
        await store.close()

    uvloop.run(journey())
