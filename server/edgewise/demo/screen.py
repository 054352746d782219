"""What is shown in a terminal while the visitors come."""

from __future__ import annotations

from typing import NamedTuple

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from edgewise.demo.example import Example
from edgewise.demo.lift import Rewards
from edgewise.demo.simulated_visitors import CLICK, ORDER, Segment, best_for_all, best_for_each
from edgewise.demo.tally import LATELY, Tally
from edgewise.demo.vitals import Vitals

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEVELS = "▁▂▃▄▅▆▇█"

MIN_WIDTH, MAX_WIDTH = 80, 120
HEIGHT = 23
"""Lines that a screen takes, as long as the policy has the example's actions."""

_NAME = 16
"""Columns before the first bar or number."""


class View(NamedTuple):
    """What there is to see."""

    tally: Tally
    vitals: Vitals
    example: Example
    url: str
    shop: str = ""
    """Where the shop is; nothing while there is none."""


def fits(console: Console) -> bool:
    """Whether this console can show a screen that moves."""
    is_alive = console.is_terminal and not console.is_dumb_terminal and not console.options.ascii_only
    return is_alive and console.width >= MIN_WIDTH and console.height > HEIGHT


def screen(view: View, width: int) -> RenderableType:
    """The whole screen. `width` is that of the terminal; more than `MAX_WIDTH` columns are left empty."""
    width = min(width, MAX_WIDTH) - 2
    return Padding(
        Group(_head(view, width), "", _segments(view.tally, width), "", _groups(view), "", _server(view)),
        (0, 1),
        expand=False,
    )


def _head(view: View, width: int) -> RenderableType:
    tally = view.tally
    came = Text(f"{tally.came:,} of {tally.planned:,} visitors ")
    bar = ProgressBar(
        tally.planned, tally.came, width - len(came), complete_style="cyan", finished_style="cyan", style="bright_black"
    )
    progress = Table.grid()
    progress.add_row(came, bar)
    shown = f"the shop: {view.shop}" if view.shop else view.url
    gap = width - len("Edgewise demo") - len(shown)
    title = Text.assemble(("Edgewise demo", "bold"), " " * gap, (shown, "cyan"))
    return Group(title, Text(f"simulated visitors; {view.example.changes}", "dim"), progress)


def _segments(tally: Tally, width: int) -> RenderableType:
    """A row for each action, a column for each segment, a bar where they meet."""
    column = (width - _NAME) // len(tally.segments)
    table = Table.grid()
    for columns in (_NAME, *[column] * len(tally.segments)):
        table.add_column(width=columns, no_wrap=True)
    table.add_row("", *(Text(segment.name) for segment in tally.segments))
    table.add_row("", *(Text(segment.looks, "dim") for segment in tally.segments))
    for action in tally.actions:
        table.add_row(action, *(_share(tally, segment, action, column - 8) for segment in tally.segments))
    heading = _heading("What each segment is shown", f"its last {LATELY} visitors;")
    return Group(Text.assemble(heading, (" ★ ", "yellow"), ("what it likes best", "dim")), table)


def _share(tally: Tally, segment: Segment, action: str, columns: int) -> Text:
    share, is_favourite = tally.share(segment, action), action == segment.favourite
    bar = (_bar(share, columns), "green" if is_favourite else "blue")
    return Text.assemble(bar, f"{share:4.0%} ", ("★" if is_favourite else "", "yellow"))


def _groups(view: View) -> RenderableType:
    """What a visitor is worth, group by group, and how they compare."""
    tally, worth = view.tally, view.tally.worth
    baseline = ", ".join(view.example.policy.baseline)
    table = _rows()
    table.add_row("policy", _mean(tally.policy), _trend(tally))
    table.add_row("control", _mean(tally.control), Text(f"{tally.control.visitors:,} who always see {baseline}", "dim"))
    table.add_row("lift", *_lift(tally))
    table.add_row(
        Text("within reach", "dim"),
        Text(f"{best_for_each(tally.segments, worth):.3f}", "dim"),
        Text(f"by the right one for each; {best_for_all(tally.segments, worth):.3f} by one for all", "dim"),
    )
    about = f"a click {worth[(CLICK,)]:g}, an order {worth[(CLICK, ORDER)]:g}"
    return Group(_heading("What a visitor is worth", about), table)


def _mean(rewards: Rewards) -> Text:
    return Text(f"{rewards.mean:.3f}" if rewards.visitors else "-", "bold")


def _lift(tally: Tally) -> tuple[Text, Text]:
    found = tally.lift()
    if found is None:
        return Text("-"), Text("too few rewards to tell yet", "dim")
    style = "bold green" if found.low > 0 else "bold"
    interval = f"95% interval {found.low:+.0%} to {found.high:+.0%}, whenever you look"
    return Text(f"{found.value:+.0%}", style), Text(interval)


def _trend(tally: Tally) -> Text:
    """The policy group's rewards, period by period, as a line of blocks."""
    top = best_for_each(tally.segments, tally.worth) * 1.2
    means = [period.mean for period in tally.periods if period.visitors]
    levels = (_LEVELS[min(int(mean / top * len(_LEVELS)), len(_LEVELS) - 1)] for mean in means)
    return Text("".join(levels), "green")


def _server(view: View) -> RenderableType:
    vitals = view.vitals
    table = _rows()
    rate = f"{view.tally.per_second:.0f}"
    table.add_row("decisions", rate, f"a second; 99% of the answers within {shown(vitals.decide_p99)}")
    version = f"{vitals.model_version}" if vitals.model_version else "-"
    known = f"{vitals.model_age:.1f} s old, has learned from {vitals.learned:,} decisions"
    table.add_row("model", version, known if vitals.model_version else Text("every banner is as likely yet", "dim"))
    table.add_row("learning delay", shown(vitals.delay_p50), f"p50 at most; p99 {shown(vitals.delay_p99)} at most")
    table.add_row("learner lag", f"{vitals.lag:.1f} s", "of the log not in a model yet")
    return Group(_heading("How the server does", "delay: from a window's close to a model that knows it"), table)


def _heading(title: str, about: str) -> Text:
    return Text.assemble((title, "bold"), "  ", (about, "dim"))


def _rows() -> Table:
    """Rows of a name, a number and what it means."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=_NAME - 2, no_wrap=True)
    table.add_column(width=7, justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    return table


def _bar(share: float, columns: int) -> str:
    """A bar in eighths of a column."""
    whole, rest = divmod(round(share * columns * 8), 8)
    return ("█" * whole + _EIGHTHS[rest]).ljust(columns)[:columns]


def shown(seconds: float | None) -> str:
    """A bound of a histogram's bucket."""
    if seconds is None:
        return "-"
    return f"{seconds * 1000:g} ms" if seconds < 0.1 else f"{seconds:g} s"
