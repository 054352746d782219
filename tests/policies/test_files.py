from __future__ import annotations

from pathlib import Path

import pytest

from edgewise.errors import PolicyError, Problem
from edgewise.policies.files import read_policy
from edgewise.policies.policy import Action, Cap, Explore, Features, Pin, Policy, Reward

SMALLEST = """
placement = "hero"
baseline = "plain"
[[actions]]
id = "plain"
"""

FULL = """
placement = "hero"
slots = 2
baseline = ["plain", "two words, and a 'quote'"]
enabled = false
sticky = "visitor"

[explore]
algorithm = "regcb"
floor = 1
mode = "apprentice"

[reward]
window = "1500ms"
impression_within = "6h"
combine = "max"
default = 1
range = [-1, 2]
attribute = "all"
[reward.events]
"$click" = 1
"Order Completed" = 2.5

[features]
namespaces = ["data", "page", "data"]

[control]
share = 0

[[actions]]
id = "plain"

[[actions]]
id = "two words, and a 'quote'"
features = { tone = "warm", discount = 10, weight = 0.5, new = true, tags = ["a", 1, false] }
payload = { headline = "Grüße", nested = { list = [1, 2.5, "x", [true]] } }

[[actions]]
id = "for students"
when = { "visitor.segments" = { "$in" = ["student"] } }
enabled = false
starts = 2026-11-27T00:00:00+01:00
ends = 2026-11-30T23:00:00Z
cap = { count = 3, per = "day" }
not_after = ["Dismissed", "$click", "Dismissed"]

[[pins]]
action = "for students"
when = { "page.type" = "campus" }

[[pins]]
action = "plain"
"""


def read(folder: Path, source: str) -> Policy:
    file = folder / "hero.toml"
    file.write_text(source, encoding="utf-8")
    return read_policy(file)


def problems(folder: Path, source: str) -> list[Problem]:
    with pytest.raises(PolicyError) as caught:
        read(folder, source)
    return caught.value.problems


def test_a_small_file_is_a_policy_with_the_documented_defaults(tmp_path: Path) -> None:
    policy = read(tmp_path, SMALLEST)
    assert policy == Policy("hero", actions=(Action("plain"),), baseline=("plain",))
    assert policy.reward == Reward(60_000, 600_000, "sum", 0.0, 0.0, 1.0, "last", {"$click": 1.0})
    assert policy.control_share == 0.05


def test_everything_that_a_file_says_is_in_the_policy(tmp_path: Path) -> None:
    words = "two words, and a 'quote'"
    assert read(tmp_path, FULL) == Policy(
        placement="hero",
        actions=(
            Action("plain"),
            Action(
                words,
                {"tone": "warm", "discount": 10, "weight": 0.5, "new": True, "tags": ("a", 1, False)},
                {"headline": "Grüße", "nested": {"list": [1, 2.5, "x", [True]]}},
            ),
            Action(
                "for students",
                when={"visitor.segments": {"$in": ["student"]}},
                enabled=False,
                starts=1_795_734_000_000,
                ends=1_796_079_600_000,
                cap=Cap(3, "day"),
                not_after=("Dismissed", "$click"),
            ),
        ),
        baseline=("plain", words),
        slots=2,
        explore=Explore("regcb", 1.0, "apprentice"),
        reward=Reward(1500, 6 * 3_600_000, "max", 1.0, -1.0, 2.0, "all", {"$click": 1.0, "Order Completed": 2.5}),
        features=Features(("page", "data")),
        control_share=0.0,
        enabled=False,
        pins=(Pin("for students", {"page.type": "campus"}), Pin("plain")),
        sticky="visitor",
    )


DURATION = 'expected a duration such as "500ms", "60s", "10m", "6h" or "7d", more than 0 and at most 7 days'
NAME = "expected 1 to 64 of a-z, 0-9, _ and -, the first of them a letter or a digit"
ID = "expected text of 1 to 128 printable characters"
SEVEN_DAYS_AND_A_BIT = 7 * 86_400_000 + 1


