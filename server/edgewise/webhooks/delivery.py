"""Delivery of one signed message to one receiver."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time

import httpx

from edgewise import __version__
from edgewise.errors import DeliveryFailed
from edgewise.webhooks.address import resolve

SIGNATURE = "edgewise-signature"
MESSAGE_ID = "edgewise-message-id"
TIMEOUT = 10.0
"""Seconds from the name look-up to the status of the response."""


class Delivery:
    """Posts messages. It follows no redirect, uses no proxy, keeps no cookie, and reads only the response's status."""

    def __init__(self, allow_private: bool, timeout: float = TIMEOUT) -> None:
        self._allow_private = allow_private
        self._timeout = timeout
        # Connections are not reused. A certificate that was checked for one name must not serve another name.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        # Only SSL_CERT_FILE and SSL_CERT_DIR count of the environment. Proxies and .netrc do not.
        self._client = httpx.AsyncClient(
            timeout=timeout,
            follow_redirects=False,
            trust_env=False,
            limits=limits,
            verify=httpx.create_ssl_context(),
        )

    async def post(self, url: str, id: str, body: bytes, secret: str) -> None:
        """Post a message.

        Raises:
            DeliveryFailed: no response with a status from 200 to 299 came in time.
        """
        try:
            async with asyncio.timeout(self._timeout):
                status = await self._post(httpx.URL(url), id, body, secret)
        except TimeoutError as error:
            raise DeliveryFailed(f"No response came within {self._timeout:g} s.") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise DeliveryFailed(f"The request failed: {type(error).__name__}: {error}.") from error
        if not 200 <= status <= 299:
            raise DeliveryFailed(f"Expected a status from 200 to 299, found {status}.")

    async def _post(self, url: httpx.URL, id: str, body: bytes, secret: str) -> int:
        address = await resolve(url.host, url.port or (443 if url.scheme == "https" else 80), self._allow_private)
        headers = {
            "host": url.netloc.decode("ascii"),
            "content-type": "application/json",
            "user-agent": f"Edgewise/{__version__}",
            MESSAGE_ID: id,
            SIGNATURE: signature(secret, int(time.time()), body),
        }
        target = url.copy_with(host=address)
        extensions = {"sni_hostname": url.raw_host.decode("ascii")}
        async with self._client.stream(
            "POST", target, content=body, headers=headers, extensions=extensions
        ) as response:
            return response.status_code

    async def close(self) -> None:
        await self._client.aclose()


def signature(secret: str, seconds: int, body: bytes) -> str:
    """The signature header: `t=<seconds since 1970>,v1=<hex HMAC-SHA256 of "<t>.<body>">`."""
    signed = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={signed}"
