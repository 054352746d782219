"""Progress of a long run: a bar on a terminal, or a line for each tenth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Advance: TypeAlias = Callable[[], None]
"""Reports one completed step."""

_STEPS_PER_UPDATE = 100


@contextmanager
def progress(console: Console, label: str, total: int) -> Iterator[Advance]:
    """Show the progress of a run of `total` steps."""
    done = 0
    if console.is_terminal:
        with Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
        ) as bar:
            task = bar.add_task(label, total=total)

            def advance() -> None:
                nonlocal done
                done += 1
                if done % _STEPS_PER_UPDATE == 0 or done == total:
                    bar.update(task, completed=done)

            yield advance
    else:

        def advance() -> None:
            nonlocal done
            done += 1
            if done * 10 // total > (done - 1) * 10 // total:
                console.print(f"{label}: {done} of {total} rows", highlight=False)

        yield advance
