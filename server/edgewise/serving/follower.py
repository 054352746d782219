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
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from edgewise.errors import EdgewiseError, StoreError
from edgewise.ids.decision import KEY_BYTES, DecisionIds
from edgewise.logs import RepeatedErrorLog
from edgewise.malloc_tuning import return_free_memory
from edgewise.policies.compiled_policy import encode_policy
from edgewise.policies.segments import Segments
from edgewise.policies.site_files import LoadedSite
from edgewise.serving.log_times import LogTimes
from edgewise.serving.on_demand_loader import OnDemandLoader
from edgewise.serving.served_site import IN_USE_WITHIN, ServedPlacement, ServedSite
from edgewise.sites import Site, decode_sites
from edgewise.store import Checkpoint, Current, Head, Store
from edgewise.types import BEGINNING, Digest, Milliseconds, PolicyRef, StreamId
from edgewise.webhooks.triggers import Triggers, make_triggers

log = logging.getLogger(__name__)

POLL_INTERVAL = 0.25
"""Seconds between two polls of the store."""

LOADING_SHARE = 0.02
"""The largest share of its time that a worker spends on loading models. A load blocks it for milliseconds."""

ASKED_ONCE_WITHIN = 3.0
"""If it had only one request, this many seconds are enough. After the next request, its model stays for a minute."""

BUSY_WITHIN, BUSY_ASKED_ONCE_WITHIN = 5.0, 0.5
"""If a worker has more than MAX_RESTING models, these many seconds are enough."""

MAX_RESTING = 64
"""The most loaded models before those of placements that are not busy are let go."""

POLLS_PER_REPAIR = 20
"""The number of polls between two checks that the store still has the served versions and keys."""

UNLOADED_PER_TRIM = 16
"""While models are let go, the memory between so many of them is given back to the system at once."""

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
        self._loader = OnDemandLoader(store)
        self._is_changed = True
        self._unloaded = 0
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
                self._placements[ref] = ServedPlacement(ref, encode_policy(policy), self._loader)
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
        await self._loader.stop()

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
            await self._refresh_versions(
                {ref: _version_to_serve(currents[ref], heads.get(ref)) for ref in currents}, heads
            )
            for ref in sorted(heads.keys() & currents.keys(), key=self._model_position):
                await self._refresh_model(self._placements[ref], heads[ref])
            unloaded = self._unload_idle()
        finally:
            if self._is_changed or self._placements.keys() != set(refs):
                self._rebuild_sites(refs)
                self._is_changed = False
        self._unloaded += unloaded
        # Their models are freed by now, because no site refers to them.
        if self._unloaded >= UNLOADED_PER_TRIM or (self._unloaded and not unloaded):
            return_free_memory()
            self._unloaded = 0
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
        served = self._placements.items()
        await self._store.versions.ensure_blobs((ref, placement.version, placement.blob) for ref, placement in served)

    async def _refresh_registry(self) -> None:
        packed = await self._store.registry.sites()
        if packed is not None and packed != self._registry:
            self._settings = decode_sites(packed)
            self._compile_segments()
            self._registry = packed
            self._is_changed = True
        own_secrets = await self._store.registry.identity_secrets()
        self._is_changed |= own_secrets != self._own_secrets
        self._own_secrets = own_secrets

    def _compile_segments(self) -> None:
        self._segments = {site.name: Segments(site.segments) for site in self._settings}
        self._triggers = {site.name: make_triggers(site, self._segments[site.name]) for site in self._settings}

    async def _refresh_versions(self, versions: Mapping[PolicyRef, Digest], heads: Mapping[PolicyRef, Head]) -> None:
        """Serve these policy versions. New placements load their models when they are first asked for."""
        served = self._placements
        changed = {ref: new for ref, new in versions.items() if ref not in served or served[ref].version != new}
        blobs = await self._store.versions.blobs(changed)
        for ref, version in changed.items():
            if ref not in blobs:
                raise StoreError(
                    f"Missing policy version {version.hex()} of {ref.site}/{ref.placement} in the store. "
                    "Publish the policy again with `edgewise serve`."
                )
            if ref not in served:
                self._serve(ServedPlacement(ref, blobs[ref], self._loader))
                continue
            # If the store lost its last writes, decisions made since then name the version that we leave now.
            await self._store.versions.ensure_blob(ref, served[ref].version, served[ref].blob)
            edited = served[ref].with_version(blobs[ref])
            head = heads.get(ref)
            if edited.is_loaded and head is not None and served[ref].shape.digest != head.shape:
                await self._load(edited, head)
            self._serve(edited)

    async def _refresh_model(self, placement: ServedPlacement, head: Head) -> None:
        if not placement.is_loaded:
            placement.model_head = head
        elif not placement.is_current(head) and self._may_load(placement):
            await self._load(placement, head)

    async def _load(self, placement: ServedPlacement, head: Head) -> None:
        """Load the newest model of a placement in use."""
        checkpoint = await self._store.checkpoints.read(placement.ref)
        if checkpoint is None:
            return
        old_head = placement.model_head
        started = time.perf_counter()
        placement.load_model(checkpoint)
        seconds = time.perf_counter() - started
        self._next_load_at = asyncio.get_running_loop().time() + seconds * (1 / LOADING_SHARE - 1)
        if old_head is not None:
            self._report_load(placement.ref, checkpoint, old_head)

    def _unload_idle(self) -> int:
        """Let the models of idle placements go. Return their number."""
        now = asyncio.get_running_loop().time()
        loaded = [placement for placement in self._placements.values() if placement.is_loaded]
        within, once_within = IN_USE_WITHIN, ASKED_ONCE_WITHIN
        if len(loaded) > MAX_RESTING:
            within, once_within = BUSY_WITHIN, BUSY_ASKED_ONCE_WITHIN
        unloaded = 0
        for placement in loaded:
            if now - placement.last_requested_at > (once_within if placement.is_asked_once else within):
                self._serve(placement.unloaded())
                unloaded += 1
        return unloaded

    def _serve(self, placement: ServedPlacement) -> None:
        self._placements[placement.ref] = placement
        self._is_changed = True

    def _report_load(self, ref: PolicyRef, checkpoint: Checkpoint, old: Head) -> None:
        if self._on_model_loaded is None or checkpoint.newest_close <= old.newest_close:
            return
        # If models in between were never loaded, the oldest new window closed right after the old model's newest one.
        skipped = checkpoint.model_version > old.model_version + 1 and old.newest_close
        oldest_close = old.newest_close if skipped else checkpoint.oldest_close
        self._on_model_loaded(ref, self.log_times.delay(oldest_close, checkpoint.position))

    def _may_load(self, placement: ServedPlacement) -> bool:
        now = asyncio.get_running_loop().time()
        return now - placement.last_requested_at <= IN_USE_WITHIN and now >= self._next_load_at

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


def _version_to_serve(current: Current, head: Head | None) -> Digest:
    """While the learner rebuilds the model in a new shape, the old model's policy version stays in service."""
    return current.version if head is None or head.shape == current.shape else head.policy_version
