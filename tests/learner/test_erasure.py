"""After an erasure, logs and models are as if the visitors had never come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgewise.bandit.shape import shape_of
from edgewise.entries import Decision, Entry, Event, Outcome, decode, encode
from edgewise.errors import StoreError, StoreUnavailable
from edgewise.ids.visitor import as_user
from edgewise.learner import policy_learner, process
from edgewise.learner.erasure import Eraser, erase_entries
from edgewise.learner.fold import Fold
from edgewise.learner.process import Learner
from edgewise.learner.rebuild import rebuild
from edgewise.settings import Settings
from edgewise.store import Checkpoint, Pending, Store
from edgewise.types import Digest, PolicyRef, StreamId
from tests.eventually import eventually
from tests.learner import logs
from tests.learner.published_policy import POLICY, REF, PublishedPolicy, learner, settle
from tests.valkey import Valkey

ANN, BOB = b"visitor1", b"visitor2"


def user_of(visitor: Digest) -> Digest:
    """The user whose browser this is."""
    return as_user(visitor[:-2] + b"u" + visitor[-1:])


Log = list[tuple[StreamId, Entry]]


def without_entries_of(log: Log, visitors: frozenset[Digest]) -> Log:
    """The log as it would be, had these visitors never come."""
    theirs = {entry.key for _, entry in log if isinstance(entry, Decision) and visitors & set(entry.visitor)}
    return [
        (id, entry)
        for id, entry in log
        if not (isinstance(entry, Decision | Event) and visitors & set(entry.visitor))
        and not (isinstance(entry, Decision | Outcome) and entry.key in theirs)
    ]


async def whole_log(store: Store, ref: PolicyRef = REF) -> Log:
    return [(id, decode(data)) async for page in store.log.pages(ref) for id, data in page]


def folded(log: Log, to: StreamId) -> bytes:
    """The model of this log, folded in one go up to an entry."""
    fold = Fold(shape_of(POLICY), lambda _: POLICY, since=log[0][0])
    for id, entry in log:
        if id <= to:
            fold.advance(id, encode(entry))
    return fold.serialize()


async def every_key_and_value(store: Store) -> bytes:
    """All that the store holds, as Valkey itself dumps it. Compression is off, so that every byte is visible."""
    client = store._client
    await client.execute(("CONFIG SET", "rdbcompression", "no"))
    keys = [key async for key in client.scan("*")]
    return b"".join([key.encode() + (await client.execute(("DUMP", key)) or b"") for key in keys])


@pytest.fixture(autouse=True)
def _hasty_learners(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "READ_EVERY", 0.01)
    monkeypatch.setattr(process, "ERASE_EVERY", 0.02)
    monkeypatch.setattr(policy_learner, "PUBLISH_EVERY", 0.02)


@asynccontextmanager
async def learning(store: Store) -> AsyncIterator[None]:
    """A learner, as `edgewise learn` runs it, until the end of the block."""
    stop = asyncio.Event()
    task = asyncio.create_task(Learner(store, Settings()).run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def is_erased(store: Store) -> bool:
    pending = (await store.erasures.pending([REF.site]))[REF.site]
    return not (pending.waiting or pending.folding or pending.rewrite)


async def visit(policy_log: PublishedPolicy, visitor: Digest, count: int = 6) -> None:
    """Visits of one visitor: some are clicked, some are paid without a decision id."""
    for number in range(count):
        key = await policy_log.decide(
            f"shared |x page={visitor.decode()}", chosen=number % 2, visitor=(visitor, user_of(visitor))
        )
        await policy_log.report(key, "$click" if number % 3 else "$impression")
        event = Event((visitor,), "Order Completed", 0, number.to_bytes(7, "big") + visitor[-1:])
        await policy_log.store.log.append_event(policy_log.ref, event.message, encode(event))


@given(logs.logs(), st.frozensets(st.sampled_from(logs.VISITORS), max_size=3))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_erasure_removes_exactly_the_visitors_entries(valkey: Valkey, log: Log, visitors: frozenset[Digest]) -> None:
    async def erase() -> Log:
        valkey.execute("FLUSHALL")
        store = await Store.connect(valkey.url)
        try:
            await store._client.execute_all(
                [("XADD", f"{{{REF.site}:{REF.placement}}}:log", str(id), "e", encode(entry)) for id, entry in log]
            )
            count = await erase_entries(store, REF, visitors, serve_on=True)
            left = await whole_log(store)
            assert count == len(log) - len(left)
            return left
        finally:
            await store.close()

    expected = [(id, encode(entry)) for id, entry in without_entries_of(log, visitors)]
    assert [(id, encode(entry)) for id, entry in asyncio.run(erase())] == expected


async def test_model_after_an_erasure_equals_a_fold_without_the_entries(store: Store) -> None:
    policy_log = PublishedPolicy(store)
    await policy_log.publish()
    for visitor in (ANN, BOB, ANN, BOB):
        await visit(policy_log, visitor)
    before = await settle(store, learner(store))
    await store.profiles.compare_and_set(REF.site, ANN, None, b"her profile", 60_000)
    log = await whole_log(store)
    async with learning(store):
        await store.erasures.add(REF.site, [ANN, user_of(ANN)], 0)
        await eventually(lambda: is_erased(store))
    after = await store.checkpoints.read(REF)
    assert after is not None
    left = [(id, entry) for id, entry in await whole_log(store) if id <= log[-1][0]]
    assert left == without_entries_of(log, frozenset({ANN}))
    assert after.model == folded(await whole_log(store), after.position)
    assert after.model != before.model
    assert after.model_version > before.model_version
    assert (await rebuild(store, REF)).equal
    held = await every_key_and_value(store)
    assert ANN not in held
    assert ANN.hex().encode() not in held
    assert BOB in held, "or the scan looks in the wrong place"


async def test_old_model_serves_until_the_new_one_is_published(store: Store) -> None:
    policy_log, one = PublishedPolicy(store), learner(store)
    await policy_log.publish()
    await visit(policy_log, ANN)
    before = await settle(store, one)
    await store.checkpoints.write_base(REF, before)
    assert await erase_entries(store, REF, frozenset({BOB}), serve_on=True) == 0
    served = await store.checkpoints.read(REF)
    assert served is not None
    assert served.model == before.model
    assert await store.checkpoints.bases(REF) == []
    with pytest.raises(StoreError, match="rebuilt after an erasure"):
        await rebuild(store, REF)
    other = learner(store)
    await settle(store, other)
    assert other.fold is not None
    assert other.fold.statistics.decisions == 6, "all was folded again, not what came after the checkpoint alone"
    assert (await rebuild(store, REF)).equal


async def test_log_of_a_deleted_policy_is_erased_and_its_model_deleted(store: Store) -> None:
    policy_log, gone = (
        PublishedPolicy(store),
        PublishedPolicy(store, replace(POLICY, placement="gone"), PolicyRef(REF.site, "gone")),
    )
    await gone.publish()
    await gone.decide(visitor=(ANN,))
    checkpoint = Checkpoint(
        epoch=await store.checkpoints.raise_epoch(gone.ref),
        position=StreamId(1, 0),
        read_again=StreamId(1, 0),
        shape=b"anyshape",
        shape_since=StreamId(1, 0),
        policy_version=gone.version,
        oldest_close=0,
        newest_close=0,
        model=b"a model of hers",
        statistics=b"",
    )
    await store.checkpoints.write(gone.ref, checkpoint)
    await policy_log.publish()
    async with learning(store):
        await store.erasures.add(REF.site, [ANN], 0)
        await eventually(lambda: is_erased(store))
    assert await store.checkpoints.read(gone.ref) is None
    assert ANN not in await every_key_and_value(store)


async def test_erasure_completes_if_the_store_forbids_dangerous_commands(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As hosted stores do: their file keeps the bytes until they rewrite it by themselves."""
    valkey = Valkey("--appendonly", "yes")
    valkey.execute("ACL SETUSER default -@dangerous")
    store = await Store.connect(valkey.url)
    try:
        policy_log = PublishedPolicy(store)
        await policy_log.publish()
        await visit(policy_log, ANN)
        async with learning(store):
            await store.erasures.add(REF.site, [ANN], 0)
            await eventually(lambda: is_erased(store))
        assert not [entry for _, entry in await whole_log(store) if isinstance(entry, Decision)]
        assert "The append-only file keeps erased data until the store rewrites it" in caplog.text
    finally:
        await store.close()
        valkey.close()


