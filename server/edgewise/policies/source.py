"""The source of a function that asks conditions: written once, it costs in each call what the same by hand would.

Each attribute is looked up once, however many conditions ask for it. No text of a condition becomes source: what it
names and what it compares with are constants, bound to names of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Expression: TypeAlias = str


class Source:
    """One function in the making, of attributes or of a single value."""

    def __init__(self) -> None:
        self._constants: dict[str, Any] = {"as_mapping": _as_mapping}
        self._lines: list[str] = []
        self._values: dict[tuple[str, ...], Expression] = {}
        self._mappings: dict[tuple[str, ...], Expression] = {}

    def constant(self, value: Any) -> Expression:
        """What stands for this value."""
        name = f"c{len(self._constants)}"
        self._constants[name] = value
        return name

    def value(self, path: str) -> Expression:
        """What stands for the attribute at this dotted path; it is None where there is none."""
        return self._value(tuple(path.split(".")))

    def function_of_attributes(self, result: Expression) -> Callable[[Any], Any]:
        """The function from attributes to this. What is no mapping counts as an empty one."""
        return self._function([*(self._lines or ["pass"]), f"return {result}"])

    def function_of_value(self, result: Expression) -> Callable[[Any], Any]:
        """The function from a value, which is called `value`, to this."""
        return self._function([f"return {result}"])

    def _value(self, keys: tuple[str, ...]) -> Expression:
        if keys not in self._values:
            found = self._mapping(keys[:-1])
            self._values[keys] = name = f"v{len(self._values)}"
            self._lines.append(f"{name} = {found}.get({self.constant(keys[-1])})")
        return self._values[keys]

    def _mapping(self, keys: tuple[str, ...]) -> Expression:
        if keys not in self._mappings:
            value = self._value(keys) if keys else "value"
            self._mappings[keys] = name = f"m{len(self._mappings)}"
            self._lines.append(f"{name} = {value} if type({value}) is dict else as_mapping({value})")
        return self._mappings[keys]

    def _function(self, lines: list[str]) -> Callable[[Any], Any]:
        text = "\n    ".join(["def function(value):", *lines])
        namespace = dict(self._constants)
        exec(compile(text, "<conditions>", "exec"), namespace)
        function: Callable[[Any], Any] = namespace["function"]
        return function


def _as_mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else _NOTHING


_NOTHING: Mapping[str, Any] = {}