@pytest.mark.parametrize(
    ("was", "now", "path", "message"),
    [
        ('placement = "hero"', "", "placement", "is missing, and it is required"),
        ('placement = "hero"', 'placement = "Hero"', "placement", f'found "Hero", {NAME}'),
        ('placement = "hero"', f'placement = "{"a" * 65}"', "placement", f'found "{"a" * 65}", {NAME}'),
        ('placement = "hero"', "placement = 1", "placement", f"found 1, {NAME}"),
        ("slots = 2", "slots = 0", "slots", "found 0, expected a whole number from 1 to 20"),
        ("slots = 2", "slots = 2.0", "slots", "found 2.0, expected a whole number from 1 to 20"),
        ("slots = 2", "slots = true", "slots", "found true, expected a whole number from 1 to 20"),
        ("slots = 2", "slots = 3", "baseline", "found 2 action ids, expected 3, one for each of `slots`"),
        ("slots = 2", "slot = 2", "slot", 'did you mean "slots"?'),
        ("slots = 2", "slots = 2\n[bandit]", "bandit", "found an unknown key, expected one of placement, slots, "),
        # Exploration
        (
            'algorithm = "regcb"',
            'algorithm = "linucb"',
            "explore.algorithm",
            'found "linucb", expected one of squarecb, ',
        ),
        ('algorithm = "regcb"', 'algorithm = "squarcb"', "explore.algorithm", 'did you mean "squarecb"?'),
        ('mode = "apprentice"', "mode = 1", "explore.mode", "found 1, expected one of online, apprentice, frozen"),
        (
            "floor = 1",
            "floor = 0",
            "explore.floor",
            "found 0, expected more than 0 and at most 1: with a floor of 0 some actions are never tried, and no "
            "offline evaluation is possible",
        ),
        ("floor = 1", "floor = 1.01", "explore.floor", "found 1.01, expected more than 0 and at most 1"),
        ("floor = 1", "floor = -0.1", "explore.floor", "found -0.1, expected more than 0 and at most 1"),
        ("floor = 1", "floor = nan", "explore.floor", "found nan, expected a finite number"),
        (
            "floor = 1",
            "flor = 1",
            "explore.flor",
            "found an unknown key, expected one of algorithm, floor, mode; did you",
        ),
        # Reward
        ('window = "1500ms"', 'window = "0s"', "reward.window", f'found "0s", {DURATION}'),
        ('window = "1500ms"', "window = 60", "reward.window", f"found 60, {DURATION}"),
        ('window = "1500ms"', 'window = "1.5h"', "reward.window", f'found "1.5h", {DURATION}'),
        ('window = "1500ms"', 'window = "1 week"', "reward.window", f'found "1 week", {DURATION}'),
        (
            'window = "1500ms"',
            f'window = "{SEVEN_DAYS_AND_A_BIT}ms"',
            "reward.window",
            f'found "{SEVEN_DAYS_AND_A_BIT}ms", {DURATION}',
        ),
        ('"6h"', '"8d"', "reward.impression_within", f'found "8d", {DURATION}'),
        ('"max"', '"mean"', "reward.combine", 'found "mean", expected one of first, sum, max'),
        ('"all"', '"first"', "reward.attribute", 'found "first", expected one of last, all'),
        ("[-1, 2]", "[2, -1]", "reward.range", "found [2, -1], expected the first to be lower than the second"),
        ("[-1, 2]", "[1, 1]", "reward.range", "found [1, 1], expected the first to be lower than the second"),
        ("[-1, 2]", "[1]", "reward.range", "found a list of 1, expected a list of two numbers, low and high"),
        ("[-1, 2]", "[0, inf]", "reward.range", "found inf, expected a finite number"),
        ("[-1, 2]", "[2, 3]", "reward.default", "found 1, expected a number within `range`, from 2 to 3"),
        ("default = 1\n", 'default = "1"\n', "reward.default", 'found "1", expected a finite number'),
        ("= 2.5", "= inf", 'reward.events["Order Completed"]', "found inf, expected a finite number"),
        ("= 2.5", "= true", 'reward.events["Order Completed"]', "found true, expected a finite number"),
        (
            '"$click" = 1',
            '"$clik" = 1',
            "reward.events.$clik",
            'found "$clik", expected $click or an event name of your',
        ),
        (
            '"$click" = 1',
            '"$reward" = 1',
            "reward.events.$reward",
            'found "$reward", expected $click or an event name of',
        ),
        ('"$click" = 1', '"" = 1', 'reward.events[""]', f'found "", {ID}'),
        # Features, control
        (
            '["data", "page", "data"]',
            "[]",
            "features.namespaces",
            "found a list of 0, expected a list of namespaces, at l",
        ),
        ('["data", "page", "data"]', '"page"', "features.namespaces", 'found "page", expected a list of namespaces'),
        (
            '["data", "page", "data"]',
            '["pages"]',
            "features.namespaces",
            'found "pages", expected one of page, device, ',
        ),
        ("share = 0", "share = 0.95", "control.share", "found 0.95, expected a number from 0 to 0.9"),
        ("share = 0", "share = -1", "control.share", "found -1, expected a number from 0 to 0.9"),
        ("[control]", "[[control]]", "control", "found a list of 1, expected a table"),
        # Actions
        ('id = "for students"', "", "actions[2].id", "is missing, and it is required"),
        ('id = "for students"', 'id = ""', "actions[2].id", f'found "", {ID}'),
        ('id = "for students"', 'id = "a\\nb"', "actions[2].id", f'found "a\\nb", {ID}'),
        ('id = "for students"', f'id = "{"x" * 129}"', "actions[2].id", ID),
        (
            'id = "for students"',
            'id = "plain"',
            "actions[2].id",
            'found "plain" again, expected it only once; first at actions[0].id',
        ),
        ('id = "for students"', 'id = "s"\npayloads = {}', "actions[2].payloads", 'did you mean "payload"?'),
        ("discount = 10", "discount = nan", "actions[1].features.discount", "found nan, expected a finite number"),
        (
            "discount = 10",
            "discount = {}",
            "actions[1].features.discount",
            "found a table, expected text, a boolean or a n",
        ),
        (
            "discount = 10",
            "discount = [[1]]",
            "actions[1].features.discount",
            "found a list of 1, expected text, a boolean",
        ),
        (
            "discount = 10",
            f"discount = {2**53}",
            "actions[1].features.discount",
            f"found {2**53}, expected a whole number",
        ),
        (
            "discount = 10",
            "discount = 1979-05-27",
            "actions[1].features.discount",
            "found a date, expected text, a boolean",
        ),
        (
            "discount = 10",
            f'"{"n" * 65}" = 1',
            f"actions[1].features.{'n' * 65}",
            "expected text of 1 to 64 printable char",
        ),
        (
            '"warm"',
            f'"{"w" * 257}"',
            "actions[1].features.tone",
            "found text of 257 characters, expected at most 256",
        ),
        (
            '["a", 1, false]',
            str([0] * 101),
            "actions[1].features.tags",
            "found a list of 101, expected at most 100 elements",
        ),
        (
            "2.5, ",
            "1979-05-27T07:32:00Z, ",
            "actions[1].payload.nested.list[1]",
            "found a datetime, expected text, a boolean or a number",
        ),
        ("2.5, ", "nan, ", "actions[1].payload.nested.list[1]", "found nan, expected a finite number"),
        ('"Grüße"', f'"{"x" * 17_000}"', "actions[1].payload", "bytes as JSON, expected at most 16384"),
        ("[true]", "[" * 20 + "]" * 20, "actions[1].payload.nested.list[3]" + "[0]" * 14, "nested more than 16 deep"),
        (
            '"$in" = ["student"]',
            '"$foo" = 1',
            'actions[2].when["visitor.segments"].$foo',
            "found an unknown operator, expected one of $eq, ",
        ),
        ('when = { "visitor', 'when = "x"\npayload = { "visitor', "actions[2].when", 'found "x", expected a table'),
        # Switches, times, pins
        ("]\nenabled = false", "]\nenabled = 0", "enabled", "found 0, expected true or false"),
        ("}\nenabled = false", "}\nenabled = 'no'", "actions[2].enabled", 'found "no", expected true or false'),
        ("}\nenabled = false", "}\nenable = false", "actions[2].enable", 'did you mean "enabled"?'),
        (
            "starts = 2026-11-27T00:00:00+01:00",
            "starts = 2026-11-27T00:00:00",
            "actions[2].starts",
            "found a date and time without an offset, expected a date and time with its offset from UTC: 2026-",
        ),
        ("starts = 2026-11-27T00:00:00+01:00", "starts = 2026-11-27", "actions[2].starts", "found a date, expected a"),
        (
            "ends = 2026-11-30T23:00:00Z",
            'ends = "2026-11-30"',
            "actions[2].ends",
            'found "2026-11-30", expected a date',
        ),
        (
            "ends = 2026-11-30T23:00:00Z",
            "ends = 2026-11-26T23:00:00Z",
            "actions[2].ends",
            "found a time that is not after `starts`, expected a later one",
        ),
        (
            'action = "for students"',
            'action = "for student"',
            "pins[0].action",
            'found "for student", expected the id of an action in this file; did you mean "for students"?',
        ),
        ('action = "for students"', "", "pins[0].action", "is missing, and it is required"),
        ('"page.type" = "campus"', '"page.type" = { "$i" = 1 }', 'pins[0].when["page.type"].$i', "did you mean"),
        ('when = { "page.type" = "campus" }', 'if = { "page.type" = 1 }', "pins[0].if", "found an unknown key, expect"),
        # What a visitor was shown
        ('"visitor"\n', '"always"\n', "sticky", 'found "always", expected one of request, session, visitor'),
        ("count = 3", "count = 0", "actions[2].cap.count", "found 0, expected a whole number from 1 to 1000"),
        ("count = 3, ", "", "actions[2].cap.count", "is missing, and it is required"),
        (', per = "day"', "", "actions[2].cap.per", "is missing, and it is required"),
        ('"day"', '"daily"', "actions[2].cap.per", 'expected one of session, day, visitor; did you mean "day"?'),
        (
            "count = 3",
            "count = 3, limit = 4",
            "actions[2].cap.limit",
            "found an unknown key, expected one of count, per",
        ),
        (
            '"Dismissed", "$click"',
            '"$impression"',
            "actions[2].not_after",
            'found "$impression", expected $click or an',
        ),
        (
            '["Dismissed", "$click", "Dismissed"]',
            '"Dismissed"',
            "actions[2].not_after",
            'found "Dismissed", expected a list of 1 to 20 event names',
        ),
        ('"Dismissed", "$click"', '""', "actions[2].not_after", "expected text of 1 to 128 printable characters"),
        # Baseline
        (
            'id = "plain"\n',
            'id = "plain"\nstarts = 2026-11-27T00:00:00Z\n',
            "baseline[0]",
            'found "plain", which is not always shown, expected an action without such limits',
        ),
        (
            'id = "plain"\n',
            'id = "plain"\nenabled = false\n',
            "baseline[0]",
            "which is not always shown, expected an a",
        ),
        ("baseline = [", "base = [", "baseline", "is missing, and it is required"),
        (
            "baseline = [",
            "baseline = [[],",
            "baseline",
            "found a list of 3, expected an action id, or a list of one for",
        ),
        (
            '["plain", ',
            '["plan", ',
            "baseline[0]",
            'found "plan", expected the id of an action in this file; did you mean',
        ),
        (
            '["plain", ',
            '["for students", ',
            "baseline[0]",
            'found "for students", which has a condition, expected an act',
        ),
        (
            "\"two words, and a 'quote'\"]",
            '"plain"]',
            "baseline[1]",
            'found "plain" again, expected another action for each slot',
        ),
    ],
    ids=lambda text: text if len(text) < 40 else text[:40],
)
def test_what_a_policy_cannot_be_is_refused_with_its_path(
    tmp_path: Path, was: str, now: str, path: str, message: str
) -> None:
    assert FULL.count(was) == 1
    found = problems(tmp_path, FULL.replace(was, now))
    assert (f"hero.toml: {path}", True) in [(where, message in what) for where, what in found]
    assert len(found) <= 2, found


