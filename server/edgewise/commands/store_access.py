"""How a command gets at the store (the one that is named, the running server's, or one started for it) and a site."""

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
async def joined(settings: Settings) -> AsyncIterator[Store]:
    """The store at `settings.redis`, else that of the data folder.

    Raises:
        StoreError: it does not answer, or there is none.
    """
    from edgewise.store import Store
    from edgewise.store.embedded import join_or_start

    async with AsyncExitStack() as stack:
        url = settings.redis
        if url is None:
            url = await stack.enter_async_context(join_or_start(settings.data, settings.appendfsync))
        # Whoever runs a command waits for the store; what decide calls may wait is not for it.
        store = await Store.connect(url, patience=5.0)
        stack.push_async_callback(store.close)
        yield store


async def site_named(store: Store, asked: str | None) -> Site:
    """The site of this name, or the only one.

    Raises:
        EdgewiseError: there is none, or several and none is named.
    """
    known = decode_sites(await store.registry.sites())
    found = [site for site in known if asked in (None, site.name)]
    if len(found) == 1:
        return found[0]
    expected = ", ".join(site.name for site in known) or "a site to be published first"
    raise EdgewiseError(f"--site: found {'none' if asked is None else repr(asked)}, expected one of: {expected}")


async def policy_named(store: Store, placement: str, site: str | None) -> PolicyRef:
    """The policy of this placement; of this site, or of the only one that has it.

    Raises:
        EdgewiseError: there is none, or several sites have it and none is named.
    """
    sites = decode_sites(await store.registry.sites())
    known = [PolicyRef(entry.name, name) for entry in sites for name in entry.placements]
    found = [ref for ref in known if ref.placement == placement and site in (None, ref.site)]
    if len(found) == 1:
        return found[0]
    expected = ", ".join(f"{ref.placement} of {ref.site}" for ref in found or known) or "a policy to be published first"
    what = f"{placement!r}" if site is None else f"{placement!r} of {site!r}"
    raise EdgewiseError(f"PLACEMENT and --site: found {what}, expected one of: {expected}")
