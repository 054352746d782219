"""The publisher watches the policy folder and publishes its sites and policies to the store."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from pathlib import Path

from edgewise import entries
from edgewise.entries import Version
from edgewise.errors import PolicyError, Problem, StoreError
from edgewise.logs import RepeatedErrorLog
from edgewise.policies.site_files import SiteFiles
from edgewise.processes.policy_folder import FolderState, LoadedFolder, read_folder, read_state, refuse_new_oversights
from edgewise.sites import encode_problems
from edgewise.store import Store

log = logging.getLogger(__name__)

CHECK_INTERVAL = 1.0
"""Seconds between two checks of the folder for changes."""

PUBLISH_INTERVAL = 5.0
"""Seconds between two publications. Without a change they cost little, and repair a store that lost data."""

MOST_PROBLEMS = 20
"""Problems of refused files that the store keeps. The log has all of them."""


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
        self._state = await asyncio.to_thread(read_state, self._folder)
        self._take(await asyncio.to_thread(read_folder, self._folder))

    async def refuse_new_oversights(self, store: Store) -> None:
        """Check that the store already serves each file with an oversight. Log a warning for each.

        A file that an earlier release accepted goes on serving until its owner edits it.

        Raises:
            PolicyError: a file with an oversight is new or edited, or the store does not answer.
        """
        try:
            await refuse_new_oversights(self._loaded, store)
        except StoreError as error:
            problems = [oversight.problem for oversight in self._loaded.files.oversights]
            raise PolicyError([*problems, Problem(str(self._folder), str(error))]) from error

    async def publish(self, store: Store) -> None:
        """Write the loaded sites and policies to the store, as far as they differ.

        Raises:
            StoreError: the store may have only some of them.
        """
        await store.policy_expiry.keep_sites(*(site.name for site, _ in self._loaded.files.sites))
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
        state = await asyncio.to_thread(read_state, self._folder)
        if state == self._state:
            return False
        try:
            loaded = await asyncio.to_thread(read_folder, self._folder)
            await refuse_new_oversights(loaded, store)
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
