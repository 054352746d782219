"""Orders: how many were completed, when the last one was, and what they brought."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from edgewise.visitors.names import Count, Seconds, counted

MAX_REVENUE = 1e12

Revenue = Annotated[float, Meta(ge=-MAX_REVENUE, le=MAX_REVENUE)]


class Orders(Struct, frozen=True, array_like=True, gc=False):
    """The orders of a visitor. `revenue` is less what was refunded; `last` is a time in seconds, 0 for never."""

    count: Count = 0
    refunds: Count = 0
    revenue: Revenue = 0.0
    last: Seconds = 0

    def after(self, event: str, amount: float, at: int) -> Orders:
        """The orders after this event, which came at this second and was about so much money."""
        if event == "Order Completed":
            return Orders(counted(self.count), self.refunds, _money(self.revenue + amount), max(self.last, at))
        if event == "Order Refunded":
            return Orders(self.count, counted(self.refunds), _money(self.revenue - amount), self.last)
        return self

    def merged(self, other: Orders) -> Orders:
        """The orders of both."""
        return Orders(
            counted(self.count, other.count),
            counted(self.refunds, other.refunds),
            _money(self.revenue + other.revenue),
            max(self.last, other.last),
        )


def _money(amount: float) -> float:
    return min(max(amount, -MAX_REVENUE), MAX_REVENUE)


NO_ORDERS = Orders()
