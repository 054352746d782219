"""Wanderers: visitors who have looked at something else in the shop before they come to where they are sent."""

from __future__ import annotations

from edgewise.demo.simulated_traffic import Traffic
from edgewise.demo.simulated_visitors import Visitor


class Wanderers(Traffic):
    """Sends visitors, every other of whom wanders.

    What brought a wanderer to the shop is no longer in the page's address, as it is for those who have just landed. The
    server knows it from their profile, and has to learn what that is worth.
    """

    async def _visit(self, visitor: Visitor) -> None:
        await super()._visit(await self._landed(visitor))

    async def _landed(self, visitor: Visitor) -> Visitor:
        """The visitor as they are when they ask: where they have landed, or a page further."""
        if int(visitor.id, 16) % 2:
            return visitor
        return await self._gone_to(visitor, "/", "home")

    async def _gone_to(self, visitor: Visitor, path: str, type: str) -> Visitor:
        """The visitor on their next page, once the server knows of the one before."""
        await self._until_taken(self._tell_of(visitor, type="page", context=visitor.context))
        page = {"url": f"https://shop.example{path}", "type": type}
        return visitor._replace(context={**visitor.context, "page": page})
