"""The report of a measurement in Markdown: a table of scores, the distance to the best peer, and the goals."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tests.quality.catalog import EDGEWISE
from tests.quality.goals import goals
from tests.quality.measurement import RECOVERY
from tests.quality.results import Results

KEY = """\
Mean score over seeds: 0 is uniform, 100 is the oracle. ▲ significantly better than Edgewise, ▼ significantly worse.
Significance: paired bootstrap over seeds, 5%, with Holm's correction over all comparisons of the table.
* is no peer. `best-single` and `oracle` need hindsight, and `uniform` is where the scale begins."""


def report(results: Results, marks: Sequence[str]) -> str:
    """The whole report. `marks` are the methods that are no peers."""
    parts = [KEY, _scores(results, marks), _best_peers(results), _changes(results), _goals(results)]
    return "\n\n".join(part for part in parts if part)


def _scores(results: Results, marks: Sequence[str]) -> str:
    head = ["stream", "seeds", *(f"{method}*" if method in marks else method for method in results.methods)]
    rows = []
    for stream in results.streams:
        seeds = max(len(results.of(stream, method)) for method in results.methods)
        rows.append([stream, str(seeds), *(_score(results, stream, method) for method in results.methods)])
    return _table(head, rows)


def _score(results: Results, stream: str, method: str) -> str:
    score = results.mean(stream, method)
    if math.isnan(score):
        return ""
    compared = results.comparisons.get((stream, method))
    mark = "" if compared is None else "▲" if compared.is_below else "▼" if compared.is_above else ""
    return f"{score:.1f}{mark}"


def _best_peers(results: Results) -> str:
    rows = []
    for stream in results.streams:
        peer = results.best_peer(stream)
        if peer is not None and (stream, peer) in results.comparisons:
            compared = results.comparisons[stream, peer]
            interval = f"{compared.low:+.1f} to {compared.high:+.1f}"
            above = "yes" if results.is_above_every_peer(stream) else "no"
            rows.append([stream, peer, f"{compared.difference:+.1f}", interval, above])
    head = ["stream", "best peer", "Edgewise minus best peer", "95% interval", "significantly above every peer"]
    return _table(head, rows) if rows else ""


def _changes(results: Results) -> str:
    """The share of the score that each method has again some time after a change of tastes."""
    rows = []
    for stream in results.streams:
        shares = [results.recovered(stream, method) for method in results.methods]
        if not all(map(math.isnan, shares)):
            rows.append([stream, *("" if math.isnan(share) else f"{share:.0%}" for share in shares)])
    head = [f"score {RECOVERY:,} events after the change, of the score before it", *results.methods]
    return _table(head, rows) if rows else ""


def _goals(results: Results) -> str:
    rows = [["yes" if goal.is_reached else "NO", goal.text, goal.found] for goal in goals(results)]
    return _table(["reached", "goal for Edgewise", "found"], rows) if rows and EDGEWISE in results.methods else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )
