"""Receivers with TLS: the certificate must match the name, although the connection is made to an address."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from edgewise.errors import DeliveryFailed
from edgewise.webhooks.delivery import Delivery
from tests.webhooks.receiver import Receiver, receiving

NAME = "hooks.example"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Trust the certificates of this authority."""
    file = tmp_path / "ours.pem"
    authority.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))


@pytest.fixture
async def asked(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The resolved names. NAME resolves to this machine once, then to an unused address."""
    loop = asyncio.get_running_loop()
    resolve_really = loop.getaddrinfo
    asked: list[object] = []

    async def rebinding(host: Any, port: Any, **options: Any) -> Any:
        asked.append(host)
        address = "127.0.0.1" if asked.count(NAME) <= 1 else "192.0.2.1"
        return await resolve_really(address if host == NAME else host, port, **options)

    monkeypatch.setattr(loop, "getaddrinfo", rebinding)
    return asked


@asynccontextmanager
async def secure(authority: trustme.CA, certified: str) -> AsyncIterator[tuple[Receiver, list[str | None]]]:
    """A receiver with a certificate for this name, and the names that clients asked for."""
    context, names = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), list[str | None]()
    authority.issue_cert(certified).configure_cert(context)
    context.sni_callback = lambda _, name, __: names.append(name)
    async with receiving(context) as receiver:
        yield receiver, names


async def post(receiver: Receiver, host: str = NAME) -> None:
    delivery = Delivery(allow_private=True)
    try:
        await delivery.post(f"https://{host}:{receiver.port}/hook", "m1", b"{}", "secret")
    finally:
        await delivery.close()


@pytest.mark.usefixtures("trusted")
async def test_name_is_resolved_once_and_its_certificate_is_checked(authority: trustme.CA, asked: list[object]) -> None:
    async with secure(authority, NAME) as (receiver, names):
        await post(receiver)
        assert (receiver.accepted[0].headers["host"], names) == (f"{NAME}:{receiver.port}", [NAME])
    assert asked.count(NAME) == 1


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("certified", ["else.example", "127.0.0.1", "example", "sub.hooks.example"])
async def test_certificate_for_another_name_is_refused(
    authority: trustme.CA, asked: list[object], certified: str
) -> None:
    """Even a certificate for the address is refused: another host may use the address by now."""
    async with secure(authority, certified) as (receiver, _):
        with pytest.raises(DeliveryFailed, match=r"CERTIFICATE_VERIFY_FAILED.*hooks\.example"):
            await post(receiver)
        assert receiver.requests == []


@pytest.mark.usefixtures("asked")
async def test_certificate_of_an_untrusted_authority_is_refused(authority: trustme.CA) -> None:
    async with secure(authority, NAME) as (receiver, _):
        with pytest.raises(DeliveryFailed, match="CERTIFICATE_VERIFY_FAILED"):
            await post(receiver)
        assert receiver.requests == []


@pytest.mark.usefixtures("trusted")
async def test_url_with_an_address_needs_a_certificate_for_the_address(authority: trustme.CA) -> None:
    async with secure(authority, "127.0.0.1") as (receiver, _):
        await post(receiver, "127.0.0.1")
        assert len(receiver.accepted) == 1
    async with secure(authority, NAME) as (receiver, _):
        with pytest.raises(DeliveryFailed, match="CERTIFICATE_VERIFY_FAILED"):
            await post(receiver, "127.0.0.1")
