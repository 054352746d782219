"""The store's own files: what was deleted stands in an append-only file until that is rewritten."""

from __future__ import annotations

import logging
from typing import Literal, TypeAlias

from edgewise.errors import StoreUnavailable
from edgewise.store.connection import Client

log = logging.getLogger(__name__)

Rewriting: TypeAlias = Literal["begun", "later", "needless", "refused"]


class Files:
    """The append-only files of all nodes. Every method raises `StoreUnavailable` when the store does not answer."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def rewrite(self) -> Rewriting:
        """Let every node write its file anew, without what was deleted.

        "later": one is being written already, and may have begun too early. "needless": there is no such file.
        "refused": we may not, as with some hosted stores; how long the file lives is then their operator's choice.
        """
        try:
            states = await self._client.everywhere(("INFO", "persistence"))
            if not any(state.get("aof_enabled") for state in states):
                return "needless"
            if any(state.get("aof_rewrite_in_progress") or state.get("rdb_bgsave_in_progress") for state in states):
                return "later"
            await self._client.everywhere(("BGREWRITEAOF",))
        except StoreUnavailable as error:
            if not _is_refusal(error):
                raise
            log.warning("the append-only file keeps what was erased until the store rewrites it: %s", error)
            return "refused"
        return "begun"

    async def is_rewritten(self) -> bool:
        """Whether the rewriting that was begun has ended well everywhere.

        Raises:
            StoreUnavailable: also when it failed on some node.
        """
        states = await self._client.everywhere(("INFO", "persistence"))
        if any(state["aof_rewrite_in_progress"] or state.get("aof_rewrite_scheduled") for state in states):
            return False
        failed = [state for state in states if state["aof_last_bgrewrite_status"] != "ok"]
        if failed:
            raise StoreUnavailable(
                f"store {self._client.url}: rewriting the append-only file failed; it is tried again"
            )
        return True


def _is_refusal(error: StoreUnavailable) -> bool:
    cause = str(error.__cause__)
    return "unknown command" in cause or "no permissions" in cause.lower() or "NOPERM" in cause
