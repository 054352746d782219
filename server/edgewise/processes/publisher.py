"""The publisher watches the policy folder and publishes its sites and policies to the store."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from edgewise import entries
from edgewise.bandit.shape import shape_of
from edgewise.entries import Version
from edgewise.errors import PolicyError, Problem, StoreError
from edgewise.logs import RepeatedErrorLog
from edgewise.policies.compiled_policy import encode_policy, version_of
from edgewise.policies.site_files import LoadedSite, Oversight, SiteFiles, read_sites
from edgewise.sites import Site, decode_sites, encode_problems, encode_sites
from edgewise.store import Store
from edgewise.types import Digest, PolicyRef

log = logging.getLogger(__name__)

CHECK_INTERVAL = 1.0
"""Seconds between two checks of the folder for changes."""

PUBLISH_INTERVAL = 5.0
"""Seconds between two publications. Without a change they cost little, and repair a store that lost data."""

MOST_PROBLEMS = 20
"""Problems of refused files that the store keeps. The log has all of them."""

FolderState: TypeAlias = tuple[tuple[str, int, int, int], ...]
"""The path, modification time, size and inode of each policy file."""


class EncodedPolicy(NamedTuple):
    """A policy in the form of the store."""

    ref: PolicyRef
    version: Digest
    shape: Digest
    blob: bytes


class LoadedFolder(NamedTuple):
    """The content of the folder, in the form of the store."""

    files: SiteFiles
    policies: tuple[EncodedPolicy, ...]
    sites: bytes


class Publisher:
    """Publishes the sites of one folder. Each store has only one publisher, in the supervisor.

    A refused edit changes nothing: the last valid sites stay. The store gets its problems, for `GET /v1/policies`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._state: FolderState = ()
        self._loaded = LoadedFolder(SiteFiles((), ()), (), b"")
        self._problems: list[Problem] = []
        self._errors = RepeatedErrorLog(log, "Cannot publish the policies: %s")
        self.has_webhooks = asyncio.Event()
        """Set when a site has a webhook. It stays set after the webhook's removal."""

    async def load(self) -> None:
        """Read the files. They may have oversights, see `refuse_new_oversights`.

        Raises:
            PolicyError: the files are invalid.
        """
        # The state comes first, so the next check notices a change during the reading.
        self._state = await asyncio.to_thread(_folder_state, self._folder)
        self._take(await asyncio.to_thread(_read, self._folder))

    async def refuse_new_oversights(self, store: Store) -> None:
        """Check that the store already serves each file with an oversight. Log a warning for each.

        A file that an earlier release accepted goes on serving until its owner edits it.

        Raises:
            PolicyError: a file with an oversight is new or edited, or the store does not answer.
        """
        try:
            await _refuse_new_oversights(self._loaded, store)
        except StoreError as error:
            problems = [oversight.problem for oversight in self._loaded.files.oversights]
            raise PolicyError([*problems, Problem(str(self._folder), str(error))]) from error

    async def publish(self, store: Store) -> None:
        """Write the loaded sites and policies to the store, as far as they differ.

        Raises:
            StoreError: the store may have only some of them.
        """
        for policy in self._loaded.policies:
            entry = entries.encode(Version(policy.version, policy.shape))
            if await store.versions.publish(*policy, entry):
                log.info("%s/%s: Published version %s.", *policy.ref, policy.version.hex())
        await store.registry.publish_sites(self._loaded.sites)
        await store.registry.publish_problems(encode_problems(self._problems[:MOST_PROBLEMS]))

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
            if await self._reload(store):
                due = loop.time()
            if loop.time() >= due:
                await self.try_to_publish(store)
                due = loop.time() + PUBLISH_INTERVAL
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), CHECK_INTERVAL)

    async def _reload(self, store: Store) -> bool:
        """Read the folder again if it changed. Return whether there is something to publish."""
        state = await asyncio.to_thread(_folder_state, self._folder)
        if state == self._state:
            return False
        try:
            loaded = await asyncio.to_thread(_read, self._folder)
            await _refuse_new_oversights(loaded, store)
        except StoreError as error:  # The next check tries again.
            self._errors.report(error)
            return False
        except PolicyError as error:
            self._refuse(error.problems)
        except Exception as error:  # An unexpected error in a file must not stop the served sites.
            log.exception("Cannot read the policies in %s.", self._folder)
            self._refuse([Problem(str(self._folder), f"Cannot read the files: {error!r}.")])
        else:
            self._take(loaded)
            log.info("Reloaded the policies in %s.", self._folder)
        self._state = state
        return True

    def _take(self, loaded: LoadedFolder) -> None:
        self._loaded, self._problems = loaded, []
        if any(site.webhooks for site, _ in loaded.files.sites):
            self.has_webhooks.set()

    def _refuse(self, problems: list[Problem]) -> None:
        self._problems = problems
        for problem in problems:
            log.error("%s: %s", *problem)
        log.error("The policies in %s are invalid, so the last valid ones stay.", self._folder)


def _folder_state(folder: Path) -> FolderState:
    files = []
    for path in sorted([*folder.glob("*.toml"), *folder.glob("*/*.toml")]):
        try:
            stat = path.stat()
        except FileNotFoundError:  # An editor removed it since the listing.
            continue
        except OSError:  # The next reading reports it.
            files.append((str(path), 0, 0, 0))
            continue
        files.append((str(path), stat.st_mtime_ns, stat.st_size, stat.st_ino))
    return tuple(files)


def _read(folder: Path) -> LoadedFolder:
    files = read_sites(folder)
    return LoadedFolder(files, tuple(_encode_policies(files.sites)), encode_sites(site for site, _ in files.sites))


async def _refuse_new_oversights(loaded: LoadedFolder, store: Store) -> None:
    """
    Raises:
        PolicyError: a file with an oversight is new or edited.
        StoreError: the store does not answer.
    """
    oversights = loaded.files.oversights
    if not oversights:
        return
    versions = {policy.ref: policy.version for policy in loaded.policies}
    current = await store.versions.current(list(versions))
    served = {ref for ref, one in current.items() if one.version == versions[ref]}
    served_conditions = {site.name: _conditions_of(site) for site in decode_sites(await store.registry.sites())}
    conditions = {site.name: _conditions_of(site) for site in decode_sites(loaded.sites)}

    def is_served(oversight: Oversight) -> bool:
        if oversight.placement is None:
            return served_conditions.get(oversight.site) == conditions[oversight.site]
        return PolicyRef(oversight.site, oversight.placement) in served

    if problems := [oversight.problem for oversight in oversights if not is_served(oversight)]:
        raise PolicyError(problems)
    for oversight in oversights:
        log.warning("%s: %s Edgewise serves it as before, and will refuse the next edit.", *oversight.problem)


def _conditions_of(site: Site) -> tuple[Any, ...]:
    return site.segments, [(webhook.name, webhook.when) for webhook in site.webhooks]


def _encode_policies(loaded: Iterable[LoadedSite]) -> Iterator[EncodedPolicy]:
    for site, policies in loaded:
        for policy in policies:
            blob = encode_policy(policy)
            ref = PolicyRef(site.name, policy.placement)
            yield EncodedPolicy(ref, version_of(blob), shape_of(policy).digest, blob)