async def test_erasures_wait_until_one_is_due(store: Store) -> None:
    policy_log = PublishedPolicy(store)
    await policy_log.publish()
    await policy_log.decide(visitor=(ANN,))
    await policy_log.decide(visitor=(BOB,))
    async with learning(store):
        await store.erasures.add(REF.site, [ANN], 3_600_000)
        await eventually(lambda: is_published(store))
        assert len(await whole_log(store)) >= 3
        await store.erasures.add(REF.site, [BOB], 0)
        await eventually(lambda: is_erased(store))
    assert not [entry for _, entry in await whole_log(store) if isinstance(entry, Decision)]


async def test_second_request_does_not_extend_the_wait(store: Store) -> None:
    first = await store.erasures.add(REF.site, [ANN], 1000)
    await store.erasures.add(REF.site, [ANN, BOB], 3_600_000)
    pending = (await store.erasures.pending([REF.site]))[REF.site]
    assert pending.waiting[ANN] == first
    assert pending.waiting[BOB] > first + 3_000_000
    assert not pending.is_due


async def test_request_during_the_fold_causes_a_second_erasure(store: Store) -> None:
    await store.erasures.add(REF.site, [ANN, BOB], 0)
    pending = (await store.erasures.pending([REF.site]))[REF.site]
    await store.erasures.mark_deleted(REF.site, pending.waiting)
    await store.erasures.add(REF.site, [ANN], 0)
    await store.erasures.mark_folded(REF.site, [ANN, BOB])
    pending = (await store.erasures.pending([REF.site]))[REF.site]
    assert (set(pending.waiting), list(pending.folding), pending.rewrite) == ({ANN}, [], True)