def test_every_problem_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    source = FULL.replace("floor = 1", "floor = 0").replace('"6h"', '"6 h"').replace('"$in"', '"$within"')
    assert [path for path, _ in problems(tmp_path, source)] == [
        "hero.toml: explore.floor",
        "hero.toml: reward.impression_within",
        'hero.toml: actions[2].when["visitor.segments"].$within',
    ]


def test_a_baseline_is_required_even_with_a_single_action(tmp_path: Path) -> None:
    assert problems(tmp_path, SMALLEST.replace('baseline = "plain"', "")) == [
        ("hero.toml: baseline", "is missing, and it is required")
    ]


def test_a_policy_has_actions(tmp_path: Path) -> None:
    without = SMALLEST.partition("[[actions]]")[0]
    assert ("hero.toml: actions", "is missing, and it is required") in problems(tmp_path, without)
    assert ("hero.toml: actions", "found 0 actions, expected 1 to 2000") in problems(tmp_path, without + "actions = []")
    assert ("hero.toml: actions[0]", 'found "plain", expected a table') in problems(
        tmp_path, without + 'actions = ["plain"]'
    )


def test_a_policy_has_at_most_2000_actions(tmp_path: Path) -> None:
    more = "".join(f'[[actions]]\nid = "{number}"\n' for number in range(1999))
    assert len(read(tmp_path, SMALLEST + more).actions) == 2000
    assert problems(tmp_path, SMALLEST + more + '[[actions]]\nid = "one more"') == [
        ("hero.toml: actions", "found 2001 actions, expected 1 to 2000")
    ]


