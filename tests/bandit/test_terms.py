"""Terms: the features of a line as columns."""

from __future__ import annotations

from math import expm1, log1p

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.bandit.features import action_line, context_line
from edgewise.bandit.terms import Term, terms_of
from edgewise.policies.policy import Action


def test_a_text_has_a_column_of_its_own_and_numbers_share_one() -> None:
    line = context_line({"device": {"type": "mobile"}, "data": {"basket": 3, "tags": ["a", "b"]}})
    mobile, basket, *tags = terms_of(line)
    assert (mobile.attribute, mobile.value, mobile.is_number) == ("d.type", 1.0, False)
    assert basket == Term("x.basket", "x.basket", log1p(3))
    assert [tag.attribute for tag in tags] == ["x.tags", "x.tags"]
    assert len({term.column for term in (mobile, basket, *tags)}) == 4


def test_a_column_does_not_have_the_text() -> None:
    (term,) = terms_of(context_line({"data": {"email": "ann@example.com"}}))
    assert "ann" not in term.column
    assert term.column == terms_of(context_line({"data": {"email": "ann@example.com"}}))[0].column


def test_equal_names_in_two_namespaces_are_two_columns() -> None:
    terms = terms_of(context_line({"page": {"type": "home"}, "device": {"type": "home"}}))
    assert len({term.column for term in terms}) == 2


def test_an_action_has_its_id_first() -> None:
    terms = terms_of(action_line(Action("deal", {"tone": "young", "discount": 10})))
    assert [term.attribute for term in terms] == ["a.id", "a.f.tone", "a.f.discount"]
    assert [term.is_number for term in terms] == [False, False, True]


@pytest.mark.parametrize("text", ["%n1", "%h", "%hx", "%m3"])
def test_a_text_that_looks_like_a_number_stays_a_text(text: str) -> None:
    (term,) = terms_of(context_line({"data": {"word": text}}))
    assert not term.is_number


@given(st.floats(allow_nan=False, min_value=-1e30, max_value=1e30).filter(bool))
def test_a_number_keeps_its_sign_and_its_size_within_a_half_octave(number: float) -> None:
    (term,) = terms_of(context_line({"data": {"n": number}}))
    assert term.is_number
    found = expm1(abs(term.value))
    assert (term.value > 0) == (number > 0)
    if 1e-8 < abs(number) < 1e18:
        assert found == pytest.approx(abs(number), rel=0.2)
    else:
        assert found < 2e18
