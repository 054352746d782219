"""The tests of one attribute in a condition, and whether any of its values can meet them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from edgewise.conditions.coercion import number
from edgewise.conditions.compiler import compile_condition, is_operators
from edgewise.config.messages import describe, mismatch, suggestion
from edgewise.config.table import child
from edgewise.errors import Problem
from edgewise.visitors.attribute_table import VALUES
from edgewise.visitors.attribute_values import HOST, LOCALE, PATH, TEXT, URL, WEEKDAY, Values
from edgewise.visitors.attribute_values import number as number_from
from edgewise.visitors.readable_text import decode_path

_TYPE_NAMES = {"text": "string", "number": "number", "boolean": "boolean", "list": "array", "table": "object"}
_EQUALITIES = ("$eq", "$ne")
_MEMBERSHIPS = ("$in", "$nin", "$ini", "$nini")
_ORDERS = ("$lt", "$lte", "$gt", "$gte")
_PATTERNS = ("$regex", "$regexi", "$notRegex", "$notRegexi")
_OF_LISTS = ("$size", "$elemMatch", "$all", "$alli")
_OF_VERSIONS = ("$veq", "$vne", "$vlt", "$vlte", "$vgt", "$vgte")
_PART = re.compile(r"(\[\^?\]?(?:\\.|[^\]])*\]|\\.|.)([?*]|\{0)?", re.DOTALL)
"""A part of a simple pattern, and the beginning of a quantifier that makes it optional."""

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class AttributeTests:
    """The checks of the tests of one attribute."""

    def __init__(self, name: str, values: Values) -> None:
        self._name = name
        self._values = values

    def problems(self, operand: Any, path: str) -> Iterator[Problem]:
        if isinstance(operand, Mapping):
            for operator, argument in operand.items():
                yield from self._operator(operator, argument, child(path, operator))
        elif isinstance(operand, list | tuple):
            if self._values.type != "list":
                yield Problem(path, mismatch(self._values.expected, operand))
        else:
            yield from self._literal("", operand, path)

    def _operator(self, operator: str, argument: Any, path: str) -> Iterator[Problem]:
        is_list = self._values.type == "list"
        if operator == "$not":
            yield from self.problems(argument, path)
        elif operator in _EQUALITIES:
            yield from self._literal(operator, argument, path)
        elif operator in _MEMBERSHIPS and isinstance(argument, list):
            for index, element in enumerate(argument):
                yield from self._element(operator, element, child(path, index))
        elif operator in _ORDERS:
            yield from self._bound(operator, argument, path)
        elif operator in _PATTERNS and isinstance(argument, str):
            yield from self._pattern(operator, argument, path)
        elif operator in _OF_LISTS and not is_list:
            yield Problem(path, f"{self._name} is no list, and {operator} needs one. {self._advice()}")
        elif operator in _OF_LISTS:
            yield from self._of_list(operator, argument, path)
        elif operator in _OF_VERSIONS and (self._values.choices or self._values.type != "text"):
            yield Problem(path, f"{self._name} is no version, and {operator} needs one. {self._advice()}")
        elif operator == "$type" and argument not in (_TYPE_NAMES[self._values.type], "null"):
            expected = f"{_TYPE_NAMES[self._values.type]}, the type of {self._name}"
            yield Problem(path, mismatch(expected, argument))

    def _of_list(self, operator: str, argument: Any, path: str) -> Iterator[Problem]:
        if operator == "$size":
            sizes = AttributeTests(f"the size of {self._name}", number_from(0, self._values.high))
            yield from sizes.problems(argument, path)
        elif operator == "$elemMatch":
            if isinstance(argument, Mapping) and not is_operators(argument):
                yield Problem(path, f'{self._name} has texts, not tables. Write {{"$elemMatch" = {{"$eq" = "text"}}}}.')
            else:
                yield from AttributeTests(f"an element of {self._name}", TEXT).problems(argument, path)
        elif isinstance(argument, list):
            for index, element in enumerate(argument):
                yield from self._element(operator, element, child(path, index))

    def _element(self, operator: str, element: Any, path: str) -> Iterator[Problem]:
        if self._values.type != "list":
            yield from self._literal(operator, element, path)
        elif element is not None and not isinstance(element, str):
            yield Problem(path, mismatch(f"a text, because {self._name} is a list of texts", element))

    def _literal(self, operator: str, literal: Any, path: str) -> Iterator[Problem]:
        """Check a literal that the attribute is compared with. Without an operator, types are converted."""
        values = self._values
        if literal is None:
            return
        if values.type == "list":
            yield Problem(
                path, f'{self._name} is a list. Test it with an operator, as in {{"$in" = [{describe(literal)}]}}.'
            )
        elif values.type == "table":
            yield Problem(path, f"{self._name} is a table. {self._advice()}")
        elif literal == "" and not values.may_be_empty and isinstance(literal, str):
            yield Problem(path, f'{self._name} is absent instead of empty. Test it with {{"$exists" = false}}.')
        elif not self._can_equal(operator, literal):
            yield Problem(path, mismatch(values.expected, literal) + self._hint(literal))

    def _can_equal(self, operator: str, literal: Any) -> bool:
        values = self._values
        if values.choices:
            if (
                isinstance(literal, str | bool) and literal in values.choices
            ):  # Most are. To compile a test takes 0.2 ms.
                return True
            return self._has_choice(_positive(operator, literal))
        if values.type == "number":
            is_number = isinstance(literal, int | float) and not isinstance(literal, bool)
            if not is_number and (operator or not isinstance(literal, str)):
                return False
            size = number(literal)
            return values.low <= size <= values.high and (not values.whole or size == int(size))
        if not isinstance(literal, str):
            return not operator and not isinstance(literal, bool)
        spelled = literal if literal == "" else values.spell(literal)
        if spelled is not None and operator in ("$ini", "$nini"):
            return spelled.lower() == literal.lower()
        return spelled == literal

    def _has_choice(self, test: Any) -> bool:
        """Whether the test holds for one of the choices."""
        holds = compile_condition({"value": test})
        return any(holds({"value": one}) for one in self._values.choices)

    def _misses_all(self, test: Any) -> bool:
        """Whether the test holds for none of the texts, if all of them can be listed."""
        if self._values.all is None:
            return False
        holds = compile_condition({"value": test})
        return not any(holds({"value": one}) for one in self._values.all())

    def _hint(self, literal: Any) -> str:
        values = self._values
        if not isinstance(literal, str):
            return ""
        if values.type == "number":
            day = literal[:3].lower()
            is_day = values is WEEKDAY and day in _WEEKDAYS
            return f" Did you mean {_WEEKDAYS.index(day) + 1}?" if is_day else ""
        spelled = values.spell(literal)
        if spelled and spelled != literal and (not values.choices or spelled in values.choices):
            return f" Did you mean `{spelled}`?"
        return suggestion(literal, [one for one in values.choices if isinstance(one, str)])

    def _bound(self, operator: str, bound: Any, path: str) -> Iterator[Problem]:
        """Check the bound of a comparison. It may be just beyond the values: an hour is always `$lt` 24."""
        values = self._values
        if values.type in ("list", "table"):
            yield Problem(path, f"{self._name} is a {values.type}, and {operator} needs a number. {self._advice()}")
            return
        if values.choices and not self._has_choice({operator: bound}):
            yield Problem(path, mismatch(f"a bound for {values.expected}", bound) + self._hint(bound))
        if values.type != "number":
            return
        size = number(bound)
        can_hold = {
            "$gt": values.high > size,
            "$gte": values.high >= size,
            "$lt": values.low < size,
            "$lte": values.low <= size,
        }
        if isinstance(bound, bool) or not values.low - 1 <= size <= values.high + 1:
            yield Problem(path, mismatch(values.expected, bound) + self._hint(bound))
        elif not can_hold[operator]:
            yield Problem(
                path, f"Expected a bound that {self._name} can meet, found {describe(bound)}. It is {values.expected}."
            )

    def _pattern(self, operator: str, pattern: str, path: str) -> Iterator[Problem]:
        values = self._values
        found = "$regexi" if operator in ("$regexi", "$notRegexi") else "$regex"
        if (values.choices and not self._has_choice({found: pattern})) or self._misses_all({found: pattern}):
            yield Problem(path, mismatch(f"a pattern for {values.expected}", pattern) + self._hint(pattern))
        elif values.spell is PATH.spell and re.match(r"\^\w", pattern):
            yield Problem(
                path, mismatch(f"a pattern for {values.expected}", pattern) + f" Did you mean `^/{pattern[1:]}`?"
            )
        elif values.spell in (HOST.spell, PATH.spell) and "://" in pattern:
            yield Problem(path, mismatch(f"a pattern for {values.expected}", pattern) + " Leave out the scheme.")
        elif values.type == "text" and pattern != (decoded := decode_path(pattern)):
            yield Problem(path, mismatch(f"a pattern for {values.expected}", pattern) + f" Did you mean `{decoded}`?")
        elif found == "$regex" and (advice := _impossible_part(values, pattern)):
            yield Problem(path, f"{mismatch(f'a pattern for {values.expected}', pattern)} {advice}")

    def _advice(self) -> str:
        if self._values.type == "list":
            return "Test it with $in, or its number of elements with $size."
        if self._values.is_open:
            return f"Test one of its values, such as {self._name}.name."
        parts = [path for path in VALUES if path.startswith(f"{self._name}.")]
        return f"Test one of {', '.join(parts[:8])}." if parts else "Test its value."


def _impossible_part(values: Values, pattern: str) -> str:
    """Advice about a character of the pattern that no value has, or nothing."""
    if values.spell is URL.spell and re.match(r"\^(?:/|www\b)", pattern):
        return 'Begin it with the scheme, such as "^https://", or leave out the ^.'
    characters = _required_characters(pattern)
    if values.spell is PATH.spell and characters & {"?", "#"}:
        return "A path has no query. Test page.url instead."
    if values.spell is HOST.spell and (characters & set("/?#@: ") or any(one.isupper() for one in characters)):
        return "A host has small letters, and neither path nor port."
    if values.spell is LOCALE.spell and "_" in characters:
        return "Write a hyphen in place of the underscore."
    return ""


def _required_characters(pattern: str) -> set[str]:
    """Characters that each match of a simple pattern contains. None of them for a pattern with alternatives."""
    if "(" in pattern or "|" in pattern:
        return set()
    needed = [part for part, optional in _PART.findall(pattern) if not optional]
    plain = {part for part in needed if part not in "^$.?*+{}" and part[0] not in "[\\"}
    return plain | {part[1] for part in needed if part[0] == "\\" and not part[1].isalnum()}


def _positive(operator: str, literal: Any) -> Any:
    """The test that holds for an attribute with this value."""
    if operator in ("$ini", "$nini"):
        return {"$ini": [literal]}
    return {"$eq": literal} if operator else literal
