from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgewise.learner import token_table
from edgewise.learner.token_table import TokenTable


@given(st.lists(st.text("ab |=", max_size=12), max_size=20))
def test_every_line_unpacks_to_itself(lines: list[str]) -> None:
    table = TokenTable()
    packed = [table.pack(line) for line in lines]
    assert [table.unpack(tokens) for tokens in packed] == lines


def test_a_repeated_word_is_a_number() -> None:
    table = TokenTable()
    table.pack("shared |p type=home")
    assert table.pack("shared |p type=home type=cart") == [0, 1, 2, 3]


def test_a_full_table_keeps_new_words_as_they_are() -> None:
    table = TokenTable()
    table.pack(" ".join(f"w{number}" for number in range(token_table.MAX_TOKENS)))
    assert table.is_full
    assert table.unpack(table.pack("w1 new w2")) == "w1 new w2"
    assert table.pack("w1 new w2") == [1, "new", 2]
