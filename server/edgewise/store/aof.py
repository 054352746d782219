"""The append-only file. It keeps deleted data until the store rewrites it."""

from __future__ import annotations

import logging
from typing import Literal, TypeAlias

from edgewise.errors import StoreUnavailable
from edgewise.store.connection import Client

log = logging.getLogger(__name__)

RewriteState: TypeAlias = Literal["begun", "later", "needless", "refused"]


class AppendOnlyFile:
    """The append-only files of all nodes. Every method raises `StoreUnavailable` if the store does not answer."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def rewrite(self) -> RewriteState:
        """Start rewriting the file on every node, without deleted data.

        Returns "later" if a rewrite is running, which may have started too early, and "needless" without such a file.
        Returns "refused" if the store forbids it, as some hosted stores do. Their operator decides when to rewrite.
        """
        try:
            states = await self._client.execute_on_all_nodes(("INFO", "persistence"))
            if not any(state.get("aof_enabled") for state in states):
                return "needless"
            if any(state.get("aof_rewrite_in_progress") or state.get("rdb_bgsave_in_progress") for state in states):
                return "later"
            await self._client.execute_on_all_nodes(("BGREWRITEAOF",))
        except StoreUnavailable as error:
            if not _is_refusal(error):
                raise
            log.warning("The append-only file keeps erased data until the store rewrites it: %s", error)
            return "refused"
        return "begun"

    async def is_rewritten(self) -> bool:
        """Whether the rewrite has completed on every node.

        Raises:
            StoreUnavailable: the store does not answer, or the rewrite failed on a node.
        """
        states = await self._client.execute_on_all_nodes(("INFO", "persistence"))
        if any(state["aof_rewrite_in_progress"] or state.get("aof_rewrite_scheduled") for state in states):
            return False
        failed = [state for state in states if state["aof_last_bgrewrite_status"] != "ok"]
        if failed:
            raise StoreUnavailable(
                f"Store {self._client.url}: rewriting the append-only file failed. It will be retried."
            )
        return True


def _is_refusal(error: StoreUnavailable) -> bool:
    cause = str(error.__cause__)
    return "unknown command" in cause or "no permissions" in cause.lower() or "NOPERM" in cause
