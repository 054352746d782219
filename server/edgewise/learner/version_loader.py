"""Folding a policy's log out of the store: where to start, and the versions met on the way."""

from __future__ import annotations

from collections.abc import Iterable

from edgewise.bandit.shape import shape_of
from edgewise.errors import StoreError
from edgewise.learner.fold import Fold
from edgewise.policies.compiled import decode_policy
from edgewise.policies.policy import Policy
from edgewise.store import Checkpoint, Store
from edgewise.types import BEGINNING, Digest, PolicyRef, StreamId


class _Unread(Exception):
    """A version was met whose policy has not been read from the store yet."""

    def __init__(self, version: Digest) -> None:
        super().__init__(version.hex())
        self.version = version


class Folding:
    """A fold of one policy's log, fed from the store."""

    def __init__(self, store: Store, ref: PolicyRef) -> None:
        self._store = store
        self._ref = ref
        self._policies: dict[Digest, Policy] = {}

    async def begin(
        self, version: Digest, expected: Digest, since: StreamId, checkpoint: Checkpoint | None = None
    ) -> Fold:
        """A fold for models of this version's shape, from a checkpoint of that shape or from nothing.

        `expected` is the shape that the version was published with.

        Raises:
            StoreError: the store does not answer, has no blob of the version, or another release published it.
        """
        shape = shape_of(await self._read(version))
        if shape.digest != expected:
            raise StoreError(
                f"policy {self._ref.site}/{self._ref.placement}: version {version.hex()} was published with the shape "
                f"{expected.hex()}, this learner gives it {shape.digest.hex()}: they are of different releases of "
                "Edgewise; learning waits until the server that publishes it is of this one"
            )
        if checkpoint is None:
            return Fold(shape, self._known, since=since, version=version)
        return Fold(
            shape,
            self._known,
            since=since,
            learned_to=checkpoint.position,
            model=checkpoint.model,
            statistics=checkpoint.statistics,
            version=checkpoint.policy_version,
        )

    async def advance(self, fold: Fold, entries: Iterable[tuple[StreamId, bytes]]) -> None:
        """Fold these entries.

        Raises:
            ShapeChanged: the log must be folded anew.
            StoreError: the store has no blob of a version that a decision names; the fold stands before that entry.
        """
        for id, data in entries:
            while True:
                try:
                    fold.advance(id, data)
                    break
                except _Unread as unread:
                    await self._read(unread.version)

    def _known(self, version: Digest) -> Policy:
        if version not in self._policies:
            raise _Unread(version)
        return self._policies[version]

    async def _read(self, version: Digest) -> Policy:
        if version not in self._policies:
            blob = await self._store.versions.blob(self._ref, version)
            if blob is None:
                raise StoreError(
                    f"policy {self._ref.site}/{self._ref.placement}: the store has no blob of version {version.hex()}, "
                    "which a decision in the log names; learning waits for it"
                )
            self._policies[version] = decode_policy(blob)
        return self._policies[version]


async def stands_in_log(store: Store, ref: PolicyRef, checkpoint: Checkpoint) -> bool:
    """Whether the log still has what a fold from this checkpoint needs: it has not, where the store lost its tail."""
    for id in (checkpoint.position, checkpoint.read_again):
        page = (await store.log.read({ref: id}, 1))[ref]
        if not page.entries or page.entries[0][0] != id:
            return False
    return True


def first_to_read(checkpoint: Checkpoint | None) -> StreamId:
    """Where reading starts, inclusive."""
    return BEGINNING if checkpoint is None else checkpoint.read_again
