from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgewise.conditions.patterns import LONGEST_SUBJECT, compile_pattern


def test_a_pattern_is_found_anywhere_unless_it_is_anchored() -> None:
    assert compile_pattern("b+")("abbc")
    assert not compile_pattern("^b+")("abbc")
    assert not compile_pattern("c$")("abc\n")


def test_case_is_ignored_only_when_asked() -> None:
    assert not compile_pattern("Ümlaut")("ein ümlaut")
    assert compile_pattern("Ümlaut", ignore_case=True)("ein ümlaut")


@pytest.mark.parametrize("pattern", ["(", "[a", "a{3,2}", "?", "(?=a)b", r"(a)\1", "a{100000}", "\ud800"])
def test_what_re2_does_not_know_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        compile_pattern(pattern)


def test_a_subject_made_to_exhaust_the_pattern_does_not() -> None:
    found_in = compile_pattern("^(a+)+$")
    began = time.process_time()
    assert not found_in("a" * (LONGEST_SUBJECT - 1) + "b")
    assert time.process_time() - began < 0.5


def test_only_the_beginning_of_a_long_subject_is_looked_at() -> None:
    found_in = compile_pattern("b")
    assert found_in("a" * (LONGEST_SUBJECT - 1) + "b")
    assert not found_in("a" * LONGEST_SUBJECT + "b")


@example("half a pair: \ud800")
@given(st.text(st.characters(exclude_categories=())))
def test_no_subject_makes_it_raise(subject: str) -> None:
    assert compile_pattern("")(subject)
