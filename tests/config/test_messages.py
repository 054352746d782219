from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from edgewise.config.messages import describe, duplicate, mismatch, missing, suggestion, unknown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        ("Grüße", '"Grüße"'),
        ("x" * 100, '"' + "x" * 78 + "…"),
        (7, "7"),
        (10**30, "a very large whole number"),
        (0.5, "0.5"),
        ([], "a list of 0 elements"),
        ([1], "a list of 1 element"),
        ((1, 2), "a list of 2 elements"),
        ({"a": 1}, "a table"),
        (datetime(2026, 11, 27), "a date and time"),
        (date(2026, 11, 27), "a date"),
    ],
)
def test_values_are_described(value: Any, text: str) -> None:
    assert describe(value) == text


def test_messages_have_one_form() -> None:
    assert mismatch("a whole number from 1 to 20", 0) == "Expected a whole number from 1 to 20, found 0."
    assert missing("policy file", "Add one.") == "Missing policy file. Add one."
    assert duplicate("site name", "shop", "a.toml: name") == (
        'Duplicate site name "shop". It is already used at a.toml: name. Use another one.'
    )


def test_an_unknown_name_gets_the_nearest_suggestion_or_advice() -> None:
    assert unknown("key", "widow", ["window", "range"]) == 'Unknown key "widow". Did you mean `window`?'
    assert unknown("key", "xyz", ["window", "range"]) == 'Unknown key "xyz". Use one of window, range.'
    assert unknown("action", "xyz", ["plain"], "Add it.") == 'Unknown action "xyz". Add it.'


def test_a_suggestion_is_empty_without_a_similar_name() -> None:
    assert suggestion("widow", ["window"]) == " Did you mean `window`?"
    assert suggestion("xyz", ["window"]) == ""
