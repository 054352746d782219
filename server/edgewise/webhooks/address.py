"""The address of a webhook's receiver. A name is resolved once, and the connection uses the checked address."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from ipaddress import IPv4Address, IPv6Address

from edgewise.errors import DeliveryFailed

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


async def resolve(host: str, port: int, allow_private: bool) -> str:
    """Resolve the address to connect to.

    Raises:
        DeliveryFailed: the host is unknown, or one of its addresses is not public.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise DeliveryFailed(f"Unknown host {host}. Check the webhook's url in site.toml: {error}.") from error
    addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
    if not addresses:
        raise DeliveryFailed(f"The host {host} has no address. Check the webhook's url in site.toml.")
    if not allow_private:
        for address in addresses:
            if not is_public(address):
                raise DeliveryFailed(
                    f"{host} resolves to {address}, which is not a public address. "
                    "Set --webhook-allow-private to allow private receivers."
                )
    return addresses[0]


def is_public(address: str) -> bool:
    """Whether the address is a single public host, and does not embed an address that is not."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        if (embedded := _embedded_ipv4(ip)) is not None:
            return is_public(str(embedded))
        if ip.is_site_local:
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def _embedded_ipv4(ip: IPv6Address) -> IPv4Address | None:
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.teredo[1] if ip.teredo is not None else ip.ipv4_mapped or ip.sixtofour
