"""The whole demo, as its users start it: a command that starts a real server, and leaves nothing behind."""

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

from edgewise.demo.demo_server import serving
from edgewise.demo.example import copied
from tests.eventually import eventually
from tests.integration.processes import children_of, gone

ROOT = Path(__file__).parents[2]
TIMEOUT = 300.0  # seconds; far more than anything here takes, however busy the machine is
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
NOTHING: Mapping[str, str] = {}


class Started:
    """A demo that was started. `said` is what it has said so far; `folder` is where it keeps things."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self.process = process
        self.folder = folder
        self.said = ""

    async def until(self, text: str) -> None:
        """Wait until it says this."""
        assert self.process.stdout is not None
        async with asyncio.timeout(TIMEOUT):
            while text not in self.said:
                if not (more := await self.process.stdout.read(4096)):
                    raise AssertionError(f"it ended without saying {text!r}; it said:\n{self.said}")
                self.said += more.decode()

    async def ends(self) -> int:
        """Wait until it ends; its status."""
        assert self.process.stdout is not None
        async with asyncio.timeout(TIMEOUT):
            self.said += (await self.process.stdout.read()).decode()
            return await self.process.wait()

    def server(self) -> int:
        """The process of its server."""
        [pid] = children_of(self.process.pid)
        return pid

    def family(self) -> set[int]:
        """The processes that it started, and those that they started."""
        children = set(children_of(self.process.pid))
        return children.union(*(children_of(child) for child in children))


@asynccontextmanager
async def demo(
    folder: Path, *options: str, terminal: int = PIPE, environ: Mapping[str, str] = NOTHING
) -> AsyncIterator[Started]:
    """Start it with these options; at the end it is stopped, if it still runs."""
    (folder / "tmp").mkdir()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "edgewise", "demo", "--port", "0", "--policies", str(ROOT / "policies"), *options),
        env={**os.environ, "TMPDIR": str(folder / "tmp"), **environ},
        stdout=terminal,
        stderr=STDOUT,
    )
    try:
        yield Started(process, folder / "tmp")
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def run_in_shell(script: str) -> tuple[str, str]:
    """What it writes to standard output, and to standard error."""
    process = await asyncio.create_subprocess_exec("bash", "-euc", script, stdout=PIPE, stderr=PIPE)
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return out.decode(), errors.decode()


async def test_it_learns_tells_how_it_went_and_ends(tmp_path: Path) -> None:
    async with demo(tmp_path, "--visitors", "2000", "--rate", "250", "--exit") as started:
        assert await started.ends() == 0, started.said
        assert list(started.folder.iterdir()) == []
    assert "window 3 s (not 60 s), control share 20% (not 5%)" in started.said
    assert re.search(r"^ +\d+ s  [\d,]+ of 2,000 visitors, \d+ decisions a second; model", started.said, re.MULTILINE)
    assert re.search(r"^2,000 visitors in \d+ s: 2,000 decisions", started.said, re.MULTILINE)
    # A call that a busy machine's store is too slow for is made again.
    assert re.search(r"^\d+ calls failed, 0 messages were refused$", started.said, re.MULTILINE)
    assert re.search(r"^model \d+ knows ([\d,]+) of the policy group's \1 decisions$", started.said, re.MULTILINE)
    _, _, end = started.said.rpartition("shown most at the end: ")
    favourites = "students new-arrivals|bargain hunters summer-sale|gift buyers free-shipping"
    shares = [int(share) for share in re.findall(rf"(?:{favourites}) (\d+)%", end)]
    # By chance, each of four actions is shown to 25%, with a standard deviation of 3.5%.
    assert max(shares) >= 40, started.said


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_it_stays_up_with_commands_that_work_as_printed_until_ctrl_c(tmp_path: Path) -> None:
    # What is set for another server must not reach this one.
    elsewhere = {"EDGEWISE_REDIS": "redis://192.0.2.1:1/0", "EDGEWISE_SECRET_KEY": "another"}
    async with demo(tmp_path, "--visitors", "30", environ=elsewhere) as started:
        await started.until("The server's log:")
        assert re.search(r"^The shop is open: (\S+)$[\s\S]*^The shop stays open at \1, ", started.said, re.MULTILINE)
        decide, reward, policy, debugger, metrics = _commands(started.said)
        before = json.loads((await run_in_shell(policy))[0])

        decision = {"group": "fallback"}
        async with asyncio.timeout(TIMEOUT):
            while decision["group"] == "fallback":  # A machine that is busy may need more than a call's budget.
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
        assert await started.ends() == 0
        assert started.said.endswith("Stopped.\n")
        await gone(family)
        assert list(started.folder.iterdir()) == []


@pytest.mark.parametrize("moment", ["A real server", "Serving at"])
async def test_ctrl_c_stops_it_at_any_time_and_nothing_is_left(tmp_path: Path, moment: str) -> None:
    async with demo(tmp_path) as started:
        await started.until(moment)
        family = started.family()
        started.process.send_signal(signal.SIGINT)
        assert await started.ends() == 0
        await gone(family)
        assert list(started.folder.iterdir()) == []


async def test_a_server_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    async with demo(tmp_path) as started:
        await started.until("Serving at")
        family = started.family()
        os.kill(started.server(), signal.SIGKILL)
        assert await started.ends() == 1
        assert "Error: the server was ended by signal 9; it said last:" in started.said
        assert "Listening on http://127.0.0.1:" in started.said
        await gone(family)


async def test_other_policies_are_refused(tmp_path: Path) -> None:
    async with demo(tmp_path, "--policies", str(tmp_path / "none")) as started:
        assert await started.ends() == 1
        assert f"Error: {tmp_path}/none: expected a folder of policy files" in started.said


async def test_a_port_that_is_in_use_is_not_insisted_on(tmp_path: Path) -> None:
    example = copied(ROOT / "policies", tmp_path / "policies")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with serving(example.folder, tmp_path, port) as service:
            assert service.url.startswith("http://127.0.0.1:")
            assert not service.url.endswith(f":{port}")


async def test_a_terminal_shows_a_screen_and_is_left_as_it_was(tmp_path: Path) -> None:
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


def _commands(said: str) -> list[str]:
    """The commands that it says to try; each stands below a line that begins with `#`."""
    blocks = said.partition("another terminal:")[2].split("\n\n")
    return [block.partition("\n")[2] for block in blocks if block.startswith("# ")]


def _read_until(terminal: int, text: str) -> str:
    """What is written to this terminal, up to this text and what comes with it."""
    said = b""
    while text.encode() not in said:
        said += os.read(terminal, 4096)
    return said.decode()
