"""A policy published in a real store, with visitors who cause decisions and outcomes."""

from __future__ import annotations

import os
from collections.abc import Mapping

from edgewise.bandit.shape import shape_of
from edgewise.entries import Decision, Outcome, SlotChoice, Tick, Version, encode
from edgewise.learner.log_budget import LogBudget
from edgewise.learner.policy_learner import PolicyLearner
from edgewise.learner.retention import Retention
from edgewise.policies.compiled_policy import encode_policy, version_of
from edgewise.policies.policy import Action, Explore, Policy, Reward
from edgewise.sites import Site, encode_sites
from edgewise.store import Checkpoint, Store, keys
from edgewise.types import Condition, DecisionKey, Digest, Milliseconds, PolicyRef, Webhook

DAY: Milliseconds = 24 * 3600 * 1000
REF = PolicyRef("shop", "hero")
POLICY = Policy(
    "hero",
    (Action("plain"), Action("deal", {"discount": 10})),
    ("plain",),
    explore=Explore("squarecb"),
    reward=Reward(window=20, impression_within=60_000),
)


class PublishedPolicy:
    def __init__(self, store: Store, policy: Policy = POLICY, ref: PolicyRef = REF) -> None:
        self.store = store
        self.policy = policy
        self.ref = ref

    @property
    def version(self) -> Digest:
        return version_of(encode_policy(self.policy))

    async def publish(
        self,
        policy: Policy | None = None,
        segments: Mapping[str, Condition] | None = None,
        webhooks: tuple[Webhook, ...] = (),
    ) -> None:
        self.policy = policy or self.policy
        blob, shape = encode_policy(self.policy), shape_of(self.policy).digest
        entry = encode(Version(self.version, shape))
        await self.store.versions.publish(self.ref, self.version, shape, blob, entry)
        site = Site(self.ref.site, self.ref.site, (), (self.ref.placement,), segments=segments or {}, webhooks=webhooks)
        await self.store.registry.publish_sites(encode_sites([site]))

    async def decide(
        self, context: str = "shared |x age=young", chosen: int = 0, visitor: tuple[Digest, ...] = (b"visitor1",)
    ) -> DecisionKey:
        key = os.urandom(12)
        slots = (SlotChoice(chosen, [0.5, 0.5]),)
        decision = Decision(key, self.version, 0, "policy", visitor, context, None, slots)
        await self.store.log.append(self.ref, encode(decision))
        return key

    async def report(self, key: DecisionKey, name: str = "$impression", value: float | None = None) -> None:
        outcome = Outcome(key, 0, name, value, 0, os.urandom(8))
        await self.store.log.append(self.ref, encode(outcome))

    async def visit(self, count: int = 1) -> None:
        """Add decisions that are seen, and mostly clicked."""
        for number in range(count):
            key = await self.decide(chosen=number % 2)
            await self.report(key, "$click" if number % 3 else "$impression")

    async def advance_clock(self, by: Milliseconds) -> None:
        """Append a tick that is so much later than the last entry, so that later entries follow it."""
        last = await self.store.log.last_id(self.ref)
        assert last is not None
        await self.store._client.execute(("XADD", keys.log(self.ref), str(last.ms + by), "e", encode(Tick())))


def learner(store: Store) -> PolicyLearner:
    return PolicyLearner(store, REF)


async def apply_retention(
    store: Store, one: PolicyLearner, retention: Milliseconds = 30 * DAY, log_bytes: int = 1 << 28
) -> None:
    bounds = Retention(store, retention)
    await bounds.apply(one)
    await LogBudget(store, bounds, log_bytes).apply([one])


async def read(store: Store, one: PolicyLearner, count: int = 500) -> bool:
    """Fold one page of the log."""
    return await one.fold_page((await store.log.read({one.ref: one.read_from}, count))[one.ref])


async def settle(store: Store, one: PolicyLearner) -> Checkpoint:
    """Read until no decision is open, and publish."""
    while await read(store, one) or one.fold is None or one.fold.open_decisions:
        pass
    checkpoint = await one.publish()
    assert checkpoint is not None
    return checkpoint
