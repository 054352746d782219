"""A recorder of events over a real store, and the messages that tests record."""

from __future__ import annotations

from dataclasses import replace

from edgewise.entries import Event, Outcome, decode
from edgewise.events.recorder import Recorder, Rejection
from edgewise.ids.decision import DecisionIds
from edgewise.ids.user_proof import UserProof
from edgewise.policies.policy import Reward
from edgewise.serving.follower import Follower
from edgewise.serving.served_site import ServedSite
from edgewise.store import Store
from edgewise.types import BEGINNING, Digest
from edgewise.visitors import profile as profiles
from edgewise.visitors.message import Message, Properties
from edgewise.visitors.profile import Profile
from tests.learner.published_policy import POLICY, REF

IDS = DecisionIds((b"a key" * 5,))
ORDER = "Order Completed"
FROM_SERVER = UserProof("verified", (), is_server=True)
REWARDED = replace(POLICY, reward=Reward(events={"$click": 0.2, ORDER: 1.0, "Signed Up": 0.5}))
LONG = 60.0
"""Seconds that a batch may take on a busy machine."""


class Recording:
    """A recorder of one site, and what it stored."""

    def __init__(self, store: Store, follower: Follower) -> None:
        self.store = store
        self.follower = follower
        self.site: ServedSite = follower.sites["shop"]
        self.recorder = self.worker(store)

    def worker(self, store: Store, patience: float = LONG) -> Recorder:
        """Make the recorder of a worker with its own connection."""
        return Recorder(store, IDS, self.follower.find, patience)

    async def record(self, *messages: Message, sent_at: int | None = None) -> list[Rejection]:
        return await self.recorder.record(self.site, list(enumerate(messages)), sent_at, FROM_SERVER)

    async def entries(self) -> list[Outcome | Event]:
        page = (await self.store.log.read({REF: BEGINNING}, 10_000))[REF]
        return [entry for _, raw in page.entries if isinstance(entry := decode(raw), Outcome | Event)]

    async def profile(self, visitor: Digest) -> Profile:
        stored = await self.store.profiles.read("shop", visitor)
        assert stored is not None
        return profiles.decode(stored)

    def linked(self, event: str, **properties: object) -> Message:
        id = IDS.issue(self.site.placements["hero"].policy_id, 1, b"0123456789ab")
        return Message("track", event=event, properties=Properties(decision_id=id, **properties))


def order(message_id: str, anonymous_id: str | None = None, user_id: str | None = None) -> Message:
    return Message("track", message_id, anonymous_id, user_id, event=ORDER)
