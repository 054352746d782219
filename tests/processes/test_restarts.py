"""Processes that end are restarted with back-off, and processes that are stopped are not."""

from __future__ import annotations

import asyncio
import re

import pytest

from edgewise.errors import StoreUnavailable
from edgewise.processes.restarts import keep_running
from tests.eventually import eventually


class FakeProcess:
    """A process that ends on `end`. Its first `failures` restarts fail."""

    name = "worker"
    pid = 7

    def __init__(self, failures: int = 0) -> None:
        self.starts = 0
        self.stops = 0
        self._failures = failures
        self._status: asyncio.Future[int] = asyncio.Future()

    async def start(self) -> None:
        self.starts += 1
        if self.starts > 1 and self._failures:
            self._failures -= 1
            raise StoreUnavailable("No store.")
        self._status = asyncio.Future()

    async def wait(self) -> int:
        return await self._status

    async def replace(self) -> None:
        await self.stop()
        await self.start()

    async def stop(self) -> None:
        self.stops += 1

    def kill(self) -> None:
        self.end(-9)

    def end(self, status: int) -> None:
        self._status.set_result(status)

    async def started(self, times: int) -> None:
        async def have_started() -> bool:
            return self.starts >= times

        await eventually(have_started)


@pytest.fixture(autouse=True)
def _short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgewise.processes.restarts.FIRST_DELAY", 0.001)
    monkeypatch.setattr("edgewise.processes.restarts.LAST_DELAY", 0.004)


async def test_a_process_that_ends_is_restarted_and_its_status_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    process = FakeProcess()
    async with keep_running([process]):
        for starts, status in ((1, 3), (2, -9)):
            await process.started(starts)
            process.end(status)
        await process.started(3)
    assert "worker: Process 7 ended with status 3. It restarts in" in caplog.text
    assert (
        "worker: Process 7 was ended by signal 9 (Killed), perhaps because the machine has too little memory."
        in caplog.text
    )


async def test_the_delay_doubles_up_to_a_limit(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgewise.processes.restarts.FIRST_DELAY", 0.1)
    monkeypatch.setattr("edgewise.processes.restarts.LAST_DELAY", 0.4)
    process = FakeProcess()
    async with keep_running([process]):
        for starts in range(1, 5):
            await process.started(starts)
            process.end(1)
        await process.started(5)
    assert re.findall(r"restarts in ([\d.]+) s", caplog.text) == ["0.1", "0.2", "0.4", "0.4"]


async def test_the_delay_starts_over_after_a_long_run(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgewise.processes.restarts.FIRST_DELAY", 0.1)
    monkeypatch.setattr("edgewise.processes.restarts.HEALTHY_AFTER", 0.0)
    process = FakeProcess()
    async with keep_running([process]):
        for starts in range(1, 4):
            await process.started(starts)
            process.end(1)
        await process.started(4)
    assert re.findall(r"restarts in ([\d.]+) s", caplog.text) == ["0.1", "0.1", "0.1"]


async def test_a_failed_restart_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    process = FakeProcess(failures=2)
    async with keep_running([process]):
        process.end(1)
        await process.started(4)
    assert caplog.text.count("worker: The restart failed: No store.") == 2


async def test_on_exit_all_processes_are_stopped_and_none_is_restarted() -> None:
    processes = [FakeProcess(), FakeProcess()]
    async with keep_running(processes):
        pass
    processes[0].end(0)
    await asyncio.sleep(0.02)
    assert [(process.starts, process.stops) for process in processes] == [(1, 1), (1, 1)]


async def test_an_error_in_the_context_stops_all_processes() -> None:
    process = FakeProcess()
    with pytest.raises(StoreUnavailable, match="Elsewhere"):
        async with keep_running([process]):
            raise StoreUnavailable("Elsewhere.")
    assert process.stops == 1


async def test_a_failed_first_start_is_raised_and_stops_the_others() -> None:
    first, second = FakeProcess(), FakeProcess(failures=1)
    second.starts = 1
    with pytest.raises(StoreUnavailable, match="No store"):
        async with keep_running([first, second]):
            pytest.fail("It runs.")
    assert first.stops == 1


async def test_a_replaced_process_is_watched_again(caplog: pytest.LogCaptureFixture) -> None:
    process = FakeProcess()
    async with keep_running([process]) as group:
        await group.replace([process])
        assert (process.starts, process.stops) == (2, 1)
        process.end(3)
        await process.started(3)
    assert caplog.text.count("It restarts in") == 1


async def test_a_failed_replacement_is_logged_and_the_others_are_replaced(caplog: pytest.LogCaptureFixture) -> None:
    first, second = FakeProcess(failures=1), FakeProcess()
    async with keep_running([first, second]) as group:
        await group.replace([first, second])
        assert second.starts == 2
    assert "worker: The replacement failed: No store." in caplog.text
