"""`Demo`: runs a server, sends visitors, and shows what the server learns."""

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
from edgewise.demo.background_traffic import BackgroundTraffic
from edgewise.demo.demo_server import HOST, DemoServer, run_server
from edgewise.demo.example import WINDOW, ExamplePolicies, copy_examples, shorten_windows
from edgewise.demo.pages import SdkTag
from edgewise.demo.scoreboard import Scoreboard
from edgewise.demo.screen import DemoState, fits_screen, render_screen
from edgewise.demo.server_status import StatusPoller
from edgewise.demo.shopper_traffic import NUDGE_SHARE_WINDOW, ROW, ShopperTraffic
from edgewise.demo.simulated_traffic import BrowsingTraffic, SimulatedTraffic
from edgewise.demo.simulated_visitors import SEGMENTS, generate_visitors
from edgewise.demo.storefront import Storefront, serve_storefront
from edgewise.demo.tally import DemoTally
from edgewise.errors import DemoFailed
from edgewise.policies.policy import Policy

FRAMES_PER_SECOND = 5
REPORT_EVERY = 5.0
"""Seconds between two reports without a terminal."""

SEED = 1

_LEARN_WITHIN = WINDOW / 1000 + 15.0


class DemoSession(NamedTuple):
    """The parts that every run of the demo has."""

    server: DemoServer
    example: ExamplePolicies
    tally: DemoTally
    poller: StatusPoller
    traffic: SimulatedTraffic


@dataclass(frozen=True, slots=True)
class Demo:
    """`rate` is the most visitors a second. With `exits`, the demo ends after the last visitor."""

    policies: Path
    port: int
    visitors: int
    rate: int
    exits: bool
    console: Console

    async def run(self) -> None:
        """Run until the end, or until SIGINT or SIGTERM, and remove all files and processes.

        Raises:
            PolicyError: `policies` does not have the example policies.
            DemoFailed: The server failed, or did not learn.
        """
        with tempfile.TemporaryDirectory(prefix="edgewise-demo-") as name, _until_signal(self._print):
            folder = Path(name)
            example = copy_examples(self.policies, folder / "policies")
            others = shorten_windows(example)
            self._print(report.introduction(example, self.policies))
            async with (
                run_server(example.folder, folder, self.port) as server,
                httpx.AsyncClient(base_url=server.url, trust_env=False) as client,
            ):
                tally = DemoTally(SEGMENTS, self.visitors, example.rewards)
                poller = StatusPoller(client, server.secret_key_file)
                traffic = SimulatedTraffic(client, example.write_key, tally)
                session = DemoSession(server, example, tally, poller, traffic)
                work = self._run_visitors(session) if self.exits else self._run_with_shop(session, client, others[ROW])
                await _run_beside(work, poller.run(), server.fail_when_ended())

    async def _run_with_shop(self, session: DemoSession, client: httpx.AsyncClient, row: Policy) -> None:
        """Serve a shop while the first visitors come, and afterwards until cancelled."""
        server, write_key = session.server, session.example.write_key
        row_tally = DemoTally(SEGMENTS, self.visitors, {})
        cart_tally = DemoTally(SEGMENTS, self.visitors, {}, share_window=NUDGE_SHARE_WINDOW)
        board = Scoreboard(session.tally, row_tally, cart_tally, session.poller)
        hero_traffic = BrowsingTraffic(client, write_key, session.tally)
        row_traffic = ShopperTraffic(client, write_key, row_tally, cart_tally, row.actions)
        background = BackgroundTraffic(hero_traffic, row_traffic, session.tally, board)

        async def run_visitors_and_stay(shop: str) -> None:
            await self._run_visitors(session, shop)
            self._print(report.suggestions(server, session.example, shop))
            await background.send_hero_visitors()

        async with serve_storefront(
            Storefront(SdkTag(server.url, write_key, server.identity_secret), SEGMENTS, board.watch).app(), HOST
        ) as url:
            self._print(report.invitation(url))
            await _run_beside(run_visitors_and_stay(url), background.send_shoppers())

    async def _run_visitors(self, session: DemoSession, shop: str = "") -> None:
        """Send the visitors, show the progress, and print the results."""
        tally, poller = session.tally, session.poller

        def state() -> DemoState:
            return DemoState(tally, poller.status, session.example, session.server.url, shop)

        await _run_beside(self._send(session), self._show(state))
        self._print((report.counts if fits_screen(self.console) else report.summary)(state()))
        if found := report.problems(state()):
            raise DemoFailed(" ".join(found))

    async def _send(self, session: DemoSession) -> None:
        """Send the visitors, and wait until the model has learned from them."""
        tally = session.tally
        try:
            async with asyncio.timeout(60 + 4 * self.visitors / self.rate):
                await session.traffic.send(generate_visitors(self.visitors, SEED), self.rate)
        except TimeoutError as error:
            raise DemoFailed(
                f"The server answered only {tally.decisions} of {self.visitors} visitors in time."
            ) from error
        with suppress(TimeoutError):
            async with asyncio.timeout(_LEARN_WITHIN):
                await session.poller.until_learned(tally.policy.visitors)

    async def _show(self, state: Callable[[], DemoState]) -> None:
        """Show the progress until cancelled."""
        if not fits_screen(self.console):
            self._print(f"Serving at {state().url}.\n")
            while True:
                await asyncio.sleep(REPORT_EVERY)
                self._print(report.progress(state()))

        def frame() -> Any:
            return render_screen(state(), self.console.width)

        with Live(console=self.console, get_renderable=frame, auto_refresh=False) as live:
            while True:
                live.refresh()
                await asyncio.sleep(1 / FRAMES_PER_SECOND)

    def _print(self, text: str) -> None:
        """Print without wrapping, which would break the commands, and without colors."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


async def _run_beside(work: Coroutine[Any, Any, None], *companions: Coroutine[Any, Any, None]) -> None:
    """Await this work while the companions run, then cancel them. An error of a companion ends the work."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in (work, *companions)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task
    except ExceptionGroup as group:
        raise _first_error(group) from group
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _first_error(error: Exception) -> Exception:
    """The first error in nested groups."""
    return _first_error(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error


@contextmanager
def _until_signal(print_line: Callable[[str], None]) -> Iterator[None]:
    """End the block in order on SIGINT and SIGTERM."""
    loop, running = asyncio.get_running_loop(), asyncio.current_task()
    assert running is not None
    stopped = asyncio.Event()

    def stop() -> None:
        if not stopped.is_set():
            stopped.set()
            running.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        yield
    except asyncio.CancelledError:
        if not stopped.is_set():
            raise
        print_line("\nStopped.")
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
