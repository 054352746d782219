"""Models that decide calls ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest

from edgewise.errors import StoreUnavailable
from edgewise.policies.compiled_policy import encode_policy
from edgewise.serving.on_demand_loader import OnDemandLoader
from edgewise.serving.served_site import ServedPlacement
from edgewise.store import Checkpoint, Store
from edgewise.types import PolicyRef
from tests.learner.published_policy import POLICY, REF, PublishedPolicy, learner, settle
from tests.valkey import Valkey


async def test_the_models_of_a_call_are_read_together_and_each_loads_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = PublishedPolicy(store)
    await published.publish()
    await published.visit(2)
    head = await settle(store, learner(store))
    loader = OnDemandLoader(store)
    hero, row, footer = (
        ServedPlacement(PolicyRef("shop", name), encode_policy(POLICY), loader) for name in ("hero", "row", "footer")
    )
    read: list[list[PolicyRef]] = []
    read_all = store.checkpoints.read_all

    async def note(refs: Sequence[PolicyRef]) -> dict[PolicyRef, Checkpoint]:
        read.append(list(refs))
        return await read_all(refs)

    monkeypatch.setattr(store.checkpoints, "read_all", note)
    deadline = asyncio.get_running_loop().time() + 30
    await asyncio.gather(hero.load(deadline, [row]), row.load(deadline, [footer]), hero.load(deadline))
    assert read == [[hero.ref, row.ref], [footer.ref]]
    assert [placement.is_loaded for placement in (hero, row, footer)] == [True, True, True]
    assert (hero.ref, hero.model_version) == (REF, head.model_version)
    assert row.model is None, "it has no model yet"
    await hero.load(deadline, [row])
    assert len(read) == 2


async def test_a_load_that_failed_is_tried_again_by_the_next_call() -> None:
    server = Valkey()
    store = await Store.connect(server.url)
    placement = ServedPlacement(REF, encode_policy(POLICY), OnDemandLoader(store))
    deadline = asyncio.get_running_loop().time() + 30
    server.kill()
    with pytest.raises(StoreUnavailable):
        await placement.load(deadline)
    assert not placement.is_loaded
    server.restart()
    while not placement.is_loaded:
        with suppress(StoreUnavailable):  # From a connection of before.
            await placement.load(deadline)
    await store.close()
    server.close()
