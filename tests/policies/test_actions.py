"""The reader of the actions in a policy file."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewise.conditions.validation import problems_in
from tests.policies.policy_text import SMALLEST, check_edit, problems, read

(UNKNOWN_OPERATOR,) = (problem.message for problem in problems_in({"page.type": {"$foo": 1}}, "when"))


def time_message(found: str) -> str:
    return (
        f"Expected a date and time with a UTC offset, such as 2026-11-27T08:00:00+01:00 without quotes, found {found}."
    )


@pytest.mark.parametrize(
    ("before", "after", "path", "message"),
    [
        ('id = "for students"', "", "actions[2].id", "Missing key. Add `id`."),
        (
            'id = "for students"',
            'id = ""',
            "actions[2].id",
            'Expected text of 1 to 128 printable characters, found "".',
        ),
        (
            'id = "for students"',
            'id = "a\\nb"',
            "actions[2].id",
            'Expected text of 1 to 128 printable characters, found "a\\nb".',
        ),
        (
            'id = "for students"',
            'id = "' + "x" * 129 + '"',
            "actions[2].id",
            'Expected text of 1 to 128 printable characters, found "' + "x" * 78 + "….",
        ),
        (
            'id = "for students"',
            'id = "plain"',
            "actions[2].id",
            'Duplicate action id "plain". It is already used at actions[0].id. Use another one.',
        ),
        (
            'id = "for students"',
            'id = "s"\npayloads = {}',
            "actions[2].payloads",
            'Unknown key "payloads". Did you mean `payload`?',
        ),
        ("discount = 10", "discount = nan", "actions[1].features.discount", "Expected a finite number, found nan."),
        (
            "discount = 10",
            "discount = {}",
            "actions[1].features.discount",
            "Expected text, a boolean or a number, found a table.",
        ),
        (
            "discount = 10",
            "discount = [[1]]",
            "actions[1].features.discount",
            "Expected text, a boolean or a number, found a list of 1 element.",
        ),
        (
            "discount = 10",
            "discount = 9007199254740992",
            "actions[1].features.discount",
            "Expected a whole number within ±(2^53 - 1), found 9007199254740992. Write it as text.",
        ),
        (
            "discount = 10",
            "discount = 1979-05-27",
            "actions[1].features.discount",
            "Expected text, a boolean or a number, found a date.",
        ),
        (
            "discount = 10",
            '"' + "n" * 65 + '" = 1',
            "actions[1].features." + "n" * 65,
            'Expected text of 1 to 64 printable characters, found "' + "n" * 65 + '".',
        ),
        (
            '"warm"',
            '"' + "w" * 257 + '"',
            "actions[1].features.tone",
            "Expected text of at most 256 characters, found 257 characters.",
        ),
        (
            '["a", 1, false]',
            str([0] * 101),
            "actions[1].features.tags",
            "Expected a list of at most 100 elements, found a list of 101 elements.",
        ),
        (
            "2.5, ",
            "1979-05-27T07:32:00Z, ",
            "actions[1].payload.nested.list[1]",
            "Expected text, a boolean or a number, found a date and time.",
        ),
        ("2.5, ", "nan, ", "actions[1].payload.nested.list[1]", "Expected a finite number, found nan."),
        (
            '"Grüße"',
            '"' + "x" * 17000 + '"',
            "actions[1].payload",
            "Expected at most 16384 bytes as JSON, found 17052 bytes.",
        ),
        (
            "[true]",
            "[" * 20 + "]" * 20,
            "actions[1].payload.nested.list[3]" + "[0]" * 14,
            "Expected at most 16 levels of lists and tables, found more.",
        ),
        ('"$in" = ["student"]', '"$foo" = 1', 'actions[2].when["visitor.segments"].$foo', UNKNOWN_OPERATOR),
        ('when = { "visitor', 'when = "x"\npayload = { "visitor', "actions[2].when", 'Expected a table, found "x".'),
        ("}\nenabled = false", "}\nenabled = 'no'", "actions[2].enabled", 'Expected true or false, found "no".'),
        (
            "}\nenabled = false",
            "}\nenable = false",
            "actions[2].enable",
            'Unknown key "enable". Did you mean `enabled`?',
        ),
        (
            "starts = 2026-11-27T00:00:00+01:00",
            "starts = 2026-11-27T00:00:00",
            "actions[2].starts",
            time_message("a date and time without an offset"),
        ),
        ("starts = 2026-11-27T00:00:00+01:00", "starts = 2026-11-27", "actions[2].starts", time_message("a date")),
        ("ends = 2026-11-30T23:00:00Z", 'ends = "2026-11-30"', "actions[2].ends", time_message('"2026-11-30"')),
        (
            "ends = 2026-11-30T23:00:00Z",
            "ends = 2026-11-26T23:00:00Z",
            "actions[2].ends",
            "Expected a time after `starts`, found an earlier or equal time.",
        ),
        ("count = 3", "count = 0", "actions[2].cap.count", "Expected a whole number from 1 to 1000, found 0."),
        ("count = 3, ", "", "actions[2].cap.count", "Missing key. Add `count`."),
        (', per = "day"', "", "actions[2].cap.per", "Missing key. Add `per`."),
        (
            '"day"',
            '"daily"',
            "actions[2].cap.per",
            'Expected one of session, day, visitor, found "daily". Did you mean `day`?',
        ),
        ("count = 3", "count = 3, limit = 4", "actions[2].cap.limit", 'Unknown key "limit". Use one of count, per.'),
        (
            '"Dismissed", "$click"',
            '"$impression"',
            "actions[2].not_after",
            'Expected $click or an event name of your own, found "$impression".',
        ),
        (
            '["Dismissed", "$click", "Dismissed"]',
            '"Dismissed"',
            "actions[2].not_after",
            'Expected a list of 1 to 20 event names, found "Dismissed".',
        ),
        (
            '"Dismissed", "$click"',
            '""',
            "actions[2].not_after",
            'Expected text of 1 to 128 printable characters, found "".',
        ),
    ],
    ids=lambda text: text[:40],
)
def test_an_invalid_action_is_rejected_with_its_path(
    tmp_path: Path, before: str, after: str, path: str, message: str
) -> None:
    check_edit(tmp_path, before, after, path, message)


def test_a_policy_requires_actions(tmp_path: Path) -> None:
    without = SMALLEST.partition("[[actions]]")[0]
    assert ("hero.toml: actions", "Missing key. Add `actions`.") in problems(tmp_path, without)
    no_actions = problems(tmp_path, without + "actions = []")
    assert ("hero.toml: actions", "Expected 1 to 2000 actions, found 0.") in no_actions
    not_tables = problems(tmp_path, without + 'actions = ["plain"]')
    assert ("hero.toml: actions[0]", 'Expected a table, found "plain".') in not_tables


def test_a_policy_has_at_most_2000_actions(tmp_path: Path) -> None:
    more = "".join(f'[[actions]]\nid = "{number}"\n' for number in range(1999))
    assert len(read(tmp_path, SMALLEST + more).actions) == 2000
    assert problems(tmp_path, SMALLEST + more + '[[actions]]\nid = "one more"') == [
        ("hero.toml: actions", "Expected 1 to 2000 actions, found 2001.")
    ]


def test_an_action_has_at_most_100_features(tmp_path: Path) -> None:
    features = ", ".join(f"f{number} = 1" for number in range(101))
    assert problems(tmp_path, f"{SMALLEST}features = {{ {features} }}") == [
        ("hero.toml: actions[0].features", "Expected at most 100 entries, found 101.")
    ]


def test_an_empty_condition_is_rejected(tmp_path: Path) -> None:
    found = problems(tmp_path, SMALLEST + "when={}")
    message = "Empty condition. Test at least one attribute, or remove the condition to match everyone."
    assert ("hero.toml: actions[0].when", message) in found
