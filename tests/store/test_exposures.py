from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgewise.store.exposures import (
    bar_field,
    choice_field,
    count_field,
    exhausted_field,
    latest_decision,
    read_field,
)

names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


@given(names)
def test_counts_are_read_as_they_were_written(action: str) -> None:
    assert read_field(count_field("hero", action), b"3") == {"placement": "hero", "action": action, "shown": 3}
    assert read_field(exhausted_field("hero"), b"2") == {"placement": "hero", "caps_reached": 2}


@given(names, st.none() | names)
def test_bars_are_read_as_they_were_written(event: str, action: str | None) -> None:
    bar = {"placement": "hero", "not_again_after": event, "action": action}
    assert read_field(bar_field("hero", event, action), b"1") == bar


@given(st.binary(min_size=12, max_size=12), st.lists(names, min_size=1))
def test_latest_decisions_are_read_as_they_were_written(key: bytes, actions: list[str]) -> None:
    decision = {"placement": "hero", "decision": key, "actions": actions}
    assert read_field(b"d:hero:5", latest_decision(key, actions)) == decision
    assert read_field(b"d:hero", b"6") == {"placement": "hero", "decisions": 6}


def test_sticky_choices_stay_encoded() -> None:
    assert read_field(choice_field("hero"), b"packed") == {"placement": "hero", "sticks": b"packed"}


def test_unknown_fields_are_passed_on() -> None:
    unknown = {"placement": "hero", "kind": "q", "name": "a", "value": b"?"}
    assert read_field(b"q:hero:a", b"?") == unknown
