from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgewise.conditions.patterns import LONGEST_SUBJECT, compile_pattern


def test_a_pattern_matches_anywhere_unless_it_is_anchored() -> None:
    assert compile_pattern("b+")("abbc")
    assert not compile_pattern("^b+")("abbc")
    assert not compile_pattern("c$")("abc\n")


def test_case_is_ignored_only_on_request() -> None:
    assert not compile_pattern("Ümlaut")("ein ümlaut")
    assert compile_pattern("Ümlaut", ignore_case=True)("ein ümlaut")


@pytest.mark.parametrize("pattern", ["(", "[a", "a{3,2}", "?", "(?=a)b", r"(a)\1", "a{100000}", "\ud800"])
def test_patterns_that_re2_rejects_are_rejected(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        compile_pattern(pattern)


def test_a_malicious_subject_takes_linear_time() -> None:
    is_found = compile_pattern("^(a+)+$")
    began = time.process_time()
    assert not is_found("a" * (LONGEST_SUBJECT - 1) + "b")
    assert time.process_time() - began < 0.5


def test_only_the_beginning_of_a_long_subject_is_searched() -> None:
    is_found = compile_pattern("b")
    assert is_found("a" * (LONGEST_SUBJECT - 1) + "b")
    assert not is_found("a" * LONGEST_SUBJECT + "b")


@example("half a pair: \ud800")
@given(st.text(st.characters(exclude_categories=())))
def test_no_subject_raises(subject: str) -> None:
    assert compile_pattern("")(subject)
