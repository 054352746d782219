from __future__ import annotations

from typing import Any

from edgewise.config.table import Table, child, find_duplicates
from edgewise.config.values import boolean, label, number
from edgewise.errors import Problem


def table(entries: dict[str, Any], path: str = "") -> Table:
    return Table(entries, path, [])


def test_a_value_is_converted_and_an_invalid_one_is_reported_with_its_path() -> None:
    file = table({"enabled": False, "share": "x"}, "control")
    assert file.take("enabled", boolean, True) is False
    assert file.take("share", number, 0.5) == 0.5
    assert file.take("absent", number, 0.25) == 0.25
    assert file.problems == [Problem("control.share", 'Expected a finite number, found "x".')]


def test_a_required_key_is_reported_if_it_is_missing() -> None:
    file = table({})
    assert file.take("name", label(10), "", required=True) == ""
    assert file.problems == [Problem("name", "Missing key. Add `name`.")]


def test_unknown_keys_are_reported_with_a_suggestion() -> None:
    file = table({"windw": 1, "zzz": 2})
    file.take("window", number, 0.0)
    file.report_unknown_keys()
    assert file.problems == [
        Problem("windw", 'Unknown key "windw". Did you mean `window`?'),
        Problem("zzz", 'Unknown key "zzz". Use one of window.'),
    ]


def test_a_key_of_the_file_in_an_inner_table_is_reported_with_its_place() -> None:
    file = table({"sticky": "session", "control": {"sticky": "session"}})
    file.take("sticky", label(10), "")
    file.table("control").report_unknown_keys()
    assert file.problems == [
        Problem(
            "control.sticky",
            'Unknown key "sticky" in this table. Move it to the top of the file, above the first [table].',
        )
    ]


def test_inner_tables_have_paths_and_share_the_problems() -> None:
    file = table({"outer": {"a": [{"b": 1}, 2]}})
    (inner,) = file.table("outer").tables("a")
    inner.report("b", "Invalid.")
    assert file.problems == [
        Problem("outer.a[1]", "Expected a table, found 2."),
        Problem("outer.a[0].b", "Invalid."),
    ]


def test_all_entries_are_read_up_to_a_limit() -> None:
    file = table({"a": 1, "b": "x", "c": 3}, "events")
    assert file.take_all(label(1), number, most=2) == {"a": 1.0, "c": 3.0}
    assert file.problems == [
        Problem("events", "Expected at most 2 entries, found 3."),
        Problem("events.b", 'Expected a finite number, found "x".'),
    ]


def test_key_paths_quote_keys_that_are_not_bare() -> None:
    assert child("", "actions") == "actions"
    assert child("actions", 1) == "actions[1]"
    assert child("when", "device.type") == 'when["device.type"]'
    assert child("when", "$in") == "when.$in"
    assert child("when", "Größe") == 'when["Größe"]'


def test_every_repeated_name_is_a_problem_with_the_path_of_its_first_use() -> None:
    message = 'Duplicate action id "a". It is already used at x. Use another one.'
    assert find_duplicates("action id", [("a", "x"), ("b", "y"), ("a", "z")]) == [Problem("z", message)]
