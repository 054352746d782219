"""The source of a request: the address that it comes from, as far as it can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

from edgewise.budgets.source_budgets import SourceBudgets
from edgewise.errors import RequestError
from edgewise.http.auth import Caller
from edgewise.http.content import Headers
from edgewise.http.endpoint import HttpRequest
from edgewise.settings import Network

PLACEMENTS_AT_ONCE = 10
"""A decide call counts once for each ten placements, because each of them has a cost of its own."""

_LONGEST_HEADER = 256
"""Bytes of `X-Forwarded-For` that are read, from its end. Only the last addresses can be trusted."""

_IPV6_BITS = 64
"""A network of IPv6 has so many bits in common. One household or server has a whole network of addresses."""


class SourceLimits:
    """The budgets of the sources of requests. Calls with the secret key have none."""

    def __init__(self, budgets: SourceBudgets, trusted: Sequence[Network]) -> None:
        self._budgets = budgets
        self._reader = SourceReader(trusted)

    def source(self, request: HttpRequest, caller: Caller) -> str | None:
        """The source of a request, None for a server."""
        return None if caller.is_server else self._reader.of(request.scope.get("client"), request.headers)

    def allow_decide(self, request: HttpRequest, caller: Caller, placements: int) -> bool:
        """Whether the source has a budget for a call with so many placements."""
        source = self.source(request, caller)
        count = max(1, -(-placements // PLACEMENTS_AT_ONCE))
        return source is None or self._budgets.take("decides", caller.site.name, source, count)

    def check_messages(self, request: HttpRequest, caller: Caller, count: int) -> None:
        """
        Raises:
            RequestError: 429, the source has sent too many messages.
        """
        source = self.source(request, caller)
        if source is not None and not self._budgets.take("messages", caller.site.name, source, count):
            message = "Too many messages from your address. Send them again later. Repeats are harmless."
            raise RequestError(429, "too_many_requests", message)


class SourceReader:
    """Finds the source of a request.

    It is the address of the connection. If that is one of the `trusted` proxies, it is the last address in
    `X-Forwarded-For` that is not a trusted proxy. Addresses before it can be invented by the client.
    """

    def __init__(self, trusted: Sequence[Network]) -> None:
        self._trusted = trusted
        self._source = lru_cache(maxsize=4096)(self._find)

    def of(self, client: Any, headers: Headers) -> str:
        """The source, as text. `client` is the host and the port of the connection, or None for a Unix socket."""
        forwarded = headers.get(b"x-forwarded-for")
        peer = client[0] if client else "127.0.0.1"
        return self._source(peer, None if forwarded is None else forwarded[-_LONGEST_HEADER:])

    def of_connection(self, host: str | None) -> str:
        """The source of a connection. Empty for a trusted proxy, which connects for many clients."""
        address = None if host is None else _read(host)
        return "" if address is None or self._is_trusted(address) else _shorten(address)

    def _find(self, peer: str, forwarded: bytes | None) -> str:
        address = _read(peer)
        if forwarded is not None and address is not None and self._is_trusted(address):
            for part in reversed(forwarded.decode("latin-1").split(",")):
                previous = _read(part)
                if previous is None:
                    break
                address = previous
                if not self._is_trusted(previous):
                    break
        return peer if address is None else _shorten(address)

    def _is_trusted(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._trusted)


def _read(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address, which may have brackets and a port. An IPv4 address inside of IPv6 is an IPv4 address."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _shorten(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((address, _IPV6_BITS), strict=False))
