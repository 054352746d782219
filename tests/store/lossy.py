"""A proxy before a real Valkey that loses the replies to commands of one name."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.valkey import Valkey


class LossyProxy:
    """A proxy that loses replies. If a request has `losing`, it awaits the reply and closes the connection."""

    def __init__(self, valkey: Valkey, path: Path, losing: bytes) -> None:
        self.url = f"unix://{path}"
        self.lost = 0
        self._valkey = valkey
        self._losing = losing

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_unix_connection(self._valkey.path)
        while chunk := await reader.read(65536):
            to_writer.write(chunk)
            reply = await to_reader.read(65536)
            if self._losing in chunk:
                self.lost += 1
                break
            writer.write(reply)
        to_writer.close()
        writer.close()


@asynccontextmanager
async def lossy_proxy(valkey: Valkey, losing: bytes) -> AsyncIterator[LossyProxy]:
    with tempfile.TemporaryDirectory(prefix="ew-") as folder:
        path = Path(folder) / "p"
        proxy = LossyProxy(valkey, path, losing)
        server = await asyncio.start_unix_server(proxy.serve, path)
        async with server:
            yield proxy
