"""The whole demo as a command. It starts a real server and removes all its files and processes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import sys
import termios
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edgewise.demo.demo_server import run_server
from edgewise.demo.example import copy_examples
from tests.eventually import eventually
from tests.integration.processes import children_of, wait_until_gone

ROOT = Path(__file__).parents[2]
TIMEOUT = 300.0
"""Seconds. It is long because the machine may be busy."""

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
NOTHING: Mapping[str, str] = {}


class DemoProcess:
    """A running demo. `output` is its output so far, `folder` its folder for temporary files."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self.process = process
        self.folder = folder
        self.output = ""

    async def until(self, text: str) -> None:
        """Wait until the output has this text."""
        assert self.process.stdout is not None
        async with asyncio.timeout(TIMEOUT):
            while text not in self.output:
                if not (more := await self.process.stdout.read(4096)):
                    raise AssertionError(f"Missing {text!r} in the output:\n{self.output}")
                self.output += more.decode()

    async def wait(self) -> int:
        """Wait for the exit status."""
        assert self.process.stdout is not None
        async with asyncio.timeout(TIMEOUT):
            self.output += (await self.process.stdout.read()).decode()
            return await self.process.wait()

    def server(self) -> int:
        """The process id of the server."""
        [pid] = children_of(self.process.pid)
        return pid

    def family(self) -> set[int]:
        """The process ids of its children and grandchildren."""
        children = set(children_of(self.process.pid))
        return children.union(*(children_of(child) for child in children))


@asynccontextmanager
async def demo(
    folder: Path, *options: str, terminal: int = PIPE, environ: Mapping[str, str] = NOTHING
) -> AsyncIterator[DemoProcess]:
    """Run the demo with these options, and stop it at the end of the block."""
    (folder / "tmp").mkdir()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "edgewise", "demo", "--port", "0", "--policies", str(ROOT / "policies"), *options),
        env={**os.environ, "TMPDIR": str(folder / "tmp"), **environ},
        stdout=terminal,
        stderr=STDOUT,
    )
    try:
        yield DemoProcess(process, folder / "tmp")
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def run_in_shell(script: str) -> tuple[str, str]:
    """Standard output and standard error."""
    process = await asyncio.create_subprocess_exec("bash", "-euc", script, stdout=PIPE, stderr=PIPE)
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return out.decode(), errors.decode()


async def test_the_demo_learns_and_reports_its_results(tmp_path: Path) -> None:
    async with demo(tmp_path, "--visitors", "2000", "--rate", "250", "--exit") as started:
        assert await started.wait() == 0, started.output
        assert list(started.folder.iterdir()) == []
    assert "window 3 s (not 60 s), control share 20% (not 5%)" in started.output
    assert re.search(r"^ +\d+ s  [\d,]+ of 2,000 visitors, \d+ decisions a second, model", started.output, re.MULTILINE)
    assert re.search(r"^2,000 visitors in \d+ s: 2,000 decisions", started.output, re.MULTILINE)
    # On a busy machine, the store may be too slow for a call, which is then repeated.
    assert re.search(r"^\d+ failed calls, 0 rejected messages$", started.output, re.MULTILINE)
    assert re.search(r"^Model \d+ includes ([\d,]+) of \1 decisions of the policy group$", started.output, re.MULTILINE)
    _, _, end = started.output.rpartition("Most shown at the end: ")
    favorites = "students new-arrivals|bargain hunters summer-sale|gift buyers free-shipping"
    shares = [int(share) for share in re.findall(rf"(?:{favorites}) (\d+)%", end)]
    # At random, each of four actions has a share of 25%, with a standard deviation of 3.5%.
    assert max(shares) >= 40, started.output


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_the_suggested_commands_work_as_printed(tmp_path: Path) -> None:
    # Settings of another server must not apply.
    elsewhere = {"EDGEWISE_REDIS": "redis://192.0.2.1:1/0", "EDGEWISE_SECRET_KEY": "key-of-another-server"}
    async with demo(tmp_path, "--visitors", "30", environ=elsewhere) as started:
        await started.until("The server's log:")
        assert re.search(r"^The shop is open: (\S+)$[\s\S]*^The shop stays open at \1, ", started.output, re.MULTILINE)
        decide, reward, policy, debugger, metrics = _commands(started.output)
        before = json.loads((await run_in_shell(policy))[0])

        decision = {"group": "fallback"}
        async with asyncio.timeout(TIMEOUT):
            while decision["group"] == "fallback":  # On a busy machine, a call may exceed its budget.
                rewarded, answer = await run_in_shell(f"{decide}\n{reward}")
                [decision] = json.loads(answer)["decisions"]
        assert (decision["placement"], decision["group"]) == ("home-hero", "policy")
        assert json.loads(rewarded) == {"success": True, "accepted": 1, "rejected": []}

        async def is_learned() -> bool:
            now = json.loads((await run_in_shell(policy))[0])
            return bool(now["model"]["learnedDecisions"] == before["model"]["learnedDecisions"] + 1)

        await eventually(is_learned)
        assert "edgewise_learning_delay_seconds_bucket" in (await run_in_shell(metrics))[0]

        address = (await run_in_shell(debugger))[0].strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?edgewise-debug=[\w=-]{40,}", address)

        family = started.family()
        assert len(family) >= 4  # The server, its store, a web worker and the learner.
        started.process.send_signal(signal.SIGINT)
        assert await started.wait() == 0
        assert started.output.endswith("Stopped.\n")
        await wait_until_gone(family)
        assert list(started.folder.iterdir()) == []


