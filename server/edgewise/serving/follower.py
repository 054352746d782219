"""What is served: follows the sites, the current policy versions and the published models in the store.

It polls, four times a second, one pipeline for all policies. A notification could be lost and would have to be backed
by a poll anyway; this way there is one mechanism, and no state in a connection.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import chain

from edgewise.bandit.model import ActionExamples, ScoringModel
from edgewise.bandit.shape import shape_of
from edgewise.errors import EdgewiseError, StoreError
from edgewise.ids.decision import KEY_BYTES, DecisionIds, policy_id
from edgewise.policies.compiled import CompiledPolicy, encode_policy
from edgewise.policies.policy import Policy
from edgewise.policies.segments import NO_SEGMENTS, Segments
from edgewise.policies.site import Site
from edgewise.sites import SiteEntry, decode_sites
from edgewise.store import Checkpoint, Current, Head, Store
from edgewise.types import BEGINNING, Digest, Milliseconds, PolicyRef, StreamId
from edgewise.visitors.names import bounded
from edgewise.visitors.needed_attributes import Reading
from edgewise.webhooks.triggers import NO_TRIGGERS, Triggers, triggers_of

log = logging.getLogger(__name__)

POLL = 0.25
"""Seconds between two looks at the store."""

LOADING_SHARE = 0.02
"""The most of its time that a worker spends loading models: a load holds the interpreter for milliseconds."""

ASKED_WITHIN = 60.0
"""A placement that nobody asked for within these seconds keeps the model it has."""

ASSURE_EVERY = 20
"""Polls between two looks whether the store still has the versions and the keys that we decide with."""


class ServedPlacement:
    """One placement with one version of its policy, as it is served now; another version makes another object.

    So a call may wait for the store and still finds the version that it decided with.

    `model` is None until there is one: then the draw is uniform. `asked_at` is the event loop's time of the last
    decide; `idle` says that a newer model was left where it is, because nobody asked.
    """

    __slots__ = (
        "actions",
        "asked_at",
        "blob",
        "compiled",
        "held",
        "idle",
        "model",
        "policy_id",
        "ref",
        "shape",
        "version_text",
    )

    def __init__(self, ref: PolicyRef, blob: bytes) -> None:
        self.ref = ref
        self.policy_id = policy_id(ref)
        self.blob = blob
        self.compiled = CompiledPolicy.from_blob(blob)
        self.version_text = self.compiled.version.hex()
        self.shape = shape_of(self.compiled.policy)
        self.actions = ActionExamples(self.shape, self.compiled.policy.actions)
        self.asked_at = 0.0
        self.idle = False
        self.model: ScoringModel | None = None
        self.held: Head | None = None

    @property
    def policy(self) -> Policy:
        return self.compiled.policy

    @property
    def version(self) -> Digest:
        return self.compiled.version

    @property
    def model_version(self) -> int:
        """The version of the model that scores; 0 before the first."""
        return 0 if self.held is None else self.held.model_version

    def knows(self, head: Head) -> bool:
        """Whether the model at hand is this one or a later one. Within an epoch there is no way back."""
        return self.held is not None and (self.held.epoch, self.held.model_version) >= (head.epoch, head.model_version)

    def edited(self, blob: bytes) -> ServedPlacement:
        """The same placement with this version; it keeps the model where that fits."""
        edited = ServedPlacement(self.ref, blob)
        edited.asked_at, edited.idle = self.asked_at, self.idle
        if edited.shape == self.shape:
            edited.model, edited.held = self.model, self.held
        return edited

    def load(self, checkpoint: Checkpoint) -> None:
        """Score with this model from now on."""
        self.model = ScoringModel(self.shape, checkpoint.model)
        self.held = checkpoint


class ServedSite:
    """One site as it is served now."""

    __slots__ = (
        "consent",
        "learn_without_consent",
        "name",
        "origins",
        "placements",
        "reading",
        "robots",
        "segments",
        "sensitive",
        "triggers",
        "write_key",
    )

    def __init__(
        self,
        entry: SiteEntry,
        placements: dict[str, ServedPlacement],
        segments: Segments = NO_SEGMENTS,
        triggers: Triggers = NO_TRIGGERS,
    ) -> None:
        self.name = entry.name
        self.write_key = entry.write_key
        self.origins = entry.origins
        self.consent = entry.consent
        self.learn_without_consent = entry.learn_without_consent
        self.robots = entry.robots
        self.placements = placements
        self.segments = segments
        self.triggers = triggers
        self.sensitive = frozenset(map(bounded, entry.sensitive))
        self.reading = Reading(chain(segments.reads, *(placement.compiled.reads for placement in placements.values())))


Loaded = Callable[[PolicyRef, Milliseconds], None]
"""Is told of each model loaded: of which policy, and how long ago the oldest window that is new in it had closed."""


class Follower:
    """Holds what is served. `sites` is by write key; it is replaced, never changed, so readers need no lock."""

    def __init__(self, store: Store, loaded: Loaded | None = None) -> None:
        self.sites: dict[str, ServedSite] = {}
        self.ready = False
        self.ids = DecisionIds()
        self._store = store
        self._loaded = loaded
        self._entries: tuple[SiteEntry, ...] = ()
        self._segments: dict[str, Segments] = {}
        self._triggers: dict[str, Triggers] = {}
        self._served: dict[PolicyRef, ServedPlacement] = {}
        self._by_id: dict[bytes, ServedPlacement] = {}
        self._registry = b""
        self._complaint = ""
        self._polls = 0
        self._may_load_at = 0.0
        self._task: asyncio.Task[None] | None = None

    def site_named(self, name: str) -> ServedSite | None:
        return next((site for site in self.sites.values() if site.name == name), None)

    def find(self, policy_id: bytes) -> ServedPlacement | None:
        """The placement that a decision id names."""
        return self._by_id.get(policy_id)

    def serve_files(self, sites: Iterable[Site]) -> None:
        """Serve what the policy files say, until the store can be asked: every answer is then a baseline."""
        sites = tuple(sites)
        for site in sites:
            for policy in site.policies:
                ref = PolicyRef(site.name, policy.placement)
                self._served[ref] = ServedPlacement(ref, encode_policy(policy))
        self._entries = tuple(
            SiteEntry(
                site.name,
                site.write_key,
                site.origins,
                tuple(policy.placement for policy in site.policies),
                site.consent,
                site.learn_without_consent,
                site.robots,
                segments=site.segments,
                sensitive=site.sensitive,
                webhooks=site.webhooks,
            )
            for site in sites
        )
        self._compile_segments()
        self._arrange(list(self._served))
        self._polls = 0

    async def start(self) -> None:
        """Look once, then go on looking. A store that cannot be reached is waited for: see `ready`."""
        await self._try_to_look()
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def look(self) -> None:
        """Bring what is served up to date.

        Raises:
            StoreError: the store does not tell.
        """
        await self._look_at_sites()
        refs = [PolicyRef(site.name, placement) for site in self._entries for placement in site.placements]
        currents, heads = await self._store.versions.current(refs), await self._store.checkpoints.heads(refs)
        try:
            for ref in sorted(currents, key=self._staleness):
                await self._look_at(ref, currents[ref], heads.get(ref))
        finally:
            self._arrange(refs)
        if self._polls % ASSURE_EVERY == 0:
            await self._assure()
        self._polls += 1
        self.ready = bool(self.sites) and all(ref in self._served for ref in refs)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(POLL)
            await self._try_to_look()

    async def _try_to_look(self) -> None:
        try:
            await self.look()
        except EdgewiseError as error:
            self._polls = 0  # The store may come back without its tail: its blobs are looked at first.
            if str(error) != self._complaint:
                log.error("what is served cannot be brought up to date, so it stays as it is: %s", error)
            self._complaint = str(error)
        else:
            self._complaint = ""

    async def _assure(self) -> None:
        """See to it that the store has what our decisions refer to: it may have lost its tail."""
        self.ids.ring = await self._store.registry.decision_keys(self.ids.ring or os.urandom(KEY_BYTES))
        for ref, served in self._served.items():
            await self._store.versions.ensure_blob(ref, served.version, served.blob)

    async def _look_at_sites(self) -> None:
        packed = await self._store.registry.sites()
        if packed is not None and packed != self._registry:
            self._entries = decode_sites(packed)
            self._compile_segments()
            self._registry = packed

    def _compile_segments(self) -> None:
        self._segments = {entry.name: Segments(entry.segments) for entry in self._entries}
        self._triggers = {entry.name: triggers_of(entry, self._segments[entry.name]) for entry in self._entries}

    async def _look_at(self, ref: PolicyRef, current: Current, head: Head | None) -> None:
        served = self._served.get(ref)
        # While the model is folded anew for another shape, the version that it was made for is served on.
        folding = head is not None and head.shape != current.shape
        version = head.policy_version if folding and head is not None else current.version
        blob = None
        if served is None or served.version != version:
            blob = await self._store.versions.blob(ref, version)
            if blob is None:
                raise StoreError(f"policy {ref.site}/{ref.placement}: the store has no blob of version {version.hex()}")
            if served is not None:
                # Where the store went back because it lost its tail, decisions since then name what we leave now.
                await self._store.versions.ensure_blob(ref, served.version, served.blob)
        if served is None and blob is not None:
            await self._load(ServedPlacement(ref, blob), head)
        elif served is not None and blob is not None and head is not None and served.shape.digest != head.shape:
            await self._load(served.edited(blob), head)
        elif served is not None:
            if blob is not None:
                served = self._served[ref] = served.edited(blob)
            if head is not None and not served.knows(head) and self._may_load(served):
                await self._load(served, head)

    async def _load(self, served: ServedPlacement, head: Head | None) -> None:
        """Load the newest model, and serve this placement with it."""
        checkpoint = None if head is None else await self._store.checkpoints.read(served.ref)
        before = self._served.get(served.ref)
        held = None if before is None else before.held
        if checkpoint is not None:
            began = time.perf_counter()
            served.load(checkpoint)
            took = time.perf_counter() - began
            self._may_load_at = asyncio.get_running_loop().time() + took * (1 / LOADING_SHARE - 1)
            if held is not None and not served.idle:
                self._tell(served.ref, checkpoint, held)
        served.idle = False
        self._served[served.ref] = served

    def _tell(self, ref: PolicyRef, checkpoint: Checkpoint, held: Head) -> None:
        if self._loaded is None or checkpoint.newest_close <= held.newest_close:
            return
        # Where models in between were not loaded, the oldest news is what closed right after the one at hand.
        passed_over = checkpoint.model_version > held.model_version + 1 and held.newest_close
        oldest = held.newest_close if passed_over else checkpoint.oldest_close
        self._loaded(ref, max(0, int(time.time() * 1000) - oldest))

    def _may_load(self, served: ServedPlacement) -> bool:
        now = asyncio.get_running_loop().time()
        if now - served.asked_at > ASKED_WITHIN:
            served.idle = True
            return False
        return now >= self._may_load_at

    def _staleness(self, ref: PolicyRef) -> tuple[int, StreamId]:
        """The policy whose model is the oldest comes first."""
        served = self._served.get(ref)
        return (0, BEGINNING) if served is None or served.held is None else (1, served.held.position)

    def _arrange(self, refs: Sequence[PolicyRef]) -> None:
        self._served = {ref: served for ref, served in self._served.items() if ref in set(refs)}
        self._by_id = {served.policy_id: served for served in self._served.values()}
        self.sites = {
            entry.write_key: ServedSite(
                entry,
                {
                    placement: self._served[PolicyRef(entry.name, placement)]
                    for placement in entry.placements
                    if PolicyRef(entry.name, placement) in self._served
                },
                self._segments[entry.name],
                self._triggers[entry.name],
            )
            for entry in self._entries
        }
