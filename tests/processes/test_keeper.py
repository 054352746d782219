"""The keeper: what ends is started again, later and later; what is stopped stays so."""

from __future__ import annotations

import asyncio
import re

import pytest

from edgewise.errors import StoreUnavailable
from edgewise.processes.keeper import running
from tests.eventually import eventually


class Service:
    """Ends when told to, by `end`; `refusals` is how often it does not start after its first start."""

    name = "service"
    pid = 7

    def __init__(self, refusals: int = 0) -> None:
        self.starts = 0
        self.stops = 0
        self._refusals = refusals
        self._status: asyncio.Future[int] = asyncio.Future()

    async def start(self) -> None:
        self.starts += 1
        if self.starts > 1 and self._refusals:
            self._refusals -= 1
            raise StoreUnavailable("not today")
        self._status = asyncio.Future()

    async def wait(self) -> int:
        return await self._status

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
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgewise.processes.keeper.FIRST_DELAY", 0.001)
    monkeypatch.setattr("edgewise.processes.keeper.LAST_DELAY", 0.004)


async def test_what_ends_is_started_again_and_how_it_ended_is_told(caplog: pytest.LogCaptureFixture) -> None:
    service = Service()
    async with running([service]):
        for starts, status in ((1, 3), (2, -9)):
            await service.started(starts)
            service.end(status)
        await service.started(3)
    assert "service (process 7) ended with status 3; it is started again" in caplog.text
    assert "service (process 7) was ended by signal 9; it is started again" in caplog.text


async def test_what_keeps_ending_is_started_later_and_later_up_to_a_limit(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgewise.processes.keeper.FIRST_DELAY", 0.1)
    monkeypatch.setattr("edgewise.processes.keeper.LAST_DELAY", 0.4)
    service = Service()
    async with running([service]):
        for starts in range(1, 5):
            await service.started(starts)
            service.end(1)
        await service.started(5)
    assert re.findall(r"again in ([\d.]+) s", caplog.text) == ["0.1", "0.2", "0.4", "0.4"]


async def test_what_ran_long_counts_as_healthy_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgewise.processes.keeper.FIRST_DELAY", 0.1)
    monkeypatch.setattr("edgewise.processes.keeper.HEALTHY_AFTER", 0.0)
    service = Service()
    async with running([service]):
        for starts in range(1, 4):
            await service.started(starts)
            service.end(1)
        await service.started(4)
    assert re.findall(r"again in ([\d.]+) s", caplog.text) == ["0.1", "0.1", "0.1"]


async def test_what_does_not_start_again_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    service = Service(refusals=2)
    async with running([service]):
        service.end(1)
        await service.started(4)
    assert caplog.text.count("service does not start: not today") == 2


async def test_at_the_end_all_are_stopped_and_none_is_started_again() -> None:
    services = [Service(), Service()]
    async with running(services):
        pass
    services[0].end(0)
    await asyncio.sleep(0.02)
    assert [(service.starts, service.stops) for service in services] == [(1, 1), (1, 1)]


async def test_all_are_stopped_when_the_server_fails() -> None:
    service = Service()
    with pytest.raises(StoreUnavailable, match="elsewhere"):
        async with running([service]):
            raise StoreUnavailable("elsewhere")
    assert service.stops == 1


async def test_a_first_start_that_fails_is_told_to_the_caller_and_the_others_are_stopped() -> None:
    first, second = Service(), Service(refusals=1)
    second.starts = 1
    with pytest.raises(StoreUnavailable, match="not today"):
        async with running([first, second]):
            pytest.fail("it runs")
    assert first.stops == 1
