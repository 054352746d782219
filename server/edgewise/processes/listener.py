"""The listening socket. The supervisor binds it once, or gets it from systemd, and all web workers share it."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from edgewise.errors import SettingsError

BACKLOG = 2048
"""The number of connections that wait while all workers are busy or restarting."""

_FIRST_PASSED = 3
"""The first descriptor that systemd passes."""

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""The address that reaches a socket on all addresses from this machine."""


class Listener:
    """A listening socket. `host` and `port` reach it from this machine."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self.descriptor = listening.fileno()
        address, self.port = listening.getsockname()[:2]
        self.host = _LOOPBACK.get(address, address)

    @property
    def url(self) -> str:
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"

    def close(self) -> None:
        """Close the socket in this process. Others may still have it."""
        self._listening.close()

    async def wait_until_healthy(self) -> None:
        """Wait until /healthz responds with 200."""
        while True:
            if await self._is_healthy():
                return
            await asyncio.sleep(0.05)

    async def _is_healthy(self) -> bool:
        try:
            async with asyncio.timeout(5.0):
                reader, writer = await asyncio.open_connection(self.host, self.port)
                writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                try:
                    return b" 200 " in await reader.readline()
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False


@contextmanager
def listen(host: str, port: int) -> Iterator[Listener]:
    """Listen on this address until the context ends. A socket that systemd passed comes before the address.

    Raises:
        SettingsError: the address or the port is not available, or systemd passed something else.
    """
    try:
        bound = _passed_socket() or _bind(host, port)
    except OSError as error:
        raise SettingsError(_error_message(host, port, error)) from error
    with bound:
        yield Listener(bound)


def _passed_socket() -> socket.socket | None:
    """The socket of a systemd socket unit, as sd_listen_fds(3) describes. None without one."""
    count, owner = os.environ.pop("LISTEN_FDS", "0"), os.environ.pop("LISTEN_PID", "")
    if owner != str(os.getpid()) or count == "0":
        return None
    try:
        passed = socket.socket(fileno=_FIRST_PASSED)
        is_listening = bool(passed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except OSError:
        is_listening = False
    if count != "1" or not is_listening or passed.family not in (socket.AF_INET, socket.AF_INET6):
        raise SettingsError(
            f"Expected one TCP socket from systemd, found {count} descriptors or another kind. "
            "Use one ListenStream with a port in the socket unit."
        )
    passed.setblocking(False)
    return passed


def _bind(host: str, port: int) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    dualstack = family == socket.AF_INET6 and address[0] == "::" and socket.has_dualstack_ipv6()
    return socket.create_server(address[:2], family=family, backlog=BACKLOG, dualstack_ipv6=dualstack)


def _error_message(host: str, port: int, error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return f"--host: Unknown host {host!r}: {error.strerror}. Use an address of this machine."
    if error.errno == errno.EADDRINUSE:
        return f"--port: Port {port} of {host} is in use. Stop the other program or use another port."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"--host: {host!r} is not an address of this machine. Use one that is."
    advice = "Use another port."
    if error.errno == errno.EACCES and port < 1024:
        advice = "Use a port from 1024 on, or give the process the capability CAP_NET_BIND_SERVICE."
    return f"--port: Cannot listen on port {port} of {host}: {os.strerror(error.errno or 0)}. {advice}"
