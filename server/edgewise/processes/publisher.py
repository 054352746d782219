"""The publisher watches the policy folder and publishes its sites and policies to the store."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeAlias

from edgewise import entries
from edgewise.bandit.shape import shape_of
from edgewise.entries import Version
from edgewise.errors import PolicyError, StoreError
from edgewise.logs import RepeatedErrorLog
from edgewise.policies.compiled_policy import encode_policy, version_of
from edgewise.policies.site_files import LoadedSite, load_sites
from edgewise.sites import encode_sites
from edgewise.store import Store
from edgewise.types import Digest, PolicyRef

log = logging.getLogger(__name__)

CHECK_INTERVAL = 1.0
"""Seconds between two checks of the folder for changes."""

PUBLISH_INTERVAL = 5.0
"""Seconds between two publications. Without a change they cost little, and repair a store that lost data."""

FolderState: TypeAlias = tuple[tuple[str, int, int, int], ...]
"""The path, modification time, size and inode of each policy file."""


class EncodedPolicy(NamedTuple):
    """A policy in the form of the store."""

    ref: PolicyRef
    version: Digest
    shape: Digest
    blob: bytes


class Publisher:
    """Publishes the sites of one folder. Each store has only one publisher, in the supervisor."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._state: FolderState = ()
        self._policies: tuple[EncodedPolicy, ...] = ()
        self._sites: bytes = b""
        self._errors = RepeatedErrorLog(log, "Cannot publish the policies: %s")
        self.has_webhooks = asyncio.Event()
        """Set when a site has a webhook. It stays set after the webhook's removal."""

    async def load(self) -> None:
        """Read the files.

        Raises:
            PolicyError: the files are invalid. The publisher keeps the sites of the last successful load.
        """
        # The state comes first, so the next check notices a change during the reading.
        self._state = await asyncio.to_thread(_folder_state, self._folder)
        self._policies, self._sites, has_webhooks = await asyncio.to_thread(_read, self._folder)
        if has_webhooks:
            self.has_webhooks.set()

    async def publish(self, store: Store) -> None:
        """Write the loaded sites and policies to the store, as far as they differ.

        Raises:
            StoreError: the store may have only some of them.
        """
        for policy in self._policies:
            entry = entries.encode(Version(policy.version, policy.shape))
            if await store.versions.publish(*policy, entry):
                log.info("%s/%s: Published version %s.", *policy.ref, policy.version.hex())
        await store.registry.publish_sites(self._sites)

    async def try_to_publish(self, store: Store) -> None:
        """Publish, or log the store's error once."""
        try:
            await self.publish(store)
        except StoreError as error:
            self._errors.report(error)
        else:
            if self._errors.clear():
                log.info("The policies are published again.")

    async def watch(self, store: Store, stop: asyncio.Event) -> None:
        """Load and publish on every change, and publish every few seconds, until `stop` is set. Log each error once.

        Do not cancel it: on CPython 3.11 `asyncio.wait_for`, which redis-py uses, can lose a cancellation.
        """
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not stop.is_set():
            if await self._reload():
                due = loop.time()
            if loop.time() >= due:
                await self.try_to_publish(store)
                due = loop.time() + PUBLISH_INTERVAL
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), CHECK_INTERVAL)

    async def _reload(self) -> bool:
        if await asyncio.to_thread(_folder_state, self._folder) == self._state:
            return False
        try:
            await self.load()
        except PolicyError as error:
            for problem in error.problems:
                log.error("%s: %s", *problem)
            log.error("The policies in %s are invalid, so the last valid ones stay.", self._folder)
            return False
        except Exception:  # An unexpected error in a file must not stop the served sites.
            log.exception("Cannot read the policies in %s, so the last valid ones stay.", self._folder)
            return False
        log.info("Reloaded the policies in %s.", self._folder)
        return True


def _folder_state(folder: Path) -> FolderState:
    files = []
    for path in sorted([*folder.glob("*.toml"), *folder.glob("*/*.toml")]):
        try:
            stat = path.stat()
        except FileNotFoundError:  # An editor removed it since the listing.
            continue
        files.append((str(path), stat.st_mtime_ns, stat.st_size, stat.st_ino))
    return tuple(files)


def _read(folder: Path) -> tuple[tuple[EncodedPolicy, ...], bytes, bool]:
    loaded = load_sites(folder)
    sites = [site for site, _ in loaded]
    return tuple(_encode_policies(loaded)), encode_sites(sites), any(site.webhooks for site in sites)


def _encode_policies(loaded: Iterable[LoadedSite]) -> Iterator[EncodedPolicy]:
    for site, policies in loaded:
        for policy in policies:
            blob = encode_policy(policy)
            ref = PolicyRef(site.name, policy.placement)
            yield EncodedPolicy(ref, version_of(blob), shape_of(policy).digest, blob)