def test_an_action_has_at_most_100_features(tmp_path: Path) -> None:
    features = ", ".join(f"f{number} = 1" for number in range(101))
    assert problems(tmp_path, f"{SMALLEST}features = {{ {features} }}") == [
        ("hero.toml: actions[0].features", "found 101 entries, expected at most 100")
    ]


def test_a_condition_that_holds_for_everyone_is_to_be_left_out(tmp_path: Path) -> None:
    assert ("hero.toml: actions[0].when", True) in [
        (path, message.startswith("found an empty condition"))
        for path, message in problems(tmp_path, SMALLEST + "when={}")
    ]


def test_events_may_be_an_empty_table_when_only_rewards_are_sent(tmp_path: Path) -> None:
    assert read(tmp_path, SMALLEST.replace("[[", "[reward.events]\n[[")).reward.events == {}


def test_the_message_of_the_error_has_a_line_for_each_problem(tmp_path: Path) -> None:
    (tmp_path / "hero.toml").write_text(SMALLEST.replace('"hero"', '"HERO"').replace('id = "plain"', "id = 1"))
    with pytest.raises(PolicyError) as caught:
        read_policy(tmp_path / "hero.toml", "shop/hero.toml")
    assert str(caught.value).splitlines()[0] == f'shop/hero.toml: placement: found "HERO", {NAME}'
    assert len(str(caught.value).splitlines()) == len(caught.value.problems)
