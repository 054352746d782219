"""Generator of the Python source that evaluates conditions. A compiled function is as fast as handwritten code.

The function looks up each attribute once, even if several conditions test it. No text of a condition becomes source:
keys and operands are constants, bound to generated names.

A function of attributes has two versions. The quick version assumes values of the expected types. When it raises
an error because of another type, the careful version takes over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from edgewise.conditions.coercion import number

Expression: TypeAlias = str
Function: TypeAlias = Callable[[Any], Any]
Keys: TypeAlias = tuple[str, ...]

_EMPTY: Mapping[str, Any] = {}


def _as_mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else _EMPTY


class FunctionBuilder:
    """Builds one function. Its argument has the name `value`."""

    def __init__(self, *, quick: bool = False) -> None:
        self.quick = quick
        self._constants: dict[str, Any] = {"as_mapping": _as_mapping, "as_number": number, "empty": _EMPTY}
        self._lines: list[str] = []
        self._names: dict[tuple[str, Keys], Expression] = {}

    def constant(self, value: Any) -> Expression:
        name = f"c{len(self._constants)}"
        self._constants[name] = value
        return name

    def attribute(self, path: str) -> Value:
        """The attribute at this dotted path. A missing one is None."""
        return Value(self, tuple(path.split(".")))

    def number(self, value: Value) -> Expression:
        """The value as a number. A missing value counts as 0."""
        if self.quick and value.keys:
            return self._lookup("n", value.keys, "0")
        return f"({value} if (type({value}) is int or type({value}) is float) else as_number({value}))"

    def lookup(self, keys: Keys) -> Expression:
        """The value at the end of this path. The empty path is the function's argument."""
        return self._lookup("v", keys, "None") if keys else "value"

    def lines(self, result: Expression) -> list[str]:
        """The body of the function that returns this result."""
        return [*self._lines, f"return {result}"]

    def function(self, lines: list[str]) -> Function:
        """The function with this body."""
        text = "\n    ".join(["def function(value):", *lines])
        namespace = dict(self._constants)
        exec(compile(text, "<conditions>", "exec"), namespace)
        function: Function = namespace["function"]
        return function

    def _lookup(self, kind: str, keys: Keys, default: Expression) -> Expression:
        if (kind, keys) not in self._names:
            mapping, key = self._mapping(keys[:-1]), self.constant(keys[-1])
            self._add(kind, keys, f"{mapping}.get({key}, {default})")
        return self._names[kind, keys]

    def _mapping(self, keys: Keys) -> Expression:
        """The mapping at the end of this path. Only the careful version checks that the value is a mapping."""
        if self.quick:
            return self._lookup("m", keys, "empty") if keys else "value"
        if ("m", keys) not in self._names:
            value = self.lookup(keys)
            self._add("m", keys, f"{value} if type({value}) is dict else as_mapping({value})")
        return self._names["m", keys]

    def _add(self, kind: str, keys: Keys, expression: Expression) -> None:
        self._names[kind, keys] = name = f"{kind}{len(self._names)}"
        self._lines.append(f"{name} = {expression}")


class Value(NamedTuple):
    """A tested value. Formatting it as text adds its lookup to the function."""

    builder: FunctionBuilder
    keys: Keys = ()

    def __str__(self) -> Expression:
        return self.builder.lookup(self.keys)


def function_of_attributes(write: Callable[[FunctionBuilder], Expression]) -> Function:
    """Compile an expression of attributes. An argument that is not a mapping counts as empty."""
    careful, quick = FunctionBuilder(), FunctionBuilder(quick=True)
    fallback = quick.constant(careful.function(careful.lines(write(careful))))
    lines = [f"    {line}" for line in quick.lines(write(quick))]
    return quick.function(["try:", *lines, "except (AttributeError, TypeError):", f"    return {fallback}(value)"])


def function_of_value(write: Callable[[FunctionBuilder, Value], Expression]) -> Function:
    """Compile an expression of a single value."""
    builder = FunctionBuilder()
    return builder.function(builder.lines(write(builder, Value(builder))))
