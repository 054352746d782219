from __future__ import annotations

import io
from pathlib import Path
from random import Random

import pytest
from rich.console import Console

from edgewise.demo.example import Example, copied
from edgewise.demo.screen import HEIGHT, View, fits, screen
from edgewise.demo.simulated_visitors import SEGMENTS, arriving
from edgewise.demo.tally import Tally
from edgewise.demo.vitals import Vitals

EXAMPLES = Path(__file__).parents[2] / "policies"
VITALS = Vitals(1234, 0.6, 12_345, 0.4, 0.75, 1.5, 0.01)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    return copied(EXAMPLES, tmp_path_factory.mktemp("demo") / "policies")


def view_of(example: Example, visitors: int, vitals: Vitals) -> View:
    """What is seen after so many visitors, to whom their favourite was shown four times in five."""
    tally = Tally(SEGMENTS, 6000, example.worth)
    random = Random(1)
    for visitor in arriving(visitors, 1):
        group = "control" if random.random() < 0.2 else "policy"
        liked = visitor.segment.favourite if random.random() < 0.8 else "plain"
        action = "plain" if group == "control" else liked
        tally.arrived()
        tally.decided(visitor, group, action)
        tally.reacted(visitor, group, action)
    return View(tally, vitals, example, "http://127.0.0.1:65535")


def lines_of(view: View, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as capture:
        console.print(screen(view, width))
    return capture.get().splitlines()


@pytest.mark.parametrize("width", [80, 100, 120, 200])
@pytest.mark.parametrize("visitors", [0, 100, 6000])
def test_every_line_fits_the_terminal(example: Example, width: int, visitors: int) -> None:
    lines = lines_of(view_of(example, visitors, VITALS if visitors else Vitals()), width)
    assert len(lines) == HEIGHT
    assert all(len(line) <= width and "…" not in line for line in lines)


def test_the_shop_is_named_at_the_top_once_it_is_open(example: Example) -> None:
    view = view_of(example, 0, Vitals())
    [first, *_] = lines_of(view._replace(shop="http://127.0.0.1:65534"), 80)
    assert first.rstrip().endswith("the shop: http://127.0.0.1:65534")
    [first, *_] = lines_of(view, 80)
    assert first.rstrip().endswith("http://127.0.0.1:65535")


@pytest.mark.parametrize("width", [80, 120])
def test_bars_show_what_each_segment_is_shown_and_stars_what_it_likes(example: Example, width: int) -> None:
    rows = {line.split()[0]: line for line in lines_of(view_of(example, 6000, VITALS), width) if "%" in line}
    for segment in SEGMENTS:
        row = rows[segment.favourite]
        assert row.count("★") == 1
        assert row.index("█" * (width // 12)) < row.index("★")
    assert "★" not in rows["plain"]


def test_groups_are_compared_once_there_is_enough_to_compare(example: Example) -> None:
    few, many = (" ".join(lines_of(view_of(example, count, VITALS), 80)) for count in (50, 6000))
    assert "too few rewards to tell yet" in few
    assert "95% interval" not in few
    assert "95% interval +" in many


def test_the_server_shows_its_model_and_its_delays(example: Example) -> None:
    text = " ".join(" ".join(lines_of(view_of(example, 100, VITALS), 80)).split())
    for part in ("model 1234 0.6 s old", "12,345 decisions", "delay 0.75 s p50 at most; p99 1.5 s at most", "10 ms"):
        assert part in text
    assert "every banner is as likely yet" in " ".join(lines_of(view_of(example, 100, Vitals()), 80))


@pytest.mark.parametrize(
    ("is_terminal", "width", "height", "fitting"),
    [(True, 80, 24, True), (True, 79, 24, False), (True, 80, 23, False), (False, 120, 40, False)],
)
def test_only_a_terminal_that_is_large_enough_shows_a_screen(
    is_terminal: bool, width: int, height: int, fitting: bool
) -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    console = Console(file=file, force_terminal=is_terminal, width=width, height=height, _environ={"TERM": "xterm"})
    assert fits(console) is fitting
