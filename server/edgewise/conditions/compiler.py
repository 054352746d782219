"""Targeting: whether a condition holds for what is known of a visitor and the moment.

A condition is compiled once into a function. Its semantics are those of GrowthBook's SDKs, which are JavaScript's
wherever types meet (see `coercion`), with three differences: dotted paths walk mappings only, never lists; the order of
keys does not matter when whole mappings are compared; patterns are RE2's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from edgewise.conditions import coercion
from edgewise.conditions.codegen import Expression, Source, Value, function_of_attributes, function_of_value
from edgewise.conditions.operators import OPERATORS, Test, never
from edgewise.conditions.patterns import LONGEST_SUBJECT, plain
from edgewise.types import Attributes, Condition

CompiledCondition: TypeAlias = Callable[[Attributes], bool]
CompiledConditions: TypeAlias = Callable[[Attributes], Sequence[bool]]

_DEEPEST = 16
"""What is nested more deeply becomes a function of its own: Python's parser knows a limit."""


def matches(condition: Condition, attributes: Attributes) -> bool:
    """Whether the condition holds for these attributes. Never raises, whatever the attributes are.

    What `conditions.problems_in` would refuse holds for nobody: an unknown operator, a wrong operand, a bad pattern.
    """
    return compile_condition(condition)(attributes)


def compile_condition(condition: Condition) -> CompiledCondition:
    """The condition as a function, for asking often."""
    return function_of_attributes(lambda source: _condition(source, condition, 0))


def compile_conditions(conditions: Iterable[Condition]) -> CompiledConditions:
    """The conditions as one function, for asking them together: it says of each in turn whether it holds."""
    asked = list(conditions)
    return function_of_attributes(lambda source: f"({''.join(f'{_condition(source, one, 0)}, ' for one in asked)})")


def _condition(source: Source, condition: Any, depth: int) -> Expression:
    if not isinstance(condition, Mapping):
        return "False"
    if depth > _DEEPEST:
        return f"{source.constant(compile_condition(condition))}(value)"
    return _all(_clause(source, key, operand, depth + 1) for key, operand in condition.items())


def _clause(source: Source, key: str, operand: Any, depth: int) -> Expression:
    if key in _LOGIC:
        return _LOGIC[key](source, operand, depth)
    return _value(source, source.attribute(key), operand, depth)


def _all(expressions: Iterable[Expression]) -> Expression:
    return f"({' and '.join(expressions) or 'True'})"


def _not(source: Source, operand: Any, depth: int) -> Expression:
    return f"(not {_condition(source, operand, depth)})"


def _every(source: Source, operand: Any, depth: int) -> Expression:
    return _all(_condition(source, one, depth) for one in operand) if _is_list(operand) else "False"


def _some(source: Source, operand: Any, depth: int) -> Expression:
    if not _is_list(operand):
        return "False"
    return f"({' or '.join(_condition(source, one, depth) for one in operand) or 'True'})"


_LOGIC: Mapping[str, Callable[[Source, Any, int], Expression]] = {
    "$not": _not,
    "$and": _every,
    "$or": _some,
    "$nor": lambda source, operand, depth: f"(not {_some(source, operand, depth)})",
}


def _value(source: Source, value: Value, operand: Any, depth: int) -> Expression:
    """The test for one value: by operators, or for being equal to what is written."""
    if coercion.kind(operand) == "object" and is_operators(operand):
        if depth > _DEEPEST:
            return f"{source.constant(_value_test(operand))}({value})"
        return _all(_operator(source, value, name, argument, depth + 1) for name, argument in operand.items())
    if isinstance(operand, str):
        text = source.constant(coercion.text)
        return f"(({value} if type({value}) is str else {text}({value})) == {source.constant(operand)})"
    return f"{source.constant(_equal_test(operand))}({value})"


def _operator(source: Source, value: Value, name: str, operand: Any, depth: int) -> Expression:
    """What is asked nearly always, such as whether a number is less than another, is asked right here."""
    if name == "$not":
        return f"(not {_value(source, value, operand, depth)})"
    if name in _SIGNS and type(operand) in (int, float):
        return f"({source.number(value)} {_SIGNS[name]} {source.constant(operand)})"
    if name in _EQUAL and isinstance(operand, str):
        return f"({value} {_EQUAL[name]} {source.constant(operand)})"
    make = _NESTING.get(name) or OPERATORS.get(name)
    test = f"{source.constant(make(operand) if make else never)}({value})"
    if name == "$regex" and isinstance(operand, str) and (simply := plain(operand)) is not None:
        asked = [f"{value}.startswith({source.constant(simply.beginnings)})"] if simply.beginnings else []
        asked += [f"{source.constant(part)} in {value}" for part in simply.parts]
        short = f"type({value}) is str and len({value}) <= {LONGEST_SUBJECT}"
        return f"(({' or '.join(asked)}) if {short} else {test})"
    if name in _AMONG and _is_list(operand) and all(isinstance(one, str) for one in operand):
        texts = source.constant(frozenset(operand))
        # A list may hold what has no hash: that is for the careful one.
        quickly = f"{'not ' if name == '$in' else ''}{texts}.isdisjoint({value}) if type({value}) is list else {test}"
        if_list = quickly if source.quick else test
        return f"({value} {_AMONG[name]} {texts} if type({value}) is str else {if_list})"
    return test


_SIGNS = {"$lt": "<", "$lte": "<=", "$gt": ">", "$gte": ">="}
_EQUAL = {"$eq": "==", "$ne": "!="}
_AMONG = {"$in": "in", "$nin": "not in"}


def is_operators(operand: Mapping[str, Any]) -> bool:
    """Whether this mapping is a set of operators rather than a value or a condition."""
    return bool(operand) and all(key.startswith("$") for key in operand)


def _equal_test(operand: Any) -> Test:
    match coercion.kind(operand):
        case "number":
            return lambda value: coercion.number(value) == operand
        case "boolean":
            return lambda value: value is not None and coercion.truthy(value) is operand
        case _:
            return lambda value: coercion.alike(value, operand)


def _value_test(operand: Any) -> Test:
    """The test for a value as a function."""
    return function_of_value(lambda source, value: _value(source, value, operand, 0))


def _folded_test(operand: Any) -> Test:
    """The same; of a text, the case does not matter."""
    if not isinstance(operand, str):
        return _value_test(operand)
    folded = operand.lower()
    return lambda value: coercion.text(value).lower() == folded


def _size(operand: Any) -> Test:
    test = _value_test(operand)
    return lambda value: _is_list(value) and test(len(value))


def _element_matches(operand: Any) -> Test:
    """Whether an element passes; null elements never do."""
    if not isinstance(operand, Mapping):
        return never
    test = _value_test(operand) if is_operators(operand) else compile_condition(operand)
    return lambda value: _is_list(value) and any(element is not None and test(element) for element in value)


def _holds_all(make_test: Callable[[Any], Test]) -> Callable[[Any], Test]:
    """Whether each of the operand's tests is passed by some element."""

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
    "$alli": _holds_all(_folded_test),
}
"""The operators whose operand holds tests of its own."""
