"""An Edgewise of any release, reached only by its command line, HTTP and its store."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.eventually import eventually
from tests.valkey import free_port

THIS_RELEASE = Path(sys.executable).with_name("edgewise")
"""The command of the release that runs the tests."""

_PATIENCE = 60.0
"""Seconds that a process has to end."""


class Service:
    """A running service. `secret` is the secret key for server-side calls."""

    def __init__(self, client: httpx.AsyncClient, secret: str, command: Path, store_url: str) -> None:
        self._client = client
        self._secret = secret
        self._command = command
        self._store_url = store_url

    @property
    def bearer(self) -> dict[str, str]:
        """The header of a server-side call."""
        return {"authorization": f"Bearer {self._secret}"}

    async def get(self, path: str) -> Any:
        """The answer to a server-side call."""
        return self._body(await self._client.get(path, headers=self.bearer))

    async def post(self, path: str, body: dict[str, Any], **headers: str) -> Any:
        """The answer to a call of a page, or of a server with the header `bearer`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._body(await self._client.post(path, json={"writeKey": "shop-key"} | body, headers=sent))

    async def preview_token(self) -> str:
        """A token for debugging. It shows how a decision is made and leaves no trace."""
        return (await run(self._command, "preview", "--debug", "--redis", self._store_url)).strip()

    def _body(self, response: httpx.Response) -> Any:
        assert response.status_code == 200, f"{response.request.url}: {response.status_code} {response.text}"
        return response.json()


@asynccontextmanager
async def running(
    store_url: str, policies: Path, data: Path, *, command: Path = THIS_RELEASE, learner: bool = True
) -> AsyncIterator[Service]:
    """Run `edgewise serve` on this store until the block ends. The data folder keeps the secret key."""
    port = free_port()
    options = {
        "redis": store_url,
        "policies": policies,
        "data": data,
        "port": port,
        "workers": 1,
        "learner": str(learner).lower(),
        "decide_budget": "5s",
        "webhook_allow_private": "true",
    }
    environ = {f"EDGEWISE_{name.upper()}": str(value) for name, value in options.items()}
    log = data.with_suffix(".log")
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            command, "serve", env={**os.environ, **environ}, stdout=output, stderr=output
        )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            await eventually(lambda: _is_ready(client, process))
            yield Service(client, (data / "secret-key").read_text().strip(), command, store_url)
    except BaseException as error:
        error.add_note(f"The service logged:\n{log.read_text(errors='replace')[-8000:]}")
        raise
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(_PATIENCE):
            await process.wait()


async def run(command: Path, *arguments: str, status: int = 0) -> str:
    """What a command prints. It must end with this status."""
    process = await asyncio.create_subprocess_exec(
        command, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    assert process.returncode == status, f"{arguments}: status {process.returncode}\n{output!r}\n{errors.decode()}"
    return output.decode()


async def _is_ready(client: httpx.AsyncClient, process: asyncio.subprocess.Process) -> bool:
    assert process.returncode is None, f"the service ended with status {process.returncode}"
    try:
        return (await client.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False
