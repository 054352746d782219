"""Feeds a fold from the store: entries, and the policy versions that they name.

A fold does no I/O. If it needs a version that is not loaded, `VersionNotLoaded` is raised. The loader reads the
version and folds the entry again.
"""

from __future__ import annotations

from collections.abc import Iterable

from edgewise.bandit.shape import shape_of
from edgewise.errors import StoreError
from edgewise.learner.fold import Fold
from edgewise.policies.compiled_policy import decode_policy
from edgewise.policies.policy import Policy
from edgewise.store import Checkpoint, Store
from edgewise.types import BEGINNING, Digest, PolicyRef, StreamId

MAX_LOADED = 64
"""The most versions that are kept. A log rarely needs more at a time, and another one is loaded again."""


class VersionNotLoaded(Exception):
    """The fold needs a version that is not loaded yet."""

    def __init__(self, version: Digest) -> None:
        super().__init__(version.hex())
        self.version = version


class VersionLoader:
    """Creates and advances folds of one policy's log, and loads versions for them."""

    def __init__(self, store: Store, ref: PolicyRef) -> None:
        self._store = store
        self._ref = ref
        self._policies: dict[Digest, Policy] = {}

    async def begin(
        self, version: Digest, expected: Digest, since: StreamId, checkpoint: Checkpoint | None = None
    ) -> Fold:
        """Create a fold for models of this version's shape, from a checkpoint of that shape or from nothing.

        `expected` is the shape with which the version was published.

        Raises:
            StoreError: the store does not answer or lacks the version, or another release published it.
        """
        shape = shape_of(await self._load(version))
        if shape.digest != expected:
            raise StoreError(
                f"Policy {self._ref.site}/{self._ref.placement}: version {version.hex()} has shape {expected.hex()}, "
                f"but this learner computes {shape.digest.hex()}. The server is of another release. Upgrade the server "
                "or the learner. Learning waits."
            )
        if checkpoint is None:
            return Fold(shape, self._loaded_policy, since=since, version=version)
        return Fold(
            shape,
            self._loaded_policy,
            since=since,
            learned_to=checkpoint.position,
            model=checkpoint.model,
            statistics=checkpoint.statistics,
            version=checkpoint.policy_version,
        )

    async def advance(self, fold: Fold, entries: Iterable[tuple[StreamId, bytes]]) -> None:
        """Fold these entries.

        Raises:
            ShapeChanged: the log must be folded again.
            StoreError: the store lacks a version that a decision names. The fold stays before that decision.
        """
        for id, data in entries:
            while True:
                try:
                    fold.advance(id, data)
                    break
                except VersionNotLoaded as missing:
                    await self._load(missing.version)

    def _loaded_policy(self, version: Digest) -> Policy:
        if version not in self._policies:
            raise VersionNotLoaded(version)
        return self._policies[version]

    async def _load(self, version: Digest) -> Policy:
        if version not in self._policies:
            blob = await self._store.versions.blob(self._ref, version)
            if blob is None:
                raise StoreError(
                    f"Policy {self._ref.site}/{self._ref.placement}: the store lacks version {version.hex()}, which a "
                    "decision names. Learning waits for it. A running server stores it again."
                )
            if len(self._policies) >= MAX_LOADED:
                del self._policies[next(iter(self._policies))]
            self._policies[version] = decode_policy(blob)
        return self._policies[version]


async def is_in_log(store: Store, ref: PolicyRef, checkpoint: Checkpoint) -> bool:
    """Whether the log has the entries that a fold from this checkpoint needs. A store that lost writes lacks them."""
    for id in (checkpoint.position, checkpoint.read_again):
        page = (await store.log.read({ref: id}, 1))[ref]
        if not page.entries or page.entries[0][0] != id:
            return False
    return True


def first_to_read(checkpoint: Checkpoint | None) -> StreamId:
    """The first id to read, inclusive."""
    return BEGINNING if checkpoint is None else checkpoint.read_again