async def test_too_many_waiting_erasures_are_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgewise.store.erasures.MOST_WAITING", 2)
    await store.erasures.add(REF.site, [ANN, BOB], 0)
    with pytest.raises(StoreUnavailable, match="2 ids wait for their erasure"):
        await store.erasures.add(REF.site, [b"visitor3"], 0)


async def test_erasure_interrupted_after_any_command_completes(
    store: Store, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A learner that dies between any two commands to the store, and the next one, which does it again."""
    cuts = 0
    while await _erased_in_two_lives(store, store_url, cuts, monkeypatch):
        cuts += 5
    assert cuts > 15, "an erasure takes more commands than that, so this has cut nothing"


async def _erased_in_two_lives(store: Store, url: str, commands: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    await store._client.execute(("FLUSHALL",))
    policy_log = PublishedPolicy(store)
    await policy_log.publish()
    await visit(policy_log, ANN, 2)
    await visit(policy_log, BOB, 2)
    await store.profiles.compare_and_set(REF.site, ANN, None, b"her profile", 60_000)
    await settle(store, learner(store))
    log = await whole_log(store)
    await store.erasures.add(REF.site, [user_of(ANN)], 0)
    doomed = await Store.connect(url)
    life = [commands]
    for name in ("execute", "execute_all"):
        monkeypatch.setattr(doomed._client, name, _dying(life, getattr(doomed._client, name)))
    was_cut = False
    first = Learner(doomed, Settings())
    try:
        for _ in range(20):
            await first._load_sites()
            await first._eraser.run_once(first._learners.keys())
            for one in list(first._learners.values()):
                await settle(doomed, one)
    except StoreUnavailable:
        was_cut = True
    await doomed.close()
    async with learning(store):
        await eventually(lambda: is_erased(store))
    left = [entry for id, entry in await whole_log(store) if id <= log[-1][0]]
    assert left == [entry for _, entry in without_entries_of(log, frozenset({ANN}))]
    assert (await rebuild(store, REF)).equal
    held = await every_key_and_value(store)
    assert (ANN in held, user_of(ANN) in held) == (False, False)
    return was_cut


def _dying(life: list[int], execute: Callable[[Any], Awaitable[Any]]) -> Callable[[Any], Awaitable[Any]]:
    """Executes as many times as there is life left, and no more."""

    async def counted(command: Sequence[Any]) -> Any:
        if life[0] == 0:
            raise StoreUnavailable("This learner is dead.")
        life[0] -= 1
        return await execute(command)

    return counted


async def is_published(store: Store) -> bool:
    return await store.checkpoints.read(REF) is not None


async def test_waiting_erasure_begins_if_the_stores_clock_is_set_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await PublishedPolicy(store).publish()
    await store.erasures.add(REF.site, [ANN], 3_600_000)
    eraser, read = Eraser(store, lambda ref: None), store.erasures.pending

    async def read_set_back(sites: Sequence[str]) -> dict[str, Pending]:
        return {site: found._replace(now=found.now - 600_000) for site, found in (await read(sites)).items()}

    await eraser.run_once([REF])
    assert (await read([REF.site]))[REF.site].waiting
    monkeypatch.setattr(store.erasures, "pending", read_set_back)
    await eraser.run_once([REF])
    assert not (await read([REF.site]))[REF.site].waiting
