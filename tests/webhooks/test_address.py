from __future__ import annotations

import asyncio
from typing import Any

import pytest

from edgewise.errors import DeliveryFailed
from edgewise.webhooks.address import is_public, resolve
from edgewise.webhooks.delivery import Delivery
from tests.webhooks.receiver import receiving

REFUSED = [
    *("127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254"),
    *("0.0.0.0", "100.64.0.1", "100.127.255.255", "224.0.0.1", "239.1.2.3", "255.255.255.255", "240.0.0.1"),
    *("192.0.2.1", "198.18.0.1", "203.0.113.7", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1"),
    *("ff02::1", "ff0e::1", "fec0::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:c0a8:101::", "::127.0.0.1"),
]


@pytest.mark.parametrize("address", REFUSED)
def test_private_address_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "64:ff9b::808:808"])
def test_public_address_is_accepted(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0", "::1", "::ffff:127.0.0.1"]
)
async def test_host_is_checked_after_it_was_resolved(host: str) -> None:
    with pytest.raises(DeliveryFailed, match=r"is not a public address|Unknown host"):
        await resolve(host, 80, allow_private=False)


async def test_private_receiver_gets_no_connection_unless_allowed() -> None:
    async with receiving() as receiver:
        strict, open_ = Delivery(allow_private=False), Delivery(allow_private=True)
        with pytest.raises(
            DeliveryFailed, match=r"^127\.0\.0\.1 resolves to 127\.0\.0\.1, which is not a public address\."
        ):
            await strict.post(receiver.url, "m1", b"{}", "secret")
        assert receiver.requests == []
        await open_.post(receiver.url, "m1", b"{}", "secret")
        receiver.behaviour = 307
        with pytest.raises(DeliveryFailed, match="found 307"):
            await open_.post(receiver.url, "m2", b"{}", "secret")
        assert len(receiver.requests) == 2
        await strict.close()
        await open_.close()


async def test_host_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def both(*_: object, **__: object) -> list[object]:
        return [(0, 0, 0, "", ("8.8.8.8", 443)), (0, 0, 0, "", ("10.0.0.1", 443))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", both)
    with pytest.raises(DeliveryFailed, match=r"hooks\.example resolves to 10\.0\.0\.1"):
        await resolve("hooks.example", 443, allow_private=False)


async def test_host_is_resolved_once_and_the_checked_address_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    resolve_really = loop.getaddrinfo
    asked: list[object] = []

    async def rebinding(host: Any, port: Any, **options: Any) -> Any:
        asked.append(host)
        address = "127.0.0.1" if asked.count("hooks.example") <= 1 else "192.0.2.1"
        return await resolve_really(address if host == "hooks.example" else host, port, **options)

    monkeypatch.setattr(loop, "getaddrinfo", rebinding)
    async with receiving() as receiver:
        delivery = Delivery(allow_private=True)
        await delivery.post(f"http://hooks.example:{receiver.port}/x", "m1", b"{}", "secret")
        await delivery.close()
    assert receiver.requests[0].headers["host"] == f"hooks.example:{receiver.port}"
    assert asked.count("hooks.example") == 1
