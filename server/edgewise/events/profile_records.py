"""The profile records of the visitors of one request, as they were loaded from the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from edgewise.events.store_batch import StoreBatch
from edgewise.store import Command, Store
from edgewise.types import Digest, Milliseconds, is_user
from edgewise.visitors import identity
from edgewise.visitors.identity import MAX_SHORT_PATH, RecordNotLoaded, Write
from edgewise.webhooks.triggers import NO_UPDATE, WebhookUpdate

PROFILE_TTL: Milliseconds = 365 * 24 * 3600 * 1000
"""A profile expires when its visitor was inactive for this long."""

UNKNOWN_TTL: Milliseconds = 7 * 24 * 3600 * 1000
"""The same for a visitor who was here once, and whose messages came from a browser without a user id."""

_STEP = 256
"""The redirects that are followed before the path up to there is shortened."""


class ProfileRecords:
    """Loaded records. With an `unknown_ttl`, a profile has this TTL until a second visit, or until a user id is proven.

    Every method that asks the store raises `StoreError` if it does not answer in time.
    """

    def __init__(
        self,
        store: Store,
        site: str,
        store_batch: StoreBatch,
        unknown_ttl: Milliseconds = 0,
        *,
        users_are_proven: bool = True,
    ) -> None:
        self._store = store
        self._site = site
        self._store_batch = store_batch
        self._unknown_ttl = unknown_ttl
        self._users_are_proven = users_are_proven
        self._records: dict[Digest, bytes | None] = {}

    def find_root(self, visitor: Digest) -> Digest:
        """Find the id under which a resolved visitor's history is stored."""
        return identity.find_root(visitor, self._records)

    def stored(self, visitor: Digest) -> bytes | None:
        return self._records[visitor]

    def is_known(self, visitor: Digest, ttl: Milliseconds) -> bool:
        """Whether a visitor is a proven user, came back, or is named by a server. `ttl` is that of the record."""
        return not self._unknown_ttl or self._is_proven(visitor) or ttl > self._unknown_ttl

    def _is_proven(self, visitor: Digest) -> bool:
        return self._users_are_proven and is_user(visitor)

    def replace(self, visitor: Digest, written: bytes) -> None:
        """Keep a record as it was just written."""
        self._records[visitor] = written

    async def load(self, visitors: Iterable[Digest]) -> None:
        visitors = list(dict.fromkeys(visitors))
        commands = [self._store.profiles.read_command(self._site, visitor) for visitor in visitors]
        for visitor, stored in zip(visitors, await self._store_batch.execute(commands), strict=True):
            self._records[visitor] = stored

    async def resolve(self, visitor: Digest) -> None:
        """Load all records up to this visitor's history, and complete half-moved histories on the way."""
        await self._follow(visitor)
        await self._write_planned(lambda: identity.plan_move(visitor, self._records))

    async def need_links(self, links: Iterable[tuple[Digest, Digest]], message: Digest) -> bool:
        """Whether an id must become its user's, because a message has both. A repeated message links nothing."""
        for known_as, user in links:
            for visitor in (known_as, user):
                await self._follow(visitor)
            is_linked = identity.plan_link(known_as, user, self._records) is None
            if not is_linked and not identity.is_repeated(message, user, self._records):
                return True
        return False

    async def link(self, known_as: Digest, user: Digest) -> None:
        await self._write_planned(lambda: identity.plan_link(known_as, user, self._records))

    async def unlink(self, visitor: Digest) -> bool:
        """Separate an id from the history that it leads to. Return False if it leads to none."""
        await self._follow(visitor)
        if self.find_root(visitor) == visitor:
            return False
        await self._write_planned(lambda: identity.plan_unlink(visitor, self._records))
        return True

    def extend_commands(self, visitors: Iterable[Digest]) -> list[Command]:
        """Commands that extend the TTL of redirects to that of the profiles which they lead to."""
        redirects = [
            visitor for visitor in dict.fromkeys(visitors) if identity.read_redirect(self._records[visitor]) is not None
        ]
        return [self._store.profiles.keep_command(self._site, visitor, PROFILE_TTL) for visitor in redirects]

    def write_command(self, write: Write, update: WebhookUpdate = NO_UPDATE) -> Command:
        """A command that writes a profile and the webhook update in one step. The reply is 0 if it was changed."""
        visitor, old, new = write
        is_known = self._is_proven(visitor) or identity.read_redirect(new) is not None
        ttls = (PROFILE_TTL, 0 if is_known else self._unknown_ttl)
        if update:
            return self._store.webhook_queues.write_command(self._site, visitor, old, new, ttls[0], *update, ttls[1])
        return self._store.profiles.compare_and_set_command(self._site, visitor, old, new, *ttls)

    async def _follow(self, visitor: Digest) -> None:
        """Load the records from this visitor to its history, and shorten a long path.

        A path of any length is shortened in steps, so that a request without enough time has shortened its beginning.
        """
        path: list[Digest] = []
        while True:
            if visitor not in self._records:
                await self.load((visitor,))
            redirect = identity.read_redirect(self._records[visitor])
            if redirect is None or len(path) >= _STEP:
                if len(path) > MAX_SHORT_PATH:
                    await self._shorten(path, visitor)
                if redirect is None:
                    return
                path = path[:1]
            path.append(visitor)
            visitor = redirect.to

    async def _shorten(self, path: Sequence[Digest], end: Digest) -> None:
        writes = identity.plan_shortcuts(path, end, self._records)
        replies = await self._store_batch.execute([self.write_command(write) for write in writes])
        for write, is_written in zip(writes, replies, strict=True):
            if is_written:  # Otherwise another request has shortened the path, and the loaded one is still a way.
                self._records[write.visitor] = write.new

    async def _write_planned(self, plan: Callable[[], Write | None]) -> None:
        retry = self._store_batch.retry()
        while True:
            try:
                write = plan()
            except RecordNotLoaded as missing:
                await self.load((missing.visitor,))
                continue
            if write is None:
                return
            (is_written,) = await self._store_batch.execute((self.write_command(write),))
            if is_written:
                self._records[write.visitor] = write.new
            else:
                await retry.backoff()
                await self.load((write.visitor,))
