"""The follower after edits, new models and failures of the store."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace

import pytest

from edgewise.errors import StoreError, StoreUnavailable
from edgewise.policies.policy import Explore
from edgewise.policies.site_files import LoadedSite
from edgewise.serving import follower as following
from edgewise.serving.follower import Follower
from edgewise.serving.served_site import ServedPlacement
from edgewise.sites import Site
from edgewise.store import Store, keys
from edgewise.types import PolicyRef
from tests.eventually import eventually
from tests.learner.published_policy import POLICY, REF, PublishedPolicy, learner, settle
from tests.valkey import Valkey


def served(follower: Follower) -> ServedPlacement:
    return follower.sites["shop"].placements["hero"]


async def requested(follower: Follower) -> ServedPlacement:
    """The placement in use, with its model loaded."""
    placement = served(follower)
    placement.last_requested_at = 1e18
    await placement.load(math.inf)
    return placement


async def test_the_follower_is_ready_after_a_site_is_published(store: Store) -> None:
    follower = Follower(store)
    await follower.refresh()
    assert not follower.ready
    await PublishedPolicy(store).publish()
    await follower.refresh()
    assert follower.ready
    assert (served(follower).model, served(follower).model_version) == (None, 0)


async def test_an_edited_policy_is_served_and_keeps_the_model(store: Store) -> None:
    published, one, follower = PublishedPolicy(store), learner(store), Follower(store)
    await published.publish()
    await published.visit(4)
    await settle(store, one)
    await follower.refresh()
    model = (await requested(follower)).model
    assert model is not None
    await published.publish(replace(POLICY, control_share=0.5))
    await follower.refresh()
    assert served(follower).policy.control_share == 0.5
    assert served(follower).model is model


async def test_the_old_version_is_served_while_its_model_is_rebuilt(store: Store) -> None:
    published, one, follower = PublishedPolicy(store), learner(store), Follower(store)
    await published.publish()
    await published.visit(4)
    await settle(store, one)
    await follower.refresh()
    before = served(follower).version
    await published.publish(replace(POLICY, explore=Explore("epsilon")))
    await follower.refresh()
    assert served(follower).version == before
    late = Follower(store)
    await late.refresh()
    assert served(late).version == before, "a new worker serves the same version"
    await published.visit(1)
    await settle(store, one)
    await follower.refresh()
    assert served(follower).policy.explore.algorithm == "epsilon"
    assert (await requested(follower)).model is not None


async def test_a_model_is_loaded_when_it_is_asked_for_and_let_go_when_it_is_idle(store: Store) -> None:
    published, follower = PublishedPolicy(store), Follower(store)
    await published.publish()
    await published.visit(2)
    head = await settle(store, learner(store))
    await follower.refresh()
    idle = served(follower)
    assert (idle.is_loaded, idle.model, idle.model_version) == (False, None, head.model_version)
    used = await requested(follower)
    await follower.refresh()
    assert served(follower) is used
    assert used.model is not None
    used.last_requested_at = -1e9
    await follower.refresh()
    assert (served(follower).is_loaded, served(follower).model) == (False, None)
    assert served(follower).model_version == head.model_version
    assert used.model is not None, "a call that began with it can end with it"
    assert (await requested(follower)).model is not None


async def test_many_loaded_models_are_let_go_sooner(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "BUSY_WITHIN", -1.0)
    follower = Follower(store)
    await PublishedPolicy(store).publish()
    await follower.refresh()
    (await requested(follower)).last_requested_at = asyncio.get_running_loop().time()
    await follower.refresh()
    assert served(follower).is_loaded
    monkeypatch.setattr(following, "MAX_RESTING", 0)
    await follower.refresh()
    assert not served(follower).is_loaded


async def test_a_model_that_was_asked_for_once_is_let_go_soon(store: Store) -> None:
    follower = Follower(store)
    await PublishedPolicy(store).publish()
    await follower.refresh()
    for is_in_use in (False, True):
        placement = served(follower)
        placement.wake(asyncio.get_running_loop().time() - following.ASKED_ONCE_WITHIN - 1)
        await placement.load(math.inf)
        await follower.refresh()
        assert served(follower).is_loaded is is_in_use, "the second call within a minute keeps it"


async def test_new_models_are_loaded_for_placements_in_use(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "LOADING_SHARE", 1.0)
    published, one = PublishedPolicy(store), learner(store)
    reports: list[tuple[PolicyRef, int]] = []
    follower = Follower(store, lambda ref, delay: reports.append((ref, delay)))
    await published.publish()
    await published.visit(2)
    await settle(store, one)
    await follower.refresh()
    first = (await requested(follower)).model_version
    assert reports == [], "the delay until a model that was asked for has no meaning"
    await published.visit(2)
    await settle(store, one)
    await follower.refresh()
    assert served(follower).model_version == first + 1
    ((ref, delay),) = reports
    assert ref == REF
    assert 0 <= delay < 60_000


async def test_loading_keeps_to_its_share_of_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "LOADING_SHARE", 1e-9)
    published, one, follower = PublishedPolicy(store), learner(store), Follower(store)
    await published.publish()
    await published.visit(2)
    await settle(store, one)
    await follower.refresh()
    first = (await requested(follower)).model_version
    await published.visit(2)
    await settle(store, one)
    await follower.refresh()
    assert served(follower).model_version == first + 1, "the first load takes its share from the next"
    await published.visit(2)
    await settle(store, one)
    await follower.refresh()
    assert served(follower).model_version == first + 1


async def test_an_older_model_of_the_epoch_is_not_loaded(store: Store) -> None:
    published, one, follower = PublishedPolicy(store), learner(store), Follower(store)
    await published.publish()
    await published.visit(2)
    old = await settle(store, one)
    await follower.refresh()
    await requested(follower)
    await published.visit(2)
    new = await settle(store, one)
    assert not served(follower).is_current(new)
    assert served(follower).is_current(old)
    assert not served(follower).is_current(replace(old, epoch=new.epoch + 1)), "a new epoch may have an older model"


async def test_the_model_of_a_shortened_log_is_loaded(store: Store) -> None:
    """After an erasure the old model stays, also for a new worker, until the new model is published."""
    published, follower = PublishedPolicy(store), Follower(store)
    await published.publish()
    await published.visit(2)
    old = await settle(store, learner(store))
    await follower.refresh()
    await requested(follower)
    await store.log_rewrite.write(REF, [(id, data) async for page in store.log.pages(REF) for id, data in page][:1])
    await store.log_rewrite.replace_log(REF, old.position, serve_on=True)
    one, late = learner(store), Follower(store)
    await one.start()
    await follower.refresh()
    await late.refresh()
    assert served(late).model_version == served(follower).model_version == old.model_version
    new = await settle(store, one)
    assert new.position < old.position
    await eventually(lambda: _serves_newer(follower, old.model_version))


async def _serves_newer(follower: Follower, version: int) -> bool:
    await follower.refresh()
    return served(follower).model_version > version


async def test_a_served_version_is_written_again_if_the_store_lost_it(store: Store) -> None:
    published, follower = PublishedPolicy(store), Follower(store)
    await published.publish()
    await follower.refresh()
    version = served(follower).version
    follower._polls = 0
    await store.versions._client.execute(("DEL", f"{{shop:hero}}:v:{version.hex()}"))
    assert await store.versions.blob(REF, version) is None
    await follower.refresh()
    assert await store.versions.blob(REF, version) == served(follower).blob


async def test_a_removed_site_is_not_served(store: Store) -> None:
    published, follower = PublishedPolicy(store), Follower(store)
    await published.publish()
    await follower.refresh()
    placement = served(follower)
    assert follower.find(placement.policy_id) is placement
    await PublishedPolicy(store, ref=PolicyRef("other", "hero")).publish()
    await follower.refresh()
    assert set(follower.sites) == {"other"}
    assert follower.find(placement.policy_id) is None


async def test_policies_are_served_while_the_store_is_down() -> None:
    server = Valkey()
    store = await Store.connect(server.url)
    follower = Follower(store)
    await PublishedPolicy(store).publish()
    await follower.refresh()
    server.kill()
    with pytest.raises(StoreError):
        await follower.refresh()
    assert served(follower).policy == POLICY
    await store.close()
    server.restart()
    server.close()


async def test_files_are_served_until_the_store_is_reachable() -> None:
    server = Valkey()
    server.kill()
    store = await Store.connect(server.url, must_answer=False)
    follower = Follower(store)
    await follower.start()
    site = Site("shop", "shop", (), (POLICY.placement,))
    follower.serve_files([LoadedSite(site, (replace(POLICY, control_share=0.5),))])
    assert (follower.ready, served(follower).policy.control_share) == (False, 0.5)
    with pytest.raises(StoreUnavailable, match="Try again"):
        follower.ids.issue(served(follower).policy_id, 1, b"k" * 12)
    server.restart()
    await PublishedPolicy(store).publish()
    await follower.refresh()
    assert (follower.ready, served(follower).policy) == (True, POLICY)
    assert follower.ids.issue(served(follower).policy_id, 1, b"k" * 12)
    await follower.stop()
    await store.close()
    server.close()


async def test_the_keys_of_decision_ids_are_written_again_if_the_store_lost_them(store: Store) -> None:
    published, follower = PublishedPolicy(store), Follower(store)
    await published.publish()
    await follower.refresh()
    text = follower.ids.issue(served(follower).policy_id, 1, b"k" * 12)
    follower._polls = 0
    await store.registry._client.execute(("DEL", keys.DECISION_KEYS))
    await follower.refresh()
    late = Follower(store)
    await late.refresh()
    assert late.ids.read(text).key == b"k" * 12


async def test_a_replaced_version_is_written_again_if_the_store_lost_it(store: Store) -> None:
    published, follower = PublishedPolicy(store), Follower(store)
    await published.publish()
    await follower.refresh()
    await published.publish(replace(POLICY, control_share=0.5))
    await follower.refresh()
    lost = served(follower).version
    await store.versions._client.execute(("DEL", keys.blob(REF, lost)))
    await published.publish(POLICY)
    await follower.refresh()
    assert served(follower).policy == POLICY
    assert await store.versions.blob(REF, lost) is not None, "earlier decisions name it"
