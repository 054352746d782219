"""Hypothesis strategies for conditions and attributes."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

TEXTS = st.sampled_from(
    ["", "a", "A", "ab", "null", "true", "0", "1", "9", "10", " 5 ", "1e1", ".5", "1,2", "[object Object]", "Ä", "ä"]
)
VERSIONS = st.sampled_from(["1.2.3", "v1.2.3", "1.2.3-rc.1", "1.2.3-rc.2", "1.2.3-rc", "1.10.0", "1.9", "2", "1.2.3+b"])
NUMBERS = st.one_of(st.integers(-2, 12), st.sampled_from([-0.5, 0.5, 2.0, 9.5]))
SCALARS: SearchStrategy[Any] = st.one_of(st.booleans(), NUMBERS, TEXTS, VERSIONS)
KEYS = st.sampled_from(["a", "b", "c"])
VALUES: SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), SCALARS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=2)),
    max_leaves=6,
)
ATTRIBUTES = st.dictionaries(KEYS, VALUES, max_size=3)


def _operator(names: list[str], operand: SearchStrategy[Any]) -> SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(names), operand, min_size=1, max_size=2)


LEAF_OPERATORS = st.one_of(
    _operator(["$eq", "$ne"], SCALARS),
    _operator(["$lt", "$lte", "$gt", "$gte"], st.one_of(NUMBERS, TEXTS)),
    _operator(["$in", "$nin", "$ini", "$nini"], st.lists(SCALARS, min_size=1, max_size=3)),
    _operator(["$veq", "$vne", "$vlt", "$vlte", "$vgt", "$vgte"], VERSIONS),
    _operator(["$exists"], st.booleans()),
    _operator(
        ["$regex", "$regexi", "$notRegex", "$notRegexi"],
        st.sampled_from(["a", "^A", "l+$", "[0-9]", "true|false", "^$"]),
    ),
    _operator(["$type"], st.sampled_from(["string", "number", "boolean", "array", "object", "null"])),
    _operator(["$size"], st.one_of(st.integers(0, 3), st.fixed_dictionaries({"$gt": st.integers(0, 2)}))),
)
PATHS = st.sampled_from(["a", "b", "a.b", "b.c.a"])
LITERALS = st.one_of(SCALARS, st.lists(SCALARS, max_size=2))


def _nest_operators(inner: SearchStrategy[Any]) -> SearchStrategy[Any]:
    tables = inner.filter(lambda operand: isinstance(operand, dict))
    return st.one_of(
        _operator(["$not"], inner),
        _operator(["$elemMatch"], st.one_of(tables, st.dictionaries(PATHS, inner, min_size=1, max_size=2))),
        _operator(["$all", "$alli"], st.lists(inner, min_size=1, max_size=2)),
    )


TESTS: SearchStrategy[Any] = st.recursive(st.one_of(LITERALS, LEAF_OPERATORS), _nest_operators, max_leaves=4)


def _nest_conditions(inner: SearchStrategy[Any]) -> SearchStrategy[Any]:
    return st.one_of(
        _operator(["$and", "$or", "$nor"], st.lists(inner, min_size=1, max_size=3)), _operator(["$not"], inner)
    )


CONDITIONS: SearchStrategy[dict[str, Any]] = st.recursive(
    st.dictionaries(PATHS, TESTS, min_size=1, max_size=2), _nest_conditions, max_leaves=4
)
