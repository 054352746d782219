"""Counted orders: the ids of the last orders of a visitor, so that a reloaded thank-you page counts no order again."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from struct import Struct
from typing import Annotated, NamedTuple, TypeAlias

from msgspec import Meta

from edgewise.types import Digest
from edgewise.visitors.names import Seconds
from edgewise.visitors.orders import bounded_money

MAX_ORDERS = 16
"""A profile keeps the orders that were counted last."""

REMEMBERED: Seconds = 90 * 24 * 3600
"""An order id counts again after this time."""

ORDER_COMPLETED, ORDER_REFUNDED = "Order Completed", "Order Refunded"

_ENTRY = Struct("<6sId4s")
_COMPLETED_BIT = 0x80

OrderKey: TypeAlias = bytes
"""Six bytes that identify an order id and the event that reports it."""

CountedOrders: TypeAlias = Annotated[bytes, Meta(max_length=MAX_ORDERS * _ENTRY.size)]


class _Entry(NamedTuple):
    """`mark` is the beginning of the digest of the message that reported the order first."""

    at: Seconds
    key: OrderKey
    amount: float
    mark: bytes


def order_key(event: str, order_id: str) -> OrderKey:
    """The first bit is set for a completed order, which the counts of orders and the revenue include."""
    digest = blake2b(f"{event}\0{order_id}".encode(), digest_size=6, person=b"order").digest()
    first = digest[0] | _COMPLETED_BIT if event == ORDER_COMPLETED else digest[0] & ~_COMPLETED_BIT
    return bytes((first,)) + digest[1:]


def is_counted(counted: CountedOrders, key: OrderKey, at: Seconds, message: Digest) -> bool:
    """Whether another message than this one reported the order before."""
    return any(
        one.key == key and one.mark != message[:4] and abs(at - one.at) <= REMEMBERED for one in _entries(counted)
    )


def with_order(counted: CountedOrders, key: OrderKey, at: Seconds, amount: float, message: Digest) -> CountedOrders:
    before = list(_entries(counted))
    new = _Entry(at, key, bounded_money(amount), message[:4])
    latest = max([new, *(one for one in before if one.key == key)])
    return _pack([*(one for one in before if one.key != key), latest])


def merge_counted(one: CountedOrders, other: CountedOrders) -> tuple[CountedOrders, list[float]]:
    """The orders of both, and the amounts to take back for the completed ones that both have counted.

    The later report of an order stays, so the amount of the earlier one is taken back.
    """
    of_one = {entry.key: entry for entry in _entries(one)}
    of_other = {entry.key: entry for entry in _entries(other)}
    twice = [
        min(entry, of_other[key]).amount
        for key, entry in sorted(of_one.items())
        if key in of_other and key[0] & _COMPLETED_BIT and abs(entry.at - of_other[key].at) <= REMEMBERED
    ]
    both = {key: max(entries[key] for entries in (of_one, of_other) if key in entries) for key in {*of_one, *of_other}}
    return _pack(list(both.values())), twice


def _entries(counted: CountedOrders) -> Iterator[_Entry]:
    for key, at, amount, mark in _ENTRY.iter_unpack(counted[: len(counted) // _ENTRY.size * _ENTRY.size]):
        yield _Entry(at, key, amount, mark)


def _pack(entries: list[_Entry]) -> CountedOrders:
    return b"".join(_ENTRY.pack(one.key, one.at, one.amount, one.mark) for one in sorted(entries)[-MAX_ORDERS:])
