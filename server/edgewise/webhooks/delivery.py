"""Delivery: one signed message, posted to one receiver."""

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
PATIENCE = 10.0
"""Seconds that a receiver has, from the look at its name to the status of its answer."""


class Delivery:
    """Posts messages. No redirect is followed, no proxy is used, no cookie kept, and no answer read but its status."""

    def __init__(self, allow_private: bool, patience: float = PATIENCE) -> None:
        self._allow_private = allow_private
        self._patience = patience
        # A connection is never used again: what was proven of one name must not serve another at the same address.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        # Of the environment only SSL_CERT_FILE and SSL_CERT_DIR count: no proxy, nor a user from a .netrc.
        self._client = httpx.AsyncClient(
            timeout=patience,
            follow_redirects=False,
            trust_env=False,
            limits=limits,
            verify=httpx.create_ssl_context(),
        )

    async def post(self, url: str, id: str, body: bytes, secret: str) -> None:
        """Post a message.

        Raises:
            DeliveryFailed: it was not taken: no answer with a status from 200 to 299 came in time.
        """
        try:
            async with asyncio.timeout(self._patience):
                status = await self._post(httpx.URL(url), id, body, secret)
        except TimeoutError as error:
            raise DeliveryFailed(f"found no answer, expected one within {self._patience:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise DeliveryFailed(f"found no answer: {type(error).__name__}: {error}") from error
        if not 200 <= status <= 299:
            raise DeliveryFailed(f"found status {status}, expected 200 to 299")

    async def _post(self, url: httpx.URL, id: str, body: bytes, secret: str) -> int:
        address = await resolve(url.host, url.port or (443 if url.scheme == "https" else 80), self._allow_private)
        headers = {
            "host": url.netloc.decode("ascii"),
            "content-type": "application/json",
            "user-agent": f"Edgewise/{__version__}",
            MESSAGE_ID: id,
            SIGNATURE: signature(secret, int(time.time()), body),
        }
        there = url.copy_with(host=address)
        name = {"sni_hostname": url.raw_host.decode("ascii")}
        async with self._client.stream("POST", there, content=body, headers=headers, extensions=name) as response:
            return response.status_code

    async def close(self) -> None:
        await self._client.aclose()


def signature(secret: str, seconds: int, body: bytes) -> str:
    """`t=<seconds since 1970>,v1=<hex HMAC-SHA256 of "<t>.<body>">`: proves who sent it, and when."""
    signed = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={signed}"
