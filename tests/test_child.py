"""A child process ends with its parent, and never later than its time limit."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from edgewise.child import Child
from tests.eventually import eventually
from tests.integration.processes import run_process, wait_until_gone

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)
SLEEPER = "import time; print('ready', flush=True); time.sleep(60)"
PARENT = """
import asyncio, signal, sys
from edgewise.child import Child

async def main():
    child = Child("sleeper", [sys.executable, "-c", "import time; time.sleep(60)"], **{options})
    await child.start()
    print("child is", child.pid, file=sys.stderr, flush=True)
    await child.wait()

asyncio.run(main())
"""
LEASH = Path(__file__).parent.parent / "server" / "edgewise" / "parent_watch.py"
ELSEWHERE = f"import runpy, sys; sys.platform = 'elsewhere'; sys.argv[0] = {str(LEASH)!r}; "
ELSEWHERE += "runpy.run_path(sys.argv[0], run_name='__main__')"


def python(code: str, **options: float) -> Child:
    return Child("test", [sys.executable, "-c", code], stdout=asyncio.subprocess.PIPE, **options)  # type: ignore[arg-type]


async def test_exit_status_is_the_commands_own() -> None:
    child = python("raise SystemExit(3)")
    await child.start()
    assert await child.wait() == 3
    await child.start()
    child.kill()
    assert await child.wait() == -signal.SIGKILL
    assert not child.is_running


async def test_stop_ends_the_child() -> None:
    child = python(SLEEPER)
    await child.start()
    assert await child.output.readline() == b"ready\n"
    await child.stop()
    assert await child.wait() == -signal.SIGTERM


async def test_child_that_ignores_sigterm_is_killed() -> None:
    child = python(STUBBORN, stop_within=0.1)
    await child.start()
    assert await child.output.readline() == b"ready\n"
    await child.stop()
    assert await child.wait() == -signal.SIGKILL


async def test_stopping_an_ended_child_does_nothing() -> None:
    child = python("pass")
    await child.stop()
    await child.start()
    assert await child.wait() == 0
    await child.stop()
    child.kill()


async def test_pid_of_a_child_that_never_started_raises() -> None:
    with pytest.raises(RuntimeError, match="test: The process is not running"):
        _ = python("pass").pid


async def test_ctrl_c_does_not_reach_the_child() -> None:
    child = python(SLEEPER)
    await child.start()
    assert os.getsid(child.pid) != os.getsid(0)
    await child.stop()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_child_ends_when_its_parent_is_killed(number: signal.Signals) -> None:
    code = PARENT.replace("{options}", f"{{'death_signal': signal.{number.name}}}")
    async with run_process("-c", code) as parent:
        child = int(await parent.wait_for(r"child is (\d+)"))
        parent.send_signal(signal.SIGKILL)
        await wait_until_gone([child])


async def watched_elsewhere(parent: int, lifeline: int) -> asyncio.subprocess.Process:
    """A sleeping command under the parent watch of systems whose kernel gives no signal when a parent dies."""
    watch = ("-c", ELSEWHERE, str(int(signal.SIGKILL)), str(parent), str(lifeline))
    return await asyncio.create_subprocess_exec(
        *(sys.executable, *watch, sys.executable, "-c", SLEEPER),
        pass_fds=[lifeline],
        stdout=asyncio.subprocess.PIPE,
    )


async def test_watcher_ends_the_child_when_the_lifeline_closes() -> None:
    reading, writing = os.pipe()
    child = await watched_elsewhere(os.getpid(), reading)
    assert child.stdout is not None
    assert await child.stdout.readline() == b"ready\n"
    os.close(writing)
    async with asyncio.timeout(60):
        assert await child.wait() == -signal.SIGKILL
    os.close(reading)


async def test_watcher_ends_after_the_child() -> None:
    reading, writing = os.pipe()
    child = await watched_elsewhere(os.getpid(), reading)
    assert child.stdout is not None
    assert await child.stdout.readline() == b"ready\n"
    child.kill()
    await child.wait()
    os.close(reading)

    async def has_no_reader() -> bool:
        try:
            return os.write(writing, b"x") == 0
        except BrokenPipeError:
            return True

    await eventually(has_no_reader)
    os.close(writing)


async def test_command_is_not_run_if_the_parent_is_already_dead() -> None:
    reading, writing = os.pipe()
    child = await watched_elsewhere(os.getppid(), reading)
    printed, _ = await child.communicate()
    assert (child.returncode, printed) == (1, b"")
    os.close(reading)
    os.close(writing)
