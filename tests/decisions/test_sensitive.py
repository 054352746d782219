"""A sensitive trait is kept, and decisions know nothing of it."""

from __future__ import annotations

import msgspec

from edgewise.ids.visitor import user_digest
from edgewise.sites import decode_sites, encode_sites
from edgewise.store import Store
from edgewise.visitors import profile as profiles
from tests.eventually import eventually
from tests.servers import HERO, Server, serve

FILES = {"hero.toml": HERO + 'when = { "visitor.traits.gender" = "female" }\n'}
WHO = {"anonymousId": "phone", "userId": "ann"}


async def may_see_the_deal(server: Server) -> bool:
    answer = await server.post("/v1/decide", {"placements": ["hero"], **WHO})
    return bool(answer.json()["decisions"][0]["propensity"] < 1)


async def test_a_sensitive_trait_is_kept_and_no_condition_sees_it(store: Store, store_url: str) -> None:
    async with serve(store_url, FILES) as server:
        told = {"type": "identify", "traits": {"gender": "female"}, **WHO}
        assert (await server.post("/v1/batch", {"batch": [told]})).json()["accepted"] == 1
        assert await may_see_the_deal(server)
        # A version of before the trait was named may be served still: `policy check` would refuse it by now.
        (site,) = decode_sites(await store.registry.sites())
        await store.registry.publish_sites(encode_sites([msgspec.structs.replace(site, sensitive=("gender",))]))

        async def is_hidden() -> bool:
            return not await may_see_the_deal(server)

        await eventually(is_hidden)
    stored = await store.profiles.read("default", user_digest("ann"))
    assert stored is not None
    assert profiles.decode(stored).traits["gender"][1] == "female"
