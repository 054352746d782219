from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from edgewise.store import keys
from edgewise.types import PolicyRef

names = st.text("abcxyz019-_.", min_size=1, max_size=8)
refs = st.builds(PolicyRef, names, names)
digests = st.binary(min_size=8, max_size=8)


def all_keys(ref: PolicyRef, digest: bytes) -> list[str]:
    plain = [make(ref) for make in (keys.log, keys.current, keys.versions, keys.checkpoint, keys.base, keys.draft)]
    return [*plain, keys.message(ref, digest), keys.blob(ref, digest)]


@given(refs, digests)
def test_all_keys_of_a_policy_live_in_one_slot(ref: PolicyRef, digest: bytes) -> None:
    assert len({key_slot(key.encode()) for key in all_keys(ref, digest)}) == 1


@given(refs, refs, digests)
def test_no_two_things_share_a_key(one: PolicyRef, other: PolicyRef, digest: bytes) -> None:
    ours = [*all_keys(one, digest), keys.profile(one.site, digest)]
    theirs = [*all_keys(other, digest), keys.profile(other.site, digest)]
    assert len(set(ours)) == len(ours)
    if one.site != other.site:
        assert not set(ours) & set(theirs)
    elif one != other:
        assert set(ours) & set(theirs) == {keys.profile(one.site, digest)}


@given(names, digests)
def test_all_keys_of_a_visitor_live_in_one_slot_and_an_erasure_has_those_that_last(site: str, visitor: bytes) -> None:
    webhooks = [make(site, visitor) for make in (keys.hooks, keys.hook_queue, keys.dead_letters)]
    erased = keys.of_visitor(site, visitor)
    assert {*webhooks, keys.profile(site, visitor)} <= {*erased}
    assert len({*erased, keys.hook_lease(site, visitor)}) == len(erased) + 1
    assert len({key_slot(key.encode()) for key in (*erased, keys.hook_lease(site, visitor))}) == 1
