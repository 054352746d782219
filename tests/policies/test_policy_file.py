"""The reader of policy files. The reader of their actions has its own tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewise.errors import PolicyError
from edgewise.policies.policy import Action, Cap, Explore, Features, Pin, Policy, Reward
from edgewise.policies.policy_file import read_policy
from tests.policies.policy_text import FULL, SMALLEST, check_edit, problems, read

UNKNOWN_KEY = (
    'Unknown key "bandit". Use one of placement, slots, baseline, enabled, sticky, explore, reward, features, '
    "control, actions, pins."
)
ZERO_FLOOR = (
    "Expected a number above 0 and at most 1, found 0. "
    "With a floor of 0 some actions are never shown, and offline evaluation is impossible."
)
NOT_ALWAYS_AVAILABLE = (
    'Action "plain" is not always available. '
    "Use an action without `enabled = false`, `starts`, `ends`, `cap` and `not_after` in the baseline."
)


def name_message(found: str) -> str:
    return (
        f"Expected a name of 1 to 64 characters (a-z, 0-9, _ and -), found {found}. Start it with a letter or a digit."
    )


CROSSES = "a list of at most 8 lists, each of 2 or 3 attributes"


def duration_message(found: str) -> str:
    return f'Expected a duration of at most 7 days, such as "500ms", "60s", "10m", "6h" or "7d", found {found}.'


def test_a_minimal_file_has_the_documented_defaults(tmp_path: Path) -> None:
    policy = read(tmp_path, SMALLEST)
    assert policy == Policy("hero", actions=(Action("plain"),), baseline=("plain",))
    assert policy.reward == Reward(60_000, 600_000, "sum", 0.0, 0.0, 1.0, "last", {"$click": 1.0})
    assert policy.control_share == 0.05


def test_a_policy_has_every_setting_of_its_file(tmp_path: Path) -> None:
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
        features=Features(("page", "data"), (("data.plan", "page.type"),)),
        control_share=0.0,
        enabled=False,
        pins=(Pin("for students", {"page.type": "campus"}), Pin("plain")),
        sticky="visitor",
    )


@pytest.mark.parametrize(
    ("before", "after", "path", "message"),
    [
        ('placement = "hero"', "", "placement", "Missing key. Add `placement`."),
        ('placement = "hero"', 'placement = "Hero"', "placement", name_message('"Hero"')),
        ('placement = "hero"', 'placement = "' + "a" * 65 + '"', "placement", name_message('"' + "a" * 65 + '"')),
        ('placement = "hero"', "placement = 1", "placement", name_message("1")),
        ("slots = 2", "slots = 0", "slots", "Expected a whole number from 1 to 20, found 0."),
        ("slots = 2", "slots = 2.0", "slots", "Expected a whole number from 1 to 20, found 2.0."),
        ("slots = 2", "slots = true", "slots", "Expected a whole number from 1 to 20, found true."),
        ("slots = 2", "slots = 3", "baseline", "Expected as many action ids as `slots` (3), found 2."),
        ("slots = 2", "slot = 2", "slot", 'Unknown key "slot". Did you mean `slots`?'),
        ("slots = 2", "slots = 2\n[bandit]", "bandit", UNKNOWN_KEY),
        (
            'algorithm = "regcb"',
            'algorithm = "regcb"\nenabled = true',
            "explore.enabled",
            'Unknown key "enabled" in this table. Move it to the top of the file, above the first [table].',
        ),
        (
            'algorithm = "regcb"',
            'algorithm = "linucb"',
            "explore.algorithm",
            'Expected one of auto, squarecb, epsilon, softmax, regcb, found "linucb".',
        ),
        (
            'algorithm = "regcb"',
            'algorithm = "squarcb"',
            "explore.algorithm",
            'Expected one of auto, squarecb, epsilon, softmax, regcb, found "squarcb". Did you mean `squarecb`?',
        ),
        ('mode = "apprentice"', "mode = 1", "explore.mode", "Expected one of online, apprentice, frozen, found 1."),
        ("floor = 1", "floor = 0", "explore.floor", ZERO_FLOOR),
        ("floor = 1", "floor = 1.01", "explore.floor", "Expected a number above 0 and at most 1, found 1.01."),
        ("floor = 1", "floor = -0.1", "explore.floor", "Expected a number above 0 and at most 1, found -0.1."),
        ("floor = 1", "floor = nan", "explore.floor", "Expected a finite number, found nan."),
        ("floor = 1", "flor = 1", "explore.flor", 'Unknown key "flor". Did you mean `floor`?'),
        ('window = "1500ms"', 'window = "0s"', "reward.window", duration_message('"0s"')),
        ('window = "1500ms"', "window = 60", "reward.window", duration_message("60")),
        ('window = "1500ms"', 'window = "1.5h"', "reward.window", duration_message('"1.5h"')),
        ('window = "1500ms"', 'window = "1 week"', "reward.window", duration_message('"1 week"')),
        ('window = "1500ms"', 'window = "604800001ms"', "reward.window", duration_message('"604800001ms"')),
        ('"6h"', '"8d"', "reward.impression_within", duration_message('"8d"')),
        ('"max"', '"mean"', "reward.combine", 'Expected one of first, sum, max, found "mean".'),
        ('"all"', '"first"', "reward.attribute", 'Expected one of last, all, found "first".'),
        ("[-1, 2]", "[2, -1]", "reward.range", "Expected the lower number first, found [2, -1]."),
        ("[-1, 2]", "[1, 1]", "reward.range", "Expected the lower number first, found [1, 1]."),
        ("[-1, 2]", "[1]", "reward.range", "Expected a list of two numbers, low and high, found a list of 1 element."),
        ("[-1, 2]", "[0, inf]", "reward.range", "Expected a finite number, found inf."),
        ("[-1, 2]", "[2, 3]", "reward.default", "Expected a number within `range`, from 2 to 3, found 1."),
        ("default = 1\n", 'default = "1"\n', "reward.default", 'Expected a finite number, found "1".'),
        ("= 2.5", "= inf", 'reward.events["Order Completed"]', "Expected a finite number, found inf."),
        ("= 2.5", "= true", 'reward.events["Order Completed"]', "Expected a finite number, found true."),
        (
            '"$click" = 1',
            '"$clik" = 1',
            "reward.events.$clik",
            'Expected $click or an event name of your own, found "$clik". Did you mean `$click`?',
        ),
        (
            '"$click" = 1',
            '"$reward" = 1',
            "reward.events.$reward",
            'Expected $click or an event name of your own, found "$reward".',
        ),
        ('"$click" = 1', '"" = 1', 'reward.events[""]', 'Expected text of 1 to 128 printable characters, found "".'),
        (
            '["data", "page", "data"]',
            "[]",
            "features.namespaces",
            "Expected a list of at least one namespace, found a list of 0 elements.",
        ),
        (
            '["data", "page", "data"]',
            '"page"',
            "features.namespaces",
            'Expected a list of at least one namespace, found "page".',
        ),
        (
            '["data", "page", "data"]',
            '["pages"]',
            "features.namespaces",
            'Expected one of page, device, place, locale, time, visitor, data, found "pages". Did you mean `page`?',
        ),
        *(
            ('[["page.type", "data.plan"]]', cross, path, message)
            for cross, path, message in (
                ('"page.type"', "features.cross", f'Expected {CROSSES}, found "page.type".'),
                ('["page.type"]', "features.cross", f'Expected {CROSSES}, found "page.type".'),
                ('[["page.type", 1]]', "features.cross", "Expected the path of an attribute, found 1."),
                ('[["page.type"]]', "features.cross", f"Expected {CROSSES}, found a list of 1 element."),
                (
                    '[["page.type", "page.type"]]',
                    "features.cross",
                    "Expected different attributes, found page.type, page.type.",
                ),
                (
                    '[["page.type", "page.typ"]]',
                    "features.cross",
                    'Unknown attribute "page.typ". Did you mean `page.type`?',
                ),
                (
                    '[["page.type", "device.type"]]',
                    "features.cross",
                    "Expected attributes of the features' namespaces, page, data, found device.type.",
                ),
                (
                    '[["page.type", "visitor.segments"]]',
                    "features.cross",
                    "Expected an attribute with one value, found visitor.segments, which is a list.",
                ),
                (
                    '[["page.type", "page.url"]]',
                    "features.cross",
                    "Expected a feature, found page.url. No url is a feature.",
                ),
            )
        ),
        (
            "share = 0",
            "share = 0.95",
            "control.share",
            "Expected a number from 0 to 0.9, found 0.95. Write 5% as 0.05.",
        ),
        ("share = 0", 'share = "5%"', "control.share", 'Expected a finite number, found "5%". Write 5% as 0.05.'),
        ("share = 0", "share = -1", "control.share", "Expected a number from 0 to 0.9, found -1. Write 5% as 0.05."),
        ("[control]", "[[control]]", "control", "Expected a table, found a list of 1 element."),
        ("]\nenabled = false", "]\nenabled = 0", "enabled", "Expected true or false, found 0."),
        (
            'action = "for students"',
            'action = "for student"',
            "pins[0].action",
            'Unknown action "for student". Did you mean `for students`?',
        ),
        ('action = "for students"', "", "pins[0].action", "Missing key. Add `action`."),
        (
            '"page.type" = "campus"',
            '"page.type" = { "$i" = 1 }',
            'pins[0].when["page.type"].$i',
            'Unknown operator "$i". Did you mean `$in`?',
        ),
        (
            'when = { "page.type" = "campus" }',
            'if = { "page.type" = 1 }',
            "pins[0].if",
            'Unknown key "if". Use one of action, when.',
        ),
        ('"visitor"\n', '"always"\n', "sticky", 'Expected one of request, session, visitor, found "always".'),
        ('id = "plain"\n', 'id = "plain"\nstarts = 2026-11-27T00:00:00Z\n', "baseline[0]", NOT_ALWAYS_AVAILABLE),
        ('id = "plain"\n', 'id = "plain"\nenabled = false\n', "baseline[0]", NOT_ALWAYS_AVAILABLE),
        ("baseline = [", "base = [", "baseline", "Missing key. Add `baseline`."),
        (
            "baseline = [",
            "baseline = [[],",
            "baseline",
            "Expected an action id, or a list with one for each slot, found a list of 3 elements.",
        ),
        ('["plain", ', '["plan", ', "baseline[0]", 'Unknown action "plan". Did you mean `plain`?'),
        (
            '["plain", ',
            '["for students", ',
            "baseline[0]",
            'Action "for students" has a condition. Use an action without `when` in the baseline.',
        ),
        (
            "\"two words, and a 'quote'\"]",
            '"plain"]',
            "baseline[1]",
            'Duplicate action "plain". Use another action for each slot.',
        ),
    ],
    ids=lambda text: text[:40],
)
def test_an_invalid_policy_is_rejected_with_its_path(
    tmp_path: Path, before: str, after: str, path: str, message: str
) -> None:
    check_edit(tmp_path, before, after, path, message)


def test_every_problem_of_a_file_is_reported_at_once(tmp_path: Path) -> None:
    source = FULL.replace("floor = 1", "floor = 0").replace('"6h"', '"6 h"').replace('"$in"', '"$within"')
    assert [path for path, _ in problems(tmp_path, source)] == [
        "hero.toml: explore.floor",
        "hero.toml: reward.impression_within",
        'hero.toml: actions[2].when["visitor.segments"].$within',
    ]


def test_a_baseline_is_required_even_with_a_single_action(tmp_path: Path) -> None:
    assert problems(tmp_path, SMALLEST.replace('baseline = "plain"', "")) == [
        ("hero.toml: baseline", "Missing key. Add `baseline`.")
    ]


def test_an_invalid_number_of_slots_causes_no_further_problem(tmp_path: Path) -> None:
    ((path, _),) = problems(tmp_path, FULL.replace("slots = 2", 'slots = "2"'))
    assert path == "hero.toml: slots"


def test_a_policy_has_at_most_100_pins(tmp_path: Path) -> None:
    assert problems(tmp_path, SMALLEST + 101 * '[[pins]]\naction = "plain"\n') == [
        ("hero.toml: pins", "Expected at most 100 pins, found 101.")
    ]


def test_the_table_of_reward_events_may_be_empty(tmp_path: Path) -> None:
    assert read(tmp_path, SMALLEST.replace("[[", "[reward.events]\n[[")).reward.events == {}


def test_the_error_message_has_a_line_for_each_problem(tmp_path: Path) -> None:
    (tmp_path / "hero.toml").write_text(SMALLEST.replace('"hero"', '"HERO"').replace('id = "plain"', "id = 1"))
    with pytest.raises(PolicyError) as caught:
        read_policy(tmp_path / "hero.toml", "shop/hero.toml")
    assert str(caught.value).splitlines()[0] == "shop/hero.toml: placement: " + name_message('"HERO"')
    assert len(str(caught.value).splitlines()) == len(caught.value.problems)
