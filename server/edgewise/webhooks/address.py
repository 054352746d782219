"""Addresses: where a webhook may go. A name is resolved once, and the connection is made to what was checked."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from ipaddress import IPv4Address, IPv6Address

from edgewise.errors import DeliveryFailed

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


async def resolve(host: str, port: int, allow_private: bool) -> str:
    """The address to connect to.

    Raises:
        DeliveryFailed: the name leads nowhere, or one of its addresses is not on the open internet.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise DeliveryFailed(f"{host}: expected a host that can be found: {error}") from error
    addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
    if not addresses:
        raise DeliveryFailed(f"{host}: found no address")
    if not allow_private:
        for address in addresses:
            if not is_public(address):
                raise DeliveryFailed(f"{host}: found {address}, expected an address on the open internet")
    return addresses[0]


def is_public(address: str) -> bool:
    """Whether this is one host on the open internet, and does not lead to another address that is not."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        if (inner := _inner(ip)) is not None:
            return is_public(str(inner))
        if ip.is_site_local:
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def _inner(ip: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one leads to, if it does."""
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.teredo[1] if ip.teredo is not None else ip.ipv4_mapped or ip.sixtofour
