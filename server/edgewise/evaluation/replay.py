"""`edgewise replay`: lets a policy decide the rows of a log again, and learn from them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from edgewise.evaluation.logged_traffic import LoggedTraffic
from edgewise.evaluation.progress import Advance, progress
from edgewise.evaluation.replay_report import ReplayReport, ReplayResult, make_report
from edgewise.evaluation.replayed_policy import ReplayedPolicy
from edgewise.evaluation.server_replay import replay_over_http
from edgewise.evaluation.traffic_reader import read_traffic


def replay(
    log: Path,
    map: Path,
    seeds: Sequence[int | None] = (None,),
    *,
    url: str | None = None,
    write_key: str = "default",
    console: Console,
) -> list[ReplayReport]:
    """Replay the log once for each seed, in the shuffled order of the seed. None is the order of times.

    With a `url`, that server decides and learns. Otherwise this process does, each time with a new model. The console
    shows the progress.

    Raises:
        PolicyError: the map is not TOML, or its policy is invalid.
        ReplayError: the map or the log is invalid, they do not match each other, or the server fails.
    """
    traffic = read_traffic(log, map)
    return [_replay_once(traffic, seed, url, write_key, console) for seed in seeds]


def replay_in_process(traffic: LoggedTraffic, seed: int | None, advance: Advance) -> ReplayResult:
    """Replay in this process. The same traffic and seed give the same choices."""
    replayed = ReplayedPolicy(traffic.policy, seed or 0)
    choices = []
    started = time.perf_counter()
    for row in traffic.rows:
        choices.append(replayed.decide(row))
        advance()
    seconds = time.perf_counter() - started
    return ReplayResult(choices, seconds, {"none": choices.count(None)} if None in choices else {})


def _replay_once(
    traffic: LoggedTraffic, seed: int | None, url: str | None, write_key: str, console: Console
) -> ReplayReport:
    ordered = traffic if seed is None else traffic.shuffled(seed)
    with progress(console, "Replaying" if seed is None else f"Shuffle {seed}", len(ordered.rows)) as advance:
        if url is None:
            replayed = replay_in_process(ordered, seed, advance)
        else:
            replayed = asyncio.run(replay_over_http(ordered, url, write_key, advance))
    if url is not None:
        window = traffic.policy.reward.window / 1000
        console.print(f"Waiting {window:g} s until the last reward window closes.", highlight=False)
        time.sleep(window)
    return make_report(ordered, replayed, seed)
