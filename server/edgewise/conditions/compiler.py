"""Compiler of targeting conditions: each becomes one function of a visitor's attributes.

The semantics are those of GrowthBook's SDKs, which follow JavaScript where types differ (see `coercion`). These are the
differences:

- Dotted paths walk mappings only, never lists.
- The order of keys does not matter when whole mappings are compared.
- Patterns are RE2's, and no pattern matches an absent value.
- `$elemMatch` skips only absent elements, not 0 and empty texts.
- There are no saved groups. Segments replace `$inGroup` and `$notInGroup`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from edgewise.conditions import coercion
from edgewise.conditions.codegen import (
    Expression,
    FunctionBuilder,
    Value,
    function_of_attributes,
    function_of_value,
)
from edgewise.conditions.operators import OPERATORS, Test, never
from edgewise.conditions.patterns import LONGEST_SUBJECT, split_plain_pattern
from edgewise.types import Attributes, Condition

CompiledCondition: TypeAlias = Callable[[Attributes], bool]
CompiledConditions: TypeAlias = Callable[[Attributes], Sequence[bool]]

_DEEPEST = 16
"""Deeper levels become functions of their own, because Python's parser limits nesting."""

_COMPARISONS = {"$lt": "<", "$lte": "<=", "$gt": ">", "$gte": ">="}
_EQUALITIES = {"$eq": "==", "$ne": "!="}
_MEMBERSHIPS = {"$in": "in", "$nin": "not in"}
_SEARCHES = {"$regex": "", "$notRegex": "not "}


def matches(condition: Condition, attributes: Attributes) -> bool:
    """Whether the condition holds for these attributes. Never raises, for any attributes.

    An invalid part, such as an unknown operator, holds for nobody.
    """
    return compile_condition(condition)(attributes)


def compile_condition(condition: Condition) -> CompiledCondition:
    return function_of_attributes(lambda builder: _condition(builder, condition, 0))


def compile_conditions(conditions: Iterable[Condition]) -> CompiledConditions:
    """Compile all conditions to one function, which returns one boolean for each of them in their order."""
    listed = list(conditions)
    return function_of_attributes(lambda builder: f"({''.join(f'{_condition(builder, one, 0)}, ' for one in listed)})")


def is_operators(operand: Mapping[str, Any]) -> bool:
    """Whether this mapping is a set of operators, and neither a value nor a condition."""
    return bool(operand) and all(key.startswith("$") for key in operand)


def _condition(builder: FunctionBuilder, condition: Any, depth: int) -> Expression:
    if not isinstance(condition, Mapping):
        return "False"
    if depth > _DEEPEST:
        return f"{builder.constant(compile_condition(condition))}(value)"
    return _conjunction(_clause(builder, key, operand, depth + 1) for key, operand in condition.items())


def _clause(builder: FunctionBuilder, key: str, operand: Any, depth: int) -> Expression:
    if key in _LOGIC:
        return _LOGIC[key](builder, operand, depth)
    return _value(builder, builder.attribute(key), operand, depth)


def _conjunction(expressions: Iterable[Expression]) -> Expression:
    return f"({' and '.join(expressions) or 'True'})"


def _not(builder: FunctionBuilder, operand: Any, depth: int) -> Expression:
    return f"(not {_condition(builder, operand, depth)})"


def _and(builder: FunctionBuilder, operand: Any, depth: int) -> Expression:
    return _conjunction(_condition(builder, one, depth) for one in operand) if _is_list(operand) else "False"


def _or(builder: FunctionBuilder, operand: Any, depth: int) -> Expression:
    if not _is_list(operand):
        return "False"
    return f"({' or '.join(_condition(builder, one, depth) for one in operand) or 'True'})"


_LOGIC: Mapping[str, Callable[[FunctionBuilder, Any, int], Expression]] = {
    "$not": _not,
    "$and": _and,
    "$or": _or,
    "$nor": lambda builder, operand, depth: f"(not {_or(builder, operand, depth)})",
}


