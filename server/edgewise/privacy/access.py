"""Access to what the store keeps about one visitor. An id may be an anonymous one or a user's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from msgspec.structs import replace

from edgewise.events.profile_records import ProfileRecords
from edgewise.events.profile_update import ProfileUpdate
from edgewise.events.profile_writer import ProfileWriter
from edgewise.events.store_batch import StoreBatch
from edgewise.events.webhook_steps import WebhookSteps
from edgewise.ids.visitor import VisitorIds, anonymous_digest, user_digest, visitor_digests
from edgewise.privacy.readable_record import describe_exposure
from edgewise.store import Store
from edgewise.store.exposures import ExposureCommands, fields_of
from edgewise.types import SPANS, Digest, Milliseconds
from edgewise.visitors.identity import RecordNotLoaded, find_root, read_ids, read_redirect, resolve_profile
from edgewise.visitors.names import seconds
from edgewise.visitors.profile import Profile
from edgewise.visitors.traits import set_at, with_traits
from edgewise.wall_clock import now_ms
from edgewise.webhooks.triggers import Triggers

IdKind: TypeAlias = Literal["user", "anonymous"]

PATIENCE = 5.0
"""Seconds that a request may take."""


class VisitorData:
    """Reads, changes and erases a visitor's data. Every method raises `StoreError` if the store fails."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read_records(self, site: str, id: str) -> dict[Digest, bytes]:
        """Read the records under all known ids of a visitor. Ids without a record are left out."""
        found: dict[Digest, bytes] = {}
        for visitor in sorted(await self.find_ids(site, id)):
            if (stored := await self._store.profiles.read(site, visitor)) is not None:
                found[visitor] = stored
        return found

    async def read_profiles(self, site: str, id: str) -> dict[IdKind, Profile]:
        """Read the profile that belongs to the id as a user's and as an anonymous one. Both may be the same history."""
        records: dict[Digest, bytes | None] = {}
        found: dict[IdKind, Profile] = {}
        roots: set[Digest] = set()
        kinds: tuple[IdKind, ...] = ("user", "anonymous")
        for kind, visitor in zip(kinds, possible_digests(id), strict=True):
            profile, root = await self._resolve(site, visitor, records)
            if profile is not None and root not in roots:
                found[kind] = profile
                roots.add(root)
        return found

    async def _resolve(
        self, site: str, visitor: Digest, records: dict[Digest, bytes | None]
    ) -> tuple[Profile | None, Digest]:
        """The visitor's profile, and the id under which it is stored. Adds the records on the way."""
        while True:
            try:
                return resolve_profile(visitor, records), find_root(visitor, records)
            except RecordNotLoaded as missing:
                records[missing.visitor] = await self._store.profiles.read(site, missing.visitor)

    async def find_ids(self, site: str, id: str) -> frozenset[Digest]:
        """Find all ids of a visitor: this one, those that it redirects to, and those in the profile there.

        The ids in that profile are not followed. On a shared device they would lead to other visitors.
        """
        known: dict[Digest, None] = {}
        for visitor in possible_digests(id):
            while visitor not in known:
                known[visitor] = None
                stored = await self._store.profiles.read(site, visitor)
                if (redirect := read_redirect(stored)) is None:
                    known |= dict.fromkeys(read_ids(stored))
                    break
                known |= dict.fromkeys(one for one in read_ids(stored) if one != redirect.to)
                visitor = redirect.to
        return frozenset(known)

    async def describe_exposure(self, site: str, visitor: Digest) -> list[dict[str, Any]]:
        """Describe what this visitor was shown, one object for each stored field."""
        replies = await StoreBatch(self._store, PATIENCE).execute(ExposureCommands(site, visitor).read_commands(SPANS))
        return [
            one for span, reply in zip(SPANS, replies, strict=True) for one in describe_exposure(span, fields_of(reply))
        ]

    async def set_traits(
        self,
        site: str,
        ids: VisitorIds,
        traits: Mapping[str, Any],
        triggers: Triggers,
        at: Milliseconds | None = None,
    ) -> None:
        """Set traits of a visitor for the site's server, as of a time, by default now.

        A trait that a server set later stays. A trait that a browser set does not.

        `traits` are valid, see `check_traits`. A trait of None is removed. The webhooks of `triggers` fire at once.
        """
        store_batch = StoreBatch(self._store, PATIENCE)
        records = ProfileRecords(self._store, site, store_batch)
        change = _TraitsChange(records, ids, traits, set_at(seconds(now_ms() if at is None else at), by_server=True))
        await records.resolve(change.visitor)
        webhook_steps = WebhookSteps(self._store, site, triggers, records, store_batch)
        writer = ProfileWriter(self._store, site, records, store_batch, webhook_steps)
        await writer.write([change.update()], change)

    async def unlink(self, site: str, id: str) -> frozenset[Digest]:
        """Separate an id from all other ids. Return the ids that now begin a new history.

        If the common history is stored under this id, it keeps the history, and the other ids begin new ones.
        """
        records = ProfileRecords(self._store, site, StoreBatch(self._store, PATIENCE))
        unlinked: set[Digest] = set()
        for visitor in possible_digests(id):
            if await records.unlink(visitor):
                unlinked.add(visitor)
                continue
            for other in read_ids(records.stored(visitor)):
                await records.resolve(other)
                if other != visitor and records.find_root(other) == visitor and await records.unlink(other):
                    unlinked.add(other)
        return frozenset(unlinked)

    async def erase(self, site: str, id: str, wait: Milliseconds) -> frozenset[Digest]:
        """Erase a visitor. Profiles go at once, log entries and their share of models after at most `wait`.

        Return the erased ids. The learner is informed first, because it erases the logs, and repeats everything if this
        method ends halfway. Erasing an unknown id is harmless.
        """
        visitors = await self.find_ids(site, id)
        await self._store.erasures.add(site, visitors, wait)
        for visitor in visitors:
            await self._store.profiles.delete(site, visitor)
        return visitors


def possible_digests(id: str) -> tuple[Digest, Digest]:
    """The digests of an id, as a user's and as an anonymous one."""
    return user_digest(id), anonymous_digest(id)


class _TraitsChange:
    """The traits that a request sets. It is the `UpdateSource` of one profile update."""

    def __init__(self, records: ProfileRecords, ids: VisitorIds, traits: Mapping[str, Any], at: int) -> None:
        self._records = records
        self._ids = ids
        self._traits = traits
        self._at = at
        self.visitor = visitor_digests(*ids)[-1]

    def update(self) -> ProfileUpdate:
        root = self._records.find_root(self.visitor)
        update = ProfileUpdate(root, self._records.stored(root))
        profile = replace(update.profile, traits=with_traits(update.profile.traits, self._traits, self._at))
        update.change(profile, (self.visitor,), self._ids, is_visit=False)
        return update

    def rebuild(self, lost: Sequence[ProfileUpdate]) -> list[ProfileUpdate]:
        return [self.update()]
