"""`edgewise replay`: a log of real traffic, run through the code that serves and learns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from edgewise.evaluate.live import replay_over_http
from edgewise.evaluate.log_reader import read_traffic
from edgewise.evaluate.log_rows import Traffic
from edgewise.evaluate.progress import Advance, progress
from edgewise.evaluate.replay_report import Replayed, Report, report_on
from edgewise.evaluate.replayed_policy import ReplayedPolicy


def replay(
    log: Path,
    map: Path,
    seeds: Sequence[int | None] = (None,),
    *,
    url: str | None = None,
    write_key: str = "default",
    console: Console,
) -> list[Report]:
    """Replay the log once for each seed, in an order of that seed's; None is the order of its times.

    With a `url` the server there decides and learns, else this process does, each time from nothing. Progress is shown
    on the console.

    Raises:
        PolicyError: the map is not TOML, or the policy that it names is wrong.
        ReplayError: the map or the log is wrong, or they do not fit each other, or the server does not do its part.
    """
    traffic = read_traffic(log, map)
    return [_replay_once(traffic, seed, url, write_key, console) for seed in seeds]


def replay_in_process(traffic: Traffic, seed: int | None, advance: Advance) -> Replayed:
    """Replay in this process. The same traffic and seed give the same choices."""
    replayed = ReplayedPolicy(traffic.policy, seed or 0)
    choices = []
    started = time.perf_counter()
    for row in traffic.rows:
        choices.append(replayed.decide(row))
        advance()
    seconds = time.perf_counter() - started
    return Replayed(choices, seconds, {"none": choices.count(None)} if None in choices else {})


def _replay_once(traffic: Traffic, seed: int | None, url: str | None, write_key: str, console: Console) -> Report:
    ordered = traffic if seed is None else traffic.shuffled(seed)
    with progress(console, "Replaying" if seed is None else f"Shuffle {seed}", len(ordered.rows)) as advance:
        if url is None:
            replayed = replay_in_process(ordered, seed, advance)
        else:
            replayed = asyncio.run(replay_over_http(ordered, url, write_key, advance))
    if url is not None:
        window = traffic.policy.reward.window / 1000
        console.print(f"Waiting {window:g} s for the last window to close", highlight=False)
        time.sleep(window)
    return report_on(ordered, replayed, seed)
