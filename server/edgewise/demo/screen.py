"""The live screen in a terminal."""

from __future__ import annotations

from typing import NamedTuple

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from edgewise.demo.example import ExamplePolicies
from edgewise.demo.lift import GroupRewards
from edgewise.demo.server_status import ServerStatus
from edgewise.demo.simulated_visitors import CLICK, ORDER, VisitorSegment, best_for_all, best_for_each
from edgewise.demo.tally import SHARE_WINDOW, DemoTally

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEVELS = "▁▂▃▄▅▆▇█"

MIN_WIDTH, MAX_WIDTH = 80, 120
HEIGHT = 23
"""Lines of a screen for the actions of the example policy."""

_NAME = 16
"""Columns before the first bar or number."""


class DemoState(NamedTuple):
    """Everything that the screen and the reports show."""

    tally: DemoTally
    status: ServerStatus
    example: ExamplePolicies
    url: str
    shop: str = ""
    """The shop's address, or an empty string without a shop."""


def fits_screen(console: Console) -> bool:
    """Whether this console can show a live screen."""
    is_live = console.is_terminal and not console.is_dumb_terminal and not console.options.ascii_only
    return is_live and console.width >= MIN_WIDTH and console.height > HEIGHT


def render_screen(state: DemoState, width: int) -> RenderableType:
    """The whole screen. `width` is that of the terminal, of which at most `MAX_WIDTH` columns are used."""
    width = min(width, MAX_WIDTH) - 2
    return Padding(
        Group(_head(state, width), "", _segments(state.tally, width), "", _groups(state), "", _server(state)),
        (0, 1),
        expand=False,
    )


def _head(state: DemoState, width: int) -> RenderableType:
    tally = state.tally
    arrived = Text(f"{tally.arrived:,} of {tally.planned:,} visitors ")
    bar = ProgressBar(
        tally.planned,
        tally.arrived,
        width - len(arrived),
        complete_style="cyan",
        finished_style="cyan",
        style="bright_black",
    )
    progress = Table.grid()
    progress.add_row(arrived, bar)
    shown = f"the shop: {state.shop}" if state.shop else state.url
    gap = width - len("Edgewise demo") - len(shown)
    title = Text.assemble(("Edgewise demo", "bold"), " " * gap, (shown, "cyan"))
    return Group(title, Text(f"simulated visitors, {state.example.changes}", "dim"), progress)


def _segments(tally: DemoTally, width: int) -> RenderableType:
    """A table with a row for each action and a column for each segment. Its cells are bars."""
    column = (width - _NAME) // len(tally.segments)
    table = Table.grid()
    for columns in (_NAME, *[column] * len(tally.segments)):
        table.add_column(width=columns, no_wrap=True)
    table.add_row("", *(Text(segment.name) for segment in tally.segments))
    table.add_row("", *(Text(segment.looks, "dim") for segment in tally.segments))
    for action in tally.actions:
        table.add_row(action, *(_share(tally, segment, action, column - 8) for segment in tally.segments))
    heading = _heading("Shown to each segment", f"last {SHARE_WINDOW} visitors,")
    return Group(Text.assemble(heading, (" ★ ", "yellow"), ("favorite", "dim")), table)


def _share(tally: DemoTally, segment: VisitorSegment, action: str, columns: int) -> Text:
    share, is_favorite = tally.share(segment, action), action == segment.favorite
    bar = (_bar(share, columns), "green" if is_favorite else "blue")
    return Text.assemble(bar, f"{share:4.0%} ", ("★" if is_favorite else "", "yellow"))


def _groups(state: DemoState) -> RenderableType:
    """The mean reward of each group, the lift, and the best possible rewards."""
    tally, rewards = state.tally, state.tally.rewards
    baseline = ", ".join(state.example.policy.baseline)
    table = _rows()
    table.add_row("policy", _mean(tally.policy), _trend(tally))
    table.add_row(
        "control", _mean(tally.control), Text(f"{tally.control.visitors:,} visitors, always shown {baseline}", "dim")
    )
    table.add_row("lift", *_lift(tally))
    table.add_row(
        Text("best possible", "dim"),
        Text(f"{best_for_each(tally.segments, rewards):.3f}", "dim"),
        Text(f"favorites by segment, {best_for_all(tally.segments, rewards):.3f} with one action for all", "dim"),
    )
    about = f"click {rewards[(CLICK,)]:g}, order {rewards[(CLICK, ORDER)]:g}"
    return Group(_heading("Reward per visitor", about), table)


def _mean(rewards: GroupRewards) -> Text:
    return Text(f"{rewards.mean:.3f}" if rewards.visitors else "-", "bold")


def _lift(tally: DemoTally) -> tuple[Text, Text]:
    found = tally.lift()
    if found is None:
        return Text("-"), Text("too few rewards so far", "dim")
    style = "bold green" if found.low > 0 else "bold"
    interval = f"95% interval {found.low:+.0%} to {found.high:+.0%}, valid at every look"
    return Text(f"{found.value:+.0%}", style), Text(interval)


def _trend(tally: DemoTally) -> Text:
    """A sparkline of the policy group's mean reward in each period."""
    top = best_for_each(tally.segments, tally.rewards) * 1.2
    means = [period.mean for period in tally.periods if period.visitors]
    levels = (_LEVELS[min(int(mean / top * len(_LEVELS)), len(_LEVELS) - 1)] for mean in means)
    return Text("".join(levels), "green")


def _server(state: DemoState) -> RenderableType:
    status = state.status
    table = _rows()
    rate = f"{state.tally.per_second:.0f}"
    table.add_row("decisions", rate, f"a second, 99% of the responses within {format_seconds(status.decide_p99)}")
    version = f"{status.model_version}" if status.model_version else "-"
    known = f"{status.model_age:.1f} s old, has learned from {status.learned:,} decisions"
    table.add_row("model", version, known if status.model_version else Text("all actions are equally likely", "dim"))
    p50, p99 = format_seconds(status.delay_p50), format_seconds(status.delay_p99)
    table.add_row("learning delay", p50, f"p50 at most, p99 at most {p99}")
    table.add_row("learner lag", f"{status.lag:.1f} s", "of log entries not learned yet")
    return Group(_heading("Server", "delay: from the close of a reward window to a model that includes it"), table)


def _heading(title: str, about: str) -> Text:
    return Text.assemble((title, "bold"), "  ", (about, "dim"))


def _rows() -> Table:
    """A table with columns for a name, a number and an explanation."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=_NAME - 2, no_wrap=True)
    table.add_column(width=7, justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    return table


def _bar(share: float, columns: int) -> str:
    """A bar with a precision of an eighth of a column."""
    whole, rest = divmod(round(share * columns * 8), 8)
    return ("█" * whole + _EIGHTHS[rest]).ljust(columns)[:columns]


def format_seconds(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1000:g} ms" if seconds < 0.1 else f"{seconds:g} s"
