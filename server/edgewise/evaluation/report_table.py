"""Replay reports as tables and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from statistics import fmean

from rich import box
from rich.console import Console
from rich.table import Table

from edgewise.evaluation.estimate import Estimate
from edgewise.evaluation.replay_report import Halves, ReplayReport


def as_json(reports: Sequence[ReplayReport]) -> str:
    """One report, or several with the mean and the minimum of their differences. Unknown values are null."""
    if len(reports) == 1:
        return json.dumps(reports[0].as_json(), indent=2)
    parts = zip(Halves._fields, _means_and_minima(reports), strict=True)
    summary = {part: {"mean": mean, "min": minimum} for part, (mean, minimum) in parts}
    return json.dumps({"replays": [report.as_json() for report in reports], "difference": summary}, indent=2)


def print_reports(console: Console, reports: Sequence[ReplayReport]) -> None:
    """Print one replay in detail, or the difference to the best single action for each of several."""
    if len(reports) == 1:
        _print_report(console, reports[0])
    else:
        _print_several(console, reports)


def _print_report(console: Console, report: ReplayReport) -> None:
    table = _table("mean reward", "all rows", "first half", "second half")
    rows = (
        ("policy", report.policy),
        ("log", report.logged),
        (f"always {report.best_action}", report.best),
        ("policy - best", report.difference),
    )
    for name, halves in rows:
        table.add_row(name, *map(_interval, halves))
    console.print(table)
    _print_counts(console, report)


def _print_several(console: Console, reports: Sequence[ReplayReport]) -> None:
    table = _table("policy - best", "all rows", "first half", "second half")
    for report in reports:
        table.add_row(f"seed {report.seed}", *map(_interval, report.difference))
    table.add_section()
    for name, figures in zip(("mean", "min"), zip(*_means_and_minima(reports), strict=True), strict=True):
        table.add_row(name, *map(_number, figures))
    console.print(table)
    console.print(f"best single action: {', '.join(sorted({report.best_action for report in reports}))}")


def _table(title: str, *columns: str) -> Table:
    table = Table(title, box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _print_counts(console: Console, report: ReplayReport) -> None:
    counts = [f"same action as the log in {report.policy.all.rows} of {report.rows} rows"]
    counts.append(f"{report.decisions_per_second:,.0f} decisions/s")
    counts += [f"{count} rows left out (group {group})" for group, count in sorted(report.left_out.items())]
    if report.clamped:
        counts.append(f"{report.clamped} rewards clamped to the policy's range")
    console.print(", ".join(counts), highlight=False)


def _means_and_minima(reports: Sequence[ReplayReport]) -> list[tuple[float, float]]:
    """The mean and the minimum of the differences: over all rows, first halves and second halves."""
    parts = zip(*(report.difference for report in reports), strict=True)
    return [(fmean(means := [one.mean for one in part]), min(means)) for part in parts]


def _interval(estimate: Estimate) -> str:
    return f"{_number(estimate.mean)} ± {_number(estimate.half_width)}"


def _number(value: float) -> str:
    return "?" if math.isnan(value) else f"{value:.4f}"
