"""Measures how well new policies decide, next to what one could install instead.

    make quality ARGS='--streams shop5 FILE.py:NAME --methods edgewise linucb-0.1 --seeds 20 --json OUT'

docs/engineering/learning.md describes the streams, the methods and the score.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from rich.console import Console

from tests.quality.catalog import METHODS, UnknownName, check_method, expand_streams, stream_name
from tests.quality.goals import goals
from tests.quality.jobs import plan, run_jobs, write_json
from tests.quality.measurement import Measurement
from tests.quality.peers import MARKS
from tests.quality.report import report
from tests.quality.results import Results
from tests.quality.stream import StreamError
from tests.quality.streams import STREAMS

INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0 for a measurement, 1 for a missed goal with `--check`, 2 for a wrong argument."""
    given = _parser().parse_args(arguments)
    console = Console(stderr=True)
    try:
        streams = [one for text in given.streams for one in expand_streams(text)]
        given.methods = list(dict.fromkeys(given.methods))
        for method in given.methods:
            check_method(method)
        _check_unique([stream_name(one) for one in streams])
        return _measure(given, streams, console)
    except (UnknownName, StreamError) as error:
        console.print(str(error), style="red", highlight=False, markup=False)
        return 2


def _measure(given: argparse.Namespace, streams: list[str], console: Console) -> int:
    measured: list[Measurement] = []
    is_interrupted = False
    try:
        for finished in run_jobs(plan(streams, given.seeds, given.methods), given.processes, console):
            measured += finished
            if given.json:
                write_json(given.json, measured)
    except KeyboardInterrupt:
        is_interrupted = True
        console.print("Interrupted. The report has the finished streams.", highlight=False)
    results = Results(measured, [stream_name(one) for one in streams], given.methods)
    if measured:
        print(report(results, list(MARKS)))
    if is_interrupted:
        return INTERRUPTED
    return int(given.check and not all(goal.is_reached for goal in goals(results)))


def _check_unique(names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise UnknownName(f"{name}: Two streams have this name. Rename one of them.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m tests.quality", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--streams", nargs="+", default=list(STREAMS), metavar="NAME", help="a name, FILE.py:NAME, or FILE.py for all")
    add("--methods", nargs="+", default=list(METHODS), metavar="NAME", help=f"some of {', '.join(METHODS)}")
    add("--seeds", type=_positive, default=10, metavar="N", help="the number of seeds, from 0 (default: 10)")
    add("--json", type=Path, metavar="OUT", help="write each score to this file")
    add("--processes", type=_positive, default=min(2, os.cpu_count() or 1), metavar="N", help="default: 2")
    add("--check", action="store_true", help="exit with 1 if a goal is missed")
    return parser


def _positive(text: str) -> int:
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"Expected a positive number, found {text!r}.")


if __name__ == "__main__":
    sys.exit(main())
