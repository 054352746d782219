"""Opens the store for a command, and finds sites and policies by name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from edgewise.errors import EdgewiseError
from edgewise.settings import Settings
from edgewise.sites import Site, decode_sites
from edgewise.types import PolicyRef

if TYPE_CHECKING:
    from edgewise.store import Store


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """Connect to the store at `settings.redis`, or to the running server's store, or to one started on the data folder.

    Raises:
        StoreError: the store does not answer.
    """
    from edgewise.store import Store
    from edgewise.store.embedded_valkey import join_or_start

    async with AsyncExitStack() as stack:
        url = settings.redis
        if url is None:
            url = await stack.enter_async_context(join_or_start(settings.data, settings.appendfsync))
        # A person waits for the command, so it may wait longer than a decide call.
        store = await Store.connect(url, patience=5.0, key_prefix=settings.key_prefix)
        stack.push_async_callback(store.close)
        yield store


async def site_named(store: Store, name: str | None) -> Site:
    """Find a site by name, or the only site.

    Raises:
        EdgewiseError: no site has this name, or there are several sites and `name` is None.
    """
    sites = decode_sites(await store.registry.sites())
    found = [site for site in sites if name in (None, site.name)]
    if len(found) == 1:
        return found[0]
    if not sites:
        raise EdgewiseError("The store has no site. Start `edgewise serve` with your policies first.")
    names = ", ".join(site.name for site in sites)
    if name is None:
        raise EdgewiseError(f"Missing --site, because the store has several sites. Use one of: {names}.")
    raise EdgewiseError(f"Unknown site {name!r}. Use one of: {names}.")


async def policy_named(store: Store, placement: str, site: str | None) -> PolicyRef:
    """Find the policy of a placement, in this site or in the only site that has it.

    Raises:
        EdgewiseError: no policy matches, or several sites have the placement and `site` is None.
    """
    sites = decode_sites(await store.registry.sites())
    refs = [PolicyRef(entry.name, name) for entry in sites for name in entry.placements]
    found = [ref for ref in refs if ref.placement == placement and site in (None, ref.site)]
    if len(found) == 1:
        return found[0]
    if not refs:
        raise EdgewiseError("The store has no policy. Start `edgewise serve` with your policies first.")
    if found:
        names = ", ".join(ref.site for ref in found)
        raise EdgewiseError(f"Missing --site, because several sites have placement {placement!r}. Use one of: {names}.")
    names = ", ".join(f"{ref.placement} of {ref.site}" for ref in refs)
    unknown = f"{placement!r}" if site is None else f"{placement!r} of site {site!r}"
    raise EdgewiseError(f"Unknown placement {unknown}. Use one of: {names}.")
