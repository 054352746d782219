from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from edgewise.bandit.features import LETTERS, MAX_ITEMS, MAX_LINE, action_line, context_line, slot_line
from edgewise.policies.policy import NAMESPACES, Action

scalars = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="ab|: %=\n\t.", max_size=8),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.none(),
)
names = st.one_of(st.text(max_size=20), st.text(alphabet="ab|:= .\n", max_size=6))
trees = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3))
contexts = st.dictionaries(st.sampled_from(NAMESPACES), st.dictionaries(names, trees, max_size=4))


def tokens(line: str) -> dict[str, list[str]]:
    """The tokens of a line by the letter of their namespace."""
    return {part[0]: part[2:].split(" ") for part in line.split(" |")[1:] if part}


def test_a_context_line_has_a_letter_for_each_namespace() -> None:
    context = {
        "page": {"type": "home", "url": "https://shop.example/?secret=1"},
        "device": {"type": "mobile"},
        "data": {"basket": {"value": 30, "full": True}, "tags": ["new", "sale"]},
    }
    assert context_line(context) == (
        "shared |p type=home |d type=mobile |x basket.value=%h9 basket.full=%true tags=new tags=sale"
    )


def test_only_namespaces_of_the_policy_are_features() -> None:
    assert (
        context_line({"page": {"type": "home"}, "device": {"type": "mobile"}}, ("device",)) == "shared |d type=mobile"
    )


def test_namespaces_never_collide() -> None:
    assert len(set(LETTERS.values())) == len(LETTERS)
    assert all(len(letter) == 1 for letter in LETTERS.values())
    assert set(NAMESPACES) < set(LETTERS)


@given(contexts)
def test_no_value_ends_its_token_namespace_or_line(context: dict[str, dict[str, Any]]) -> None:
    line = context_line(context)
    line.encode()
    assert len(line) <= MAX_LINE
    assert re.fullmatch(r"shared( \||( \|[a-z]( [^\s|:=]*=[^\s|:]*)+)+)", line, re.ASCII), line
    letters = [part[0] for part in line.split(" |")[1:] if part]
    assert letters == [LETTERS[name] for name in NAMESPACES if LETTERS[name] in letters]


@given(names, names, scalars, scalars)
def test_different_features_have_different_tokens(one: str, other: str, first: Any, second: Any) -> None:
    def line(name: str, value: Any) -> str:
        return context_line({"data": {name: value}})

    same_text = (one, first) == (other, second) and type(first) is type(second)
    said = [value for value in (first, second) if isinstance(value, str) or value is True]
    if len(said) == 2 and not same_text:
        not_features = {"url", "title", "id"}
        if one not in not_features and other not in not_features:
            assert line(one, first) != line(other, second)


@given(st.floats(), st.floats())
def test_buckets_keep_the_order_of_numbers(one: float, other: float) -> None:
    low, high = sorted((one, other)) if one == one and other == other else (0.0, 0.0)
    assert _order(low) <= _order(high)


def _order(number: float) -> tuple[int, float]:
    """A sort key for the bucket of a number."""
    line = context_line({"data": {"n": number}})
    if line == "shared |":
        return (1, 0.0)
    bucket = tokens(line)["x"][0].removeprefix("n=")
    kind, size = bucket[1], int(bucket[2:])
    if kind == "n":
        # The exact integers lie among the half-octaves, so compare by value.
        return (1, float(size))
    return (1, 2.0 ** (size / 2)) if kind == "h" else (1, -(2.0 ** ((size + 1) / 2)))


SOURCE_AND_DEVICE = (("device.type", "visitor.source"),)


def test_crossed_attributes_are_one_more_feature() -> None:
    context = {"device": {"type": "mobile"}, "visitor": {"source": "a b"}, "data": {"size": 3, "tags": ["x"], "no": 0}}
    line = "shared |d type=mobile |v source=a%20b |x size=%n3 tags=x"
    assert context_line(context, crosses=SOURCE_AND_DEVICE) == (f"{line} |c device.type%xvisitor.source=mobile%xa%20b")
    assert context_line(context, crosses=(("data.size", "device.type"),)).endswith(
        "|c data.size%xdevice.type=%n3%xmobile"
    )
    for missing in ("data.tags", "data.no", "data.other", "page.type", "device.type.more"):
        assert context_line(context, crosses=((missing, "visitor.source"),)) == line


@given(scalars, scalars, scalars, scalars)
def test_different_crossed_values_are_different_features(one: Any, other: Any, third: Any, fourth: Any) -> None:
    def cross(device: Any, source: Any) -> str | None:
        line = context_line({"data": {"a": device, "b": source}}, (), (("data.a", "data.b"),))
        line.encode()
        assert line == "shared |" or re.fullmatch(r"shared \|c data\.a%xdata\.b=[^\s|:]*", line, re.ASCII)
        return None if line == "shared |" else line

    def alone(*values: Any) -> list[str]:
        return [context_line({"data": {"a": value}}, ("data",)) for value in values]

    first, second = cross(one, other), cross(third, fourth)
    if first is not None and second is not None:
        assert (first == second) == (alone(one, other) == alone(third, fourth))


def test_empty_values_and_personal_attributes_are_not_features() -> None:
    empty: dict[str, Any] = {
        "nothing": None,
        "nan": float("nan"),
        "object": {},
        "zero": 0,
        "no": False,
        "list": [0, None],
    }
    assert context_line({"data": empty, "visitor": {}}) == "shared |"
    assert context_line({"data": {"url": "https://shop.example", "title": "Home", "id": "a1"}}) == "shared |"


def test_a_context_has_a_bounded_number_of_features() -> None:
    many = {f"n{n}": list(range(1, 9)) for n in range(100)}
    assert len(tokens(context_line({"data": many}))["x"]) == MAX_ITEMS


def test_an_action_line_has_its_id_and_features() -> None:
    action = Action("student deal", {"tone": "young", "discount": 10, "id": "spoof"})
    assert action_line(action) == "|a id=student%20deal f.tone=young f.discount=%n10"


def test_only_a_row_has_a_slot_feature() -> None:
    assert slot_line("shared |p type=home", 2, slots=1) == "shared |p type=home"
    assert slot_line("shared |p type=home", 2, slots=4) == "shared |p type=home |s slot=2"
