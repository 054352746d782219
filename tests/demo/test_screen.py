from __future__ import annotations

import io
from pathlib import Path
from random import Random

import pytest
from rich.console import Console

from edgewise.demo.example import ExamplePolicies, copy_examples
from edgewise.demo.screen import HEIGHT, DemoState, fits_screen, render_screen
from edgewise.demo.server_status import ServerStatus
from edgewise.demo.simulated_visitors import SEGMENTS, generate_visitors
from edgewise.demo.tally import DemoTally

EXAMPLES = Path(__file__).parents[2] / "policies"
VITALS = ServerStatus(1234, 0.6, 12_345, 0.4, 0.75, 1.5, 0.01)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> ExamplePolicies:
    return copy_examples(EXAMPLES, tmp_path_factory.mktemp("demo") / "policies")


def state_of(example: ExamplePolicies, visitors: int, status: ServerStatus) -> DemoState:
    """The state after this many visitors, 80% of which saw their favorite."""
    tally = DemoTally(SEGMENTS, 6000, example.rewards)
    random = Random(1)
    for visitor in generate_visitors(visitors, 1):
        group = "control" if random.random() < 0.2 else "policy"
        liked = visitor.segment.favorite if random.random() < 0.8 else "plain"
        action = "plain" if group == "control" else liked
        tally.count_visitor()
        tally.count_decision(visitor, group, action)
        tally.count_reaction(visitor, group, action)
    return DemoState(tally, status, example, "http://127.0.0.1:65535")


def lines_of(state: DemoState, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as capture:
        console.print(render_screen(state, width))
    return capture.get().splitlines()


@pytest.mark.parametrize("width", [80, 100, 120, 200])
@pytest.mark.parametrize("visitors", [0, 100, 6000])
def test_every_line_fits_the_terminal(example: ExamplePolicies, width: int, visitors: int) -> None:
    lines = lines_of(state_of(example, visitors, VITALS if visitors else ServerStatus()), width)
    assert len(lines) == HEIGHT
    assert all(len(line) <= width and "…" not in line for line in lines)


def test_the_first_line_has_the_address_of_an_open_shop(example: ExamplePolicies) -> None:
    state = state_of(example, 0, ServerStatus())
    [first, *_] = lines_of(state._replace(shop="http://127.0.0.1:65534"), 80)
    assert first.rstrip().endswith("the shop: http://127.0.0.1:65534")
    [first, *_] = lines_of(state, 80)
    assert first.rstrip().endswith("http://127.0.0.1:65535")


@pytest.mark.parametrize("width", [80, 120])
def test_bars_show_the_shares_and_stars_the_favorites(example: ExamplePolicies, width: int) -> None:
    rows = {line.split()[0]: line for line in lines_of(state_of(example, 6000, VITALS), width) if "%" in line}
    for segment in SEGMENTS:
        row = rows[segment.favorite]
        assert row.count("★") == 1
        assert row.index("█" * (width // 12)) < row.index("★")
    assert "★" not in rows["plain"]


def test_the_lift_requires_enough_rewards(example: ExamplePolicies) -> None:
    few, many = (" ".join(lines_of(state_of(example, count, VITALS), 80)) for count in (50, 6000))
    assert "too few rewards so far" in few
    assert "95% interval" not in few
    assert "95% interval +" in many


def test_the_screen_has_the_model_and_the_delays(example: ExamplePolicies) -> None:
    text = " ".join(" ".join(lines_of(state_of(example, 100, VITALS), 80)).split())
    for part in ("model 1234 0.6 s old", "12,345 decisions", "delay 0.75 s p50 at most, p99 at most 1.5 s", "10 ms"):
        assert part in text
    assert "all actions are equally likely" in " ".join(lines_of(state_of(example, 100, ServerStatus()), 80))


@pytest.mark.parametrize(
    ("is_terminal", "width", "height", "fitting"),
    [(True, 80, 24, True), (True, 79, 24, False), (True, 80, 23, False), (False, 120, 40, False)],
)
def test_only_a_large_terminal_shows_a_screen(is_terminal: bool, width: int, height: int, fitting: bool) -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    console = Console(file=file, force_terminal=is_terminal, width=width, height=height, _environ={"TERM": "xterm"})
    assert fits_screen(console) is fitting