@pytest.mark.parametrize("moment", ["This is a real server", "Serving at"])
async def test_ctrl_c_stops_the_demo_and_removes_its_files_and_processes(tmp_path: Path, moment: str) -> None:
    async with demo(tmp_path) as started:
        await started.until(moment)
        family = started.family()
        started.process.send_signal(signal.SIGINT)
        assert await started.wait() == 0
        await wait_until_gone(family)
        assert list(started.folder.iterdir()) == []


async def test_the_error_has_the_end_of_the_log_of_a_failed_server(tmp_path: Path) -> None:
    async with demo(tmp_path) as started:
        await started.until("Serving at")
        family = started.family()
        os.kill(started.server(), signal.SIGKILL)
        assert await started.wait() == 1
        assert "Error: The server was ended by signal 9. The last lines of its log:" in started.output
        assert "Listening on http://127.0.0.1:" in started.output
        await wait_until_gone(family)


async def test_a_missing_policy_folder_is_an_error(tmp_path: Path) -> None:
    async with demo(tmp_path, "--policies", str(tmp_path / "none")) as started:
        assert await started.wait() == 1
        assert f"Error: {tmp_path}/none: Cannot read the folder of policy files" in started.output


async def test_a_port_in_use_is_replaced_by_a_free_one(tmp_path: Path) -> None:
    example = copy_examples(ROOT / "policies", tmp_path / "policies")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with run_server(example.folder, tmp_path, port) as server:
            assert server.url.startswith("http://127.0.0.1:")
            assert not server.url.endswith(f":{port}")


async def test_a_terminal_shows_a_screen_and_is_restored(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    async with demo(tmp_path, terminal=theirs, environ={"TERM": "xterm"}) as started:
        os.close(theirs)
        await asyncio.to_thread(_read_until, ours, "students            bargain hunters     gift buyers")
        started.process.send_signal(signal.SIGINT)
        after = await asyncio.to_thread(_read_until, ours, "Stopped.")
        assert after.rindex(SHOW_CURSOR) > after.rfind(HIDE_CURSOR)
        assert await started.process.wait() == 0
    os.close(ours)


def _commands(output: str) -> list[str]:
    """The suggested commands. Each one follows a line that begins with `#`."""
    blocks = output.partition("another terminal:")[2].split("\n\n")
    return [block.partition("\n")[2] for block in blocks if block.startswith("# ")]


def _read_until(terminal: int, text: str) -> str:
    """The output to this terminal, at least up to this text."""
    output = b""
    while text.encode() not in output:
        output += os.read(terminal, 4096)
    return output.decode()
