"""The publisher: watches the policy folder, and sees to it that the store holds what the files say."""

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
from edgewise.policies.compiled import encode_policy, version_of
from edgewise.policies.site_files import LoadedSite, load_sites
from edgewise.sites import encode_sites
from edgewise.store import Store
from edgewise.types import Digest, PolicyRef

log = logging.getLogger(__name__)

LOOK_EVERY = 1.0  # seconds
PUBLISH_EVERY = 5.0
"""Publishing is repeated, changed or not: it costs little, and heals a store that lost its tail or was replaced."""

Stamp: TypeAlias = tuple[tuple[str, int, int, int], ...]
"""Of each policy file: its path, time of change, size and inode."""


class Compiled(NamedTuple):
    """A policy as it goes to the store."""

    ref: PolicyRef
    version: Digest
    shape: Digest
    blob: bytes


class Publisher:
    """Publishes the policies of one folder. Only one process may do this for a store: the supervisor."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stamp: Stamp = ()
        self._compiled: tuple[Compiled, ...] = ()
        self._sites: bytes = b""
        self._errors = RepeatedErrorLog(log, "Cannot publish the policies: %s")
        self.has_webhooks = asyncio.Event()
        """Set once some site has, or had, a webhook."""

    async def load(self) -> None:
        """Read the files.

        Raises:
            PolicyError: they are wrong; what was read before stays.
        """
        self._stamp = await asyncio.to_thread(_stamp_of, self._folder)  # First: a change while we read is seen later.
        self._compiled, self._sites, has_webhooks = await asyncio.to_thread(_read, self._folder)
        if has_webhooks:
            self.has_webhooks.set()

    async def publish(self, store: Store) -> None:
        """See to it that this store holds what was read.

        Raises:
            StoreError: it may hold only some of it.
        """
        for compiled in self._compiled:
            entry = entries.encode(Version(compiled.version, compiled.shape))
            if await store.versions.publish(*compiled, entry):
                log.info("published %s/%s, version %s", *compiled.ref, compiled.version.hex())
        await store.registry.publish_sites(self._sites)

    async def try_to_publish(self, store: Store) -> None:
        """Publish; when the store does not let us, say so once, and that it goes on once it does."""
        try:
            await self.publish(store)
        except StoreError as error:
            self._errors.report(error)
        else:
            if self._errors.clear():
                log.info("The policies are published again.")

    async def watch(self, store: Store, stop: asyncio.Event) -> None:
        """Load on every change, publish then and every few seconds, until told to stop. What goes wrong is logged once.

        Not to be cancelled: on CPython 3.11 a cancellation can get lost in `asyncio.wait_for`, which redis-py uses.
        """
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not stop.is_set():
            if await self._reload():
                due = loop.time()
            if loop.time() >= due:
                await self.try_to_publish(store)
                due = loop.time() + PUBLISH_EVERY
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_EVERY)

    async def _reload(self) -> bool:
        if await asyncio.to_thread(_stamp_of, self._folder) == self._stamp:
            return False
        try:
            await self.load()
        except PolicyError as error:
            for problem in error.problems:
                log.error("%s: %s", *problem)
            log.error("the policies in %s are wrong, so the last good ones are served on", self._folder)
            return False
        except Exception:  # Whatever is in a file, the site that is served must not go down with it.
            log.exception("the policies in %s cannot be read, so the last good ones are served on", self._folder)
            return False
        log.info("the policies in %s were read again", self._folder)
        return True


def _stamp_of(folder: Path) -> Stamp:
    stamps = []
    for path in sorted([*folder.glob("*.toml"), *folder.glob("*/*.toml")]):
        try:
            found = path.stat()
        except FileNotFoundError:  # It went in this very moment.
            continue
        stamps.append((str(path), found.st_mtime_ns, found.st_size, found.st_ino))
    return tuple(stamps)


def _read(folder: Path) -> tuple[tuple[Compiled, ...], bytes, bool]:
    loaded = load_sites(folder)
    sites = [site for site, _ in loaded]
    return tuple(_compile(loaded)), encode_sites(sites), any(site.webhooks for site in sites)


def _compile(loaded: Iterable[LoadedSite]) -> Iterator[Compiled]:
    for site, policies in loaded:
        for policy in policies:
            blob = encode_policy(policy)
            yield Compiled(PolicyRef(site.name, policy.placement), version_of(blob), shape_of(policy).digest, blob)
