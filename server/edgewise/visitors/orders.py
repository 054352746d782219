"""Orders: their number, the time of the last one, and the revenue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from edgewise.visitors.names import Count, Seconds, add_counts

MAX_REVENUE = 1e12

Revenue = Annotated[float, Meta(ge=-MAX_REVENUE, le=MAX_REVENUE)]


class Orders(Struct, frozen=True, array_like=True, gc=False):
    """The orders of a visitor. `revenue` excludes refunds. `last` is a time in seconds, or 0 for never."""

    count: Count = 0
    refunds: Count = 0
    revenue: Revenue = 0.0
    last: Seconds = 0

    def after(self, event: str, amount: float, at: int) -> Orders:
        """The orders after an event at a time in seconds. `amount` is the money of the event."""
        if event == "Order Completed":
            return Orders(
                add_counts(self.count), self.refunds, bounded_money(self.revenue + amount), max(self.last, at)
            )
        if event == "Order Refunded":
            return Orders(self.count, add_counts(self.refunds), bounded_money(self.revenue - amount), self.last)
        return self

    def merged(self, other: Orders) -> Orders:
        return Orders(
            add_counts(self.count, other.count),
            add_counts(self.refunds, other.refunds),
            bounded_money(self.revenue + other.revenue),
            max(self.last, other.last),
        )

    def without(self, repeated: Sequence[float]) -> Orders:
        """The orders without some that two merged histories have both counted. `repeated` are their amounts."""
        if not repeated:
            return self
        left = max(self.count - len(repeated), 0)
        return Orders(left, self.refunds, bounded_money(self.revenue - sum(repeated)), self.last)


def bounded_money(amount: float) -> float:
    return min(max(amount, -MAX_REVENUE), MAX_REVENUE)


NO_ORDERS = Orders()
