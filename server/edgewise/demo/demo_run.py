"""The demo, put together: a server, visitors, and what one sees of them."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from rich.console import Console
from rich.live import Live

from edgewise.demo import demo_report as report
from edgewise.demo.background_traffic import Crowd
from edgewise.demo.demo_server import HOST, Service, serving
from edgewise.demo.example import WINDOW, Example, copied, hurried
from edgewise.demo.pages import Server
from edgewise.demo.scoreboard import Board
from edgewise.demo.screen import View, fits, screen
from edgewise.demo.shoppers import NUDGED_LATELY, ROW, Shoppers
from edgewise.demo.simulated_traffic import Traffic
from edgewise.demo.simulated_visitors import SEGMENTS, arriving
from edgewise.demo.storefront import Storefront, opened
from edgewise.demo.tally import Tally
from edgewise.demo.vitals import Watch
from edgewise.demo.wanderers import Wanderers
from edgewise.errors import DemoFailed
from edgewise.policies.policy import Policy

FRAMES_A_SECOND = 5
LINE_EVERY = 5.0
"""Seconds between two reports, where there is no terminal."""

SEED = 1

_LEARN_WITHIN = WINDOW / 1000 + 15.0


class Stage(NamedTuple):
    """What the demo plays on: a server, its visitors, and how they and it are watched."""

    service: Service
    example: Example
    tally: Tally
    watch: Watch
    traffic: Traffic


@dataclass(frozen=True, slots=True)
class Demo:
    """So many visitors, at most `rate` a second, for the policies in a folder; `exits` says whether to end then."""

    policies: Path
    port: int
    visitors: int
    rate: int
    exits: bool
    console: Console

    async def run(self) -> None:
        """Run until the end, or until SIGINT or SIGTERM. Nothing is left behind.

        Raises:
            PolicyError: `policies` does not hold the example policies.
            DemoFailed: the server failed, or has not learned.
        """
        with tempfile.TemporaryDirectory(prefix="edgewise-demo-") as name, _until_told_to_stop(self._say):
            folder = Path(name)
            example = copied(self.policies, folder / "policies")
            others = hurried(example)
            self._say(report.introduction(example, self.policies))
            async with (
                serving(example.folder, folder, self.port) as service,
                httpx.AsyncClient(base_url=service.url, trust_env=False) as client,
            ):
                tally = Tally(SEGMENTS, self.visitors, example.worth)
                watch = Watch(client, service.secret_key_file)
                stage = Stage(service, example, tally, watch, Traffic(client, example.write_key, tally))
                work = self._demonstrate(stage) if self.exits else self._keep_shop(stage, client, others[ROW])
                await _beside(work, watch.run(), service.ends())

    async def _keep_shop(self, stage: Stage, client: httpx.AsyncClient, row: Policy) -> None:
        """Keep a shop open, while it is demonstrated what is learned and from then on."""
        service, write_key = stage.service, stage.example.write_key
        seen, nudged = Tally(SEGMENTS, self.visitors, {}), Tally(SEGMENTS, self.visitors, {}, lately=NUDGED_LATELY)
        board = Board(stage.tally, seen, nudged, stage.watch)
        wanderers = Wanderers(client, write_key, stage.tally)
        shoppers = Shoppers(client, write_key, seen, nudged, row.actions)
        crowd = Crowd(wanderers, shoppers, stage.tally, board)

        async def demonstrate_and_stay(shop: str) -> None:
            await self._demonstrate(stage, shop)
            self._say(report.suggestions(service, stage.example, shop))
            await crowd.lingers()

        async with opened(Storefront(Server(service.url, write_key), SEGMENTS, board.looked).app(), HOST) as url:
            self._say(report.invitation(url))
            await _beside(demonstrate_and_stay(url), crowd.shops())

    async def _demonstrate(self, stage: Stage, shop: str = "") -> None:
        """Send the visitors, show what is learned of them, and tell how it went."""
        tally, watch = stage.tally, stage.watch

        def view() -> View:
            return View(tally, watch.vitals, stage.example, stage.service.url, shop)

        await _beside(self._send(stage), self._show(view))
        self._say((report.counts if fits(self.console) else report.summary)(view()))
        if found := report.complaints(view()):
            raise DemoFailed("; ".join(found))

    async def _send(self, stage: Stage) -> None:
        """Send the visitors, and wait until what they did is learned."""
        tally = stage.tally
        try:
            async with asyncio.timeout(60 + 4 * self.visitors / self.rate):
                await stage.traffic.send(arriving(self.visitors, SEED), self.rate)
        except TimeoutError as error:
            raise DemoFailed(f"only {tally.decisions} of {self.visitors} visitors were served in time") from error
        with suppress(TimeoutError):
            async with asyncio.timeout(_LEARN_WITHIN):
                await stage.watch.until_learned(tally.policy.visitors)

    async def _show(self, view: Callable[[], View]) -> None:
        """Show how it goes, for ever."""
        if not fits(self.console):
            self._say(f"Serving at {view().url}.\n")
            while True:
                await asyncio.sleep(LINE_EVERY)
                self._say(report.progress(view()))

        def frame() -> Any:
            return screen(view(), self.console.width)

        with Live(console=self.console, get_renderable=frame, auto_refresh=False) as live:
            while True:
                live.refresh()
                await asyncio.sleep(1 / FRAMES_A_SECOND)

    def _say(self, text: str) -> None:
        """Say it as it is: neither wrapped, which would spoil a command, nor coloured."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


async def _beside(work: Coroutine[Any, Any, None], *companions: Coroutine[Any, Any, None]) -> None:
    """Do this work while the companions run. When one of them fails, so does the work."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in (work, *companions)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task
    except ExceptionGroup as group:
        raise _first(group) from group
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _first(error: Exception) -> Exception:
    """The first error of a group of groups."""
    return _first(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error


@contextmanager
def _until_told_to_stop(say: Callable[[str], None]) -> Iterator[None]:
    """SIGINT and SIGTERM end the block, in order."""
    loop, running = asyncio.get_running_loop(), asyncio.current_task()
    assert running is not None
    told = asyncio.Event()

    def stop() -> None:
        if not told.is_set():
            told.set()
            running.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        yield
    except asyncio.CancelledError:
        if not told.is_set():
            raise
        say("\nStopped.")
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
