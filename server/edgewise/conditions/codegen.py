"""The source of a function that asks conditions: written once, it costs in each call what the same by hand would.

Each attribute is looked up once, however many conditions ask for it. No text of a condition becomes source: what it
names and what it compares with are constants, bound to names of ours.

A function of attributes is written twice: quickly, as if all were of the types that are expected, and carefully. Where
the quick one meets something else, Python raises an error, and the careful one is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from edgewise.conditions.coercion import number

Expression: TypeAlias = str
Function: TypeAlias = Callable[[Any], Any]
Keys: TypeAlias = tuple[str, ...]


class Source:
    """One function in the making; its argument is called `value`."""

    def __init__(self, *, quick: bool = False) -> None:
        self.quick = quick
        self._constants: dict[str, Any] = {"as_mapping": _as_mapping, "as_number": number, "nothing": _NOTHING}
        self._lines: list[str] = []
        self._names: dict[tuple[str, Keys], Expression] = {}

    def constant(self, value: Any) -> Expression:
        """What stands for this value."""
        name = f"c{len(self._constants)}"
        self._constants[name] = value
        return name

    def attribute(self, path: str) -> Value:
        """The attribute at this dotted path; it is None where there is none."""
        return Value(self, tuple(path.split(".")))

    def number(self, value: Value) -> Expression:
        """What stands for the number that a value counts as: nothing counts as 0."""
        if self.quick and value.keys:
            return self._found("n", value.keys, "0")
        return f"({value} if (type({value}) is int or type({value}) is float) else as_number({value}))"

    def looked_up(self, keys: Keys) -> Expression:
        """What stands for what is at the end of this path; for none, it is the argument."""
        return self._found("v", keys, "None") if keys else "value"

    def lines(self, result: Expression) -> list[str]:
        """The body of the function that returns this."""
        return [*self._lines, f"return {result}"]

    def function(self, lines: list[str]) -> Function:
        """The function with this body."""
        text = "\n    ".join(["def function(value):", *lines])
        namespace = dict(self._constants)
        exec(compile(text, "<conditions>", "exec"), namespace)
        function: Function = namespace["function"]
        return function

    def _found(self, kind: str, keys: Keys, otherwise: Expression) -> Expression:
        if (kind, keys) not in self._names:
            mapping, key = self._mapping(keys[:-1]), self.constant(keys[-1])
            self._add(kind, keys, f"{mapping}.get({key}, {otherwise})")
        return self._names[kind, keys]

    def _mapping(self, keys: Keys) -> Expression:
        """What stands for the mapping at the end of this path; in a quick function it may be none."""
        if self.quick:
            return self._found("m", keys, "nothing") if keys else "value"
        if ("m", keys) not in self._names:
            value = self.looked_up(keys)
            self._add("m", keys, f"{value} if type({value}) is dict else as_mapping({value})")
        return self._names["m", keys]

    def _add(self, kind: str, keys: Keys, expression: Expression) -> None:
        self._names[kind, keys] = name = f"{kind}{len(self._names)}"
        self._lines.append(f"{name} = {expression}")


class Value(NamedTuple):
    """A value that is asked about. As text it is what stands for it; only then it is looked up."""

    source: Source
    keys: Keys = ()

    def __str__(self) -> Expression:
        return self.source.looked_up(self.keys)


def function_of_attributes(write: Callable[[Source], Expression]) -> Function:
    """The function from attributes to what is written. What is no mapping counts as an empty one."""
    careful, quick = Source(), Source(quick=True)
    again = quick.constant(careful.function(careful.lines(write(careful))))
    lines = [f"    {line}" for line in quick.lines(write(quick))]
    return quick.function(["try:", *lines, "except (AttributeError, TypeError):", f"    return {again}(value)"])


def function_of_value(write: Callable[[Source, Value], Expression]) -> Function:
    """The function from a single value to what is written."""
    source = Source()
    return source.function(source.lines(write(source, Value(source))))


def _as_mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else _NOTHING


_NOTHING: Mapping[str, Any] = {}