def _value(builder: FunctionBuilder, value: Value, operand: Any, depth: int) -> Expression:
    """The test of one value: by operators, or for equality with the operand."""
    if coercion.kind(operand) == "object" and is_operators(operand):
        if depth > _DEEPEST:
            return f"{builder.constant(_value_test(operand))}({value})"
        return _conjunction(_operator(builder, value, name, argument, depth + 1) for name, argument in operand.items())
    if isinstance(operand, str):
        text = builder.constant(coercion.text)
        return f"(({value} if type({value}) is str else {text}({value})) == {builder.constant(operand)})"
    return f"{builder.constant(_equality_test(operand))}({value})"


def _operator(builder: FunctionBuilder, value: Value, name: str, operand: Any, depth: int) -> Expression:
    """The test of one operator. Frequent ones, such as comparisons with a number, need no function call."""
    if name == "$not":
        return f"(not {_value(builder, value, operand, depth)})"
    if name in _COMPARISONS and type(operand) in (int, float):
        return f"({builder.number(value)} {_COMPARISONS[name]} {builder.constant(operand)})"
    if name in _EQUALITIES and isinstance(operand, str):
        return f"({value} {_EQUALITIES[name]} {builder.constant(operand)})"
    make = _NESTING.get(name) or OPERATORS.get(name)
    test = f"{builder.constant(make(operand) if make else never)}({value})"
    if name in _SEARCHES and isinstance(operand, str) and (pattern := split_plain_pattern(operand)) is not None:
        searches = [f"{value}.startswith({builder.constant(pattern.prefixes)})"] if pattern.prefixes else []
        searches += [f"{builder.constant(part)} in {value}" for part in pattern.parts]
        is_short = f"type({value}) is str and len({value}) <= {LONGEST_SUBJECT}"
        return f"({_SEARCHES[name]}({' or '.join(searches)}) if {is_short} else {test})"
    if name in _MEMBERSHIPS and _is_list(operand) and all(isinstance(one, str) for one in operand):
        texts = builder.constant(frozenset(operand))
        # An element without a hash raises TypeError, and then the careful version takes over.
        negation = "not " if name == "$in" else ""
        quick = f"{negation}{texts}.isdisjoint({value}) if type({value}) is list else {test}"
        otherwise = quick if builder.quick else test
        return f"({value} {_MEMBERSHIPS[name]} {texts} if type({value}) is str else {otherwise})"
    return test


def _equality_test(operand: Any) -> Test:
    match coercion.kind(operand):
        case "number":
            return lambda value: coercion.number(value) == operand
        case "boolean":
            return lambda value: value is not None and coercion.truthy(value) is operand
        case _:
            return lambda value: coercion.alike(value, operand)


def _value_test(operand: Any) -> Test:
    return function_of_value(lambda builder, value: _value(builder, value, operand, 0))


def _case_insensitive_test(operand: Any) -> Test:
    if not isinstance(operand, str):
        return _value_test(operand)
    folded = operand.lower()
    return lambda value: coercion.text(value).lower() == folded


def _size(operand: Any) -> Test:
    test = _value_test(operand)
    return lambda value: _is_list(value) and test(len(value))


def _element_matches(operand: Any) -> Test:
    """Whether an element passes. Null elements never do."""
    if not isinstance(operand, Mapping):
        return never
    test = _value_test(operand) if is_operators(operand) else compile_condition(operand)
    return lambda value: _is_list(value) and any(element is not None and test(element) for element in value)


def _holds_all(make_test: Callable[[Any], Test]) -> Callable[[Any], Test]:
    """Whether each test in the operand has an element that passes it."""

    def make(operand: Any) -> Test:
        if not _is_list(operand):
            return never
        tests = [make_test(wanted) for wanted in operand]
        return lambda value: _is_list(value) and all(any(map(test, value)) for test in tests)

    return make


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


_NESTING: Mapping[str, Callable[[Any], Test]] = {
    "$size": _size,
    "$elemMatch": _element_matches,
    "$all": _holds_all(_value_test),
    "$alli": _holds_all(_case_insensitive_test),
}
"""The operators whose operand contains tests."""
