"""The follower keeps the sites, policies and models of a web worker up to date from the store.

It polls the store four times a second, with one round trip for the versions of all policies and one for their models. A
notification can be lost, so it would need a poll as a fallback anyway. Polling alone is one mechanism, and keeps no
state in a connection.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from edgewise.errors import EdgewiseError, StoreError
from edgewise.ids.decision import KEY_BYTES, DecisionIds
from edgewise.logs import RepeatedErrorLog
from edgewise.policies.compiled_policy import encode_policy
from edgewise.policies.segments import Segments
from edgewise.policies.site_files import LoadedSite
from edgewise.serving.log_times import LogTimes
from edgewise.serving.served_site import ServedPlacement, ServedSite
from edgewise.sites import Site, decode_sites
from edgewise.store import Checkpoint, Current, Head, Store
from edgewise.types import BEGINNING, Milliseconds, PolicyRef, StreamId
from edgewise.webhooks.triggers import Triggers, make_triggers

log = logging.getLogger(__name__)

POLL_INTERVAL = 0.25
"""Seconds between two polls of the store."""

LOADING_SHARE = 0.02
"""The largest share of its time that a worker spends on loading models. A load blocks it for milliseconds."""

IN_USE_WITHIN = 60.0
"""A placement without a request in this many seconds keeps its loaded model."""

POLLS_PER_REPAIR = 20
"""The number of polls between two checks that the store still has the served versions and keys."""

ModelLoaded = Callable[[PolicyRef, Milliseconds], None]
"""A callback for each loaded model. The time is the delay since its oldest new reward window closed."""


class Follower:
    """Serves sites from the store. `sites` has them by write key.

    `identity_secret` proves the user ids of every site that has no secret of its own.

    A refresh replaces `sites` and never changes it in place, so readers need no lock.
    """

    def __init__(
        self, store: Store, on_model_loaded: ModelLoaded | None = None, identity_secret: str | None = None
    ) -> None:
        self.sites: dict[str, ServedSite] = {}
        self.ready = False
        self.ids = DecisionIds()
        self.log_times = LogTimes()
        self._store = store
        self._on_model_loaded = on_model_loaded
        self._identity_secret = identity_secret
        self._own_secrets: dict[str, tuple[str, ...]] = {}
        self._settings: tuple[Site, ...] = ()
        self._segments: dict[str, Segments] = {}
        self._triggers: dict[str, Triggers] = {}
        self._placements: dict[PolicyRef, ServedPlacement] = {}
        self._by_id: dict[bytes, ServedPlacement] = {}
        self._registry = b""
        self._polls = 0
        self._next_load_at = 0.0
        self._errors = RepeatedErrorLog(log, "Cannot refresh sites and models, so the current ones stay: %s")
        self._task: asyncio.Task[None] | None = None

    def site_named(self, name: str) -> ServedSite | None:
        return next((site for site in self.sites.values() if site.name == name), None)

    def find(self, policy_id: bytes) -> ServedPlacement | None:
        """The placement with this policy id, which is a part of each decision id."""
        return self._by_id.get(policy_id)

    def serve_files(self, loaded: Sequence[LoadedSite]) -> None:
        """Serve the policy files until the store is reachable. Every decision is then a fallback to the baseline."""
        for site, policies in loaded:
            for policy in policies:
                ref = PolicyRef(site.name, policy.placement)
                self._placements[ref] = ServedPlacement(ref, encode_policy(policy))
        self._settings = tuple(site for site, _ in loaded)
        self._compile_segments()
        self._rebuild_sites(list(self._placements))
        self._polls = 0

    async def start(self) -> None:
        """Refresh once, then poll in the background. `ready` stays False while the store is unreachable."""
        await self._try_refresh()
        self._task = asyncio.create_task(self._poll())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def refresh(self) -> None:
        """Read sites, policy versions and models from the store.

        Raises:
            StoreError: the store does not answer. Placements refreshed before the error are served.
        """
        await self._refresh_registry()
        refs = [PolicyRef(site.name, placement) for site in self._settings for placement in site.placements]
        currents, heads = await self._store.versions.current(refs), await self._store.checkpoints.heads(refs)
        self.log_times.observe(heads)
        try:
            for ref in sorted(currents, key=self._model_position):
                await self._refresh_placement(ref, currents[ref], heads.get(ref))
        finally:
            self._rebuild_sites(refs)
        if self._polls % POLLS_PER_REPAIR == 0:
            await self._repair_store()
        self._polls += 1
        self.ready = bool(self.sites) and all(ref in self._placements for ref in refs)

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_INTERVAL)
            await self._try_refresh()

    async def _try_refresh(self) -> None:
        try:
            await self.refresh()
        except EdgewiseError as error:
            self._polls = 0  # The store may have lost recent writes, so the next refresh repairs it first.
            self._errors.report(error)
        else:
            self._errors.clear()

    async def _repair_store(self) -> None:
        """Write the served versions and keys again if the store lost its last writes. Decisions refer to them."""
        self.log_times.set_store_time(await self._store.time())
        self.ids.ring = await self._store.registry.decision_keys(self.ids.ring or os.urandom(KEY_BYTES))
        for ref, placement in self._placements.items():
            await self._store.versions.ensure_blob(ref, placement.version, placement.blob)

    async def _refresh_registry(self) -> None:
        packed = await self._store.registry.sites()
        if packed is not None and packed != self._registry:
            self._settings = decode_sites(packed)
            self._compile_segments()
            self._registry = packed
        self._own_secrets = await self._store.registry.identity_secrets()

    def _compile_segments(self) -> None:
        self._segments = {site.name: Segments(site.segments) for site in self._settings}
        self._triggers = {site.name: make_triggers(site, self._segments[site.name]) for site in self._settings}

    async def _refresh_placement(self, ref: PolicyRef, current: Current, head: Head | None) -> None:
        served = self._placements.get(ref)
        # While the learner rebuilds the model in a new shape, the old model's policy version stays in service.
        rebuilding = head is not None and head.shape != current.shape
        version = head.policy_version if rebuilding and head is not None else current.version
        blob = None
        if served is None or served.version != version:
            blob = await self._store.versions.blob(ref, version)
            if blob is None:
                raise StoreError(
                    f"Missing policy version {version.hex()} of {ref.site}/{ref.placement} in the store. "
                    "Publish the policy again with `edgewise serve`."
                )
            if served is not None:
                # If the store lost its last writes, decisions made since then name the version that we leave now.
                await self._store.versions.ensure_blob(ref, served.version, served.blob)
        if served is None and blob is not None:
            await self._load(ServedPlacement(ref, blob), head)
        elif served is not None and blob is not None and head is not None and served.shape.digest != head.shape:
            await self._load(served.with_version(blob), head)
        elif served is not None:
            if blob is not None:
                served = self._placements[ref] = served.with_version(blob)
            if head is not None and not served.is_current(head) and self._may_load(served):
                await self._load(served, head)

    async def _load(self, placement: ServedPlacement, head: Head | None) -> None:
        """Load the newest model, and serve this placement with it."""
        checkpoint = None if head is None else await self._store.checkpoints.read(placement.ref)
        before = self._placements.get(placement.ref)
        old_head = None if before is None else before.model_head
        if checkpoint is not None:
            started = time.perf_counter()
            placement.load_model(checkpoint)
            seconds = time.perf_counter() - started
            self._next_load_at = asyncio.get_running_loop().time() + seconds * (1 / LOADING_SHARE - 1)
            if old_head is not None and not placement.load_skipped:
                self._report_load(placement.ref, checkpoint, old_head)
        placement.load_skipped = False
        self._placements[placement.ref] = placement

    def _report_load(self, ref: PolicyRef, checkpoint: Checkpoint, old: Head) -> None:
        if self._on_model_loaded is None or checkpoint.newest_close <= old.newest_close:
            return
        # If models in between were never loaded, the oldest new window closed right after the old model's newest one.
        skipped = checkpoint.model_version > old.model_version + 1 and old.newest_close
        oldest_close = old.newest_close if skipped else checkpoint.oldest_close
        self._on_model_loaded(ref, self.log_times.delay(oldest_close, checkpoint.position))

    def _may_load(self, placement: ServedPlacement) -> bool:
        now = asyncio.get_running_loop().time()
        if now - placement.last_requested_at > IN_USE_WITHIN:
            placement.load_skipped = True
            return False
        return now >= self._next_load_at

    def _model_position(self, ref: PolicyRef) -> tuple[int, StreamId]:
        """A sort key that puts placements without a model first, then those with the oldest model."""
        placement = self._placements.get(ref)
        head = None if placement is None else placement.model_head
        return (0, BEGINNING) if head is None else (1, head.position)

    def _rebuild_sites(self, refs: Sequence[PolicyRef]) -> None:
        kept = set(refs)
        self._placements = {ref: placement for ref, placement in self._placements.items() if ref in kept}
        self._by_id = {placement.policy_id: placement for placement in self._placements.values()}
        self.sites = {
            site.write_key: ServedSite(
                site,
                {
                    name: self._placements[PolicyRef(site.name, name)]
                    for name in site.placements
                    if PolicyRef(site.name, name) in self._placements
                },
                self._segments[site.name],
                self._triggers[site.name],
                self._identity_secrets(site.name),
            )
            for site in self._settings
        }

    def _identity_secrets(self, site: str) -> tuple[str, ...]:
        shared = () if self._identity_secret is None else (self._identity_secret,)
        return self._own_secrets.get(site) or shared
