"""Runs measurements in several processes, one stream of one seed at a time."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.pool import Pool
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tests.quality.catalog import make_stream
from tests.quality.measurement import Measurement, measure
from tests.quality.stream import StreamError


class Job(NamedTuple):
    """One stream of one seed, and the methods that decide it."""

    stream: str
    seed: int
    methods: Sequence[str]


class JobError(Exception):
    """A job failed. The message has the stream, the seed, the method if there is one, and the cause."""


def plan(streams: Sequence[str], seeds: int, methods: Sequence[str]) -> list[Job]:
    """All streams of the first seed come first. So an interrupted run has about the same seeds of each stream."""
    return [Job(stream, seed, methods) for seed, stream in itertools.product(range(seeds), streams)]


def run_job(job: Job) -> list[Measurement]:
    with _named_errors(f"{job.stream}, seed {job.seed}"):
        stream = make_stream(job.stream, job.seed)
    measured = []
    for method in job.methods:
        with _named_errors(f"{job.stream}, seed {job.seed}, {method}"):
            measured.append(measure(stream, method, job.seed))
    return measured


@contextmanager
def _named_errors(where: str) -> Iterator[None]:
    """Other exceptions may not survive the way to another process."""
    try:
        yield
    except StreamError:
        raise
    except Exception as error:
        raise JobError(f"{where}: {type(error).__name__}: {error}") from error


def run_jobs(jobs: Sequence[Job], processes: int, console: Console) -> Iterator[list[Measurement]]:
    """The measurements of each job, in the order in which they end. The console shows the progress."""
    with _pool(processes) as pool, _progress(console) as progress:
        task = progress.add_task("Measuring", total=len(jobs))
        for done, measured in enumerate(pool.imap_unordered(run_job, jobs), 1):
            progress.update(task, completed=done)
            if not console.is_terminal and done * 20 // len(jobs) > (done - 1) * 20 // len(jobs):
                console.print(f"Measured {done} of {len(jobs)} streams", highlight=False)
            yield measured


def write_json(file: Path, measured: Sequence[Measurement]) -> None:
    """Replace the file by a JSON array with one measurement a line."""
    rows = ",\n".join(json.dumps(one.as_json(), ensure_ascii=False) for one in measured)
    part = file.with_name(f"{file.name}.part")
    part.write_text(f"[\n{rows}\n]\n" if rows else "[]\n", encoding="utf-8")
    part.replace(file)


@contextmanager
def _pool(processes: int) -> Iterator[Pool]:
    # Each process uses one core. Without the limit, their numerical libraries would start a thread for each core too.
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    os.environ.update(limits)
    with multiprocessing.get_context("spawn").Pool(processes, _ignore_interrupt) as pool:
        yield pool


def _ignore_interrupt() -> None:
    """An interrupt of the terminal reaches every process. Only the first one responds to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
