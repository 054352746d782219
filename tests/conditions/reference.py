"""A reference interpreter of conditions. It compiles nothing and shares no code with the package.

It supports only the generated values: whole numbers and halves, shallow lists and mappings, and versions of letters
and digits.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any


def holds(condition: Mapping[str, Any], attributes: Any) -> bool:
    for key, operand in condition.items():
        if key == "$and":
            passed = all(holds(part, attributes) for part in operand)
        elif key == "$or":
            passed = any(holds(part, attributes) for part in operand)
        elif key == "$nor":
            passed = not any(holds(part, attributes) for part in operand)
        elif key == "$not":
            passed = not holds(operand, attributes)
        else:
            passed = value_passes(operand, look_up(attributes, key))
        if not passed:
            return False
    return True


def look_up(attributes: Any, path: str) -> Any:
    first, _, rest = path.partition(".")
    below = attributes.get(first) if isinstance(attributes, dict) else None
    return look_up(below, rest) if rest else below


def value_passes(operand: Any, value: Any) -> bool:
    if isinstance(operand, dict):
        return all(operator_passes(name, argument, value) for name, argument in operand.items())
    if isinstance(operand, str):
        return as_text(value) == operand
    if isinstance(operand, bool):
        return value is not None and is_true(value) == operand
    if isinstance(operand, (int, float)):
        return bool(as_number(value) == operand)
    return bool(as_json(value) == as_json(operand))


def operator_passes(name: str, operand: Any, value: Any) -> bool:
    match name:
        case "$eq":
            return strictly_equal(value, operand)
        case "$ne":
            return not strictly_equal(value, operand)
        case "$lt" | "$lte" | "$gt" | "$gte":
            return in_order(name[1:], value, operand)
        case "$veq" | "$vne" | "$vlt" | "$vlte" | "$vgt" | "$vgte":
            return relation(name[2:], version_parts(value), version_parts(operand))
        case "$exists":
            return bool((value is not None) == operand)
        case "$in":
            return bool(intersection(value, operand))
        case "$nin":
            return not intersection(value, operand)
        case "$ini":
            return bool(intersection(lowered(value), lowered(operand)))
        case "$nini":
            return not intersection(lowered(value), lowered(operand))
        case "$not":
            return not value_passes(operand, value)
        case "$size":
            return isinstance(value, list) and value_passes(operand, len(value))
        case "$elemMatch":
            by_operators = all(key.startswith("$") for key in operand)
            check = value_passes if by_operators else holds
            return isinstance(value, list) and any(check(operand, item) for item in value if item is not None)
        case "$all":
            return isinstance(value, list) and all(any(value_passes(o, item) for item in value) for o in operand)
        case "$alli":
            return isinstance(value, list) and all(any(passes_in_any_case(o, item) for item in value) for o in operand)
        case "$regex":
            return is_found(operand, value, re.NOFLAG)
        case "$regexi":
            return is_found(operand, value, re.IGNORECASE)
        case "$notRegex":
            return not is_found(operand, value, re.NOFLAG)
        case "$notRegexi":
            return not is_found(operand, value, re.IGNORECASE)
        case "$type":
            return bool(type_name(value) == operand)
    raise AssertionError(name)


def is_found(pattern: str, value: Any, flags: re.RegexFlag) -> bool:
    return value is not None and re.search(pattern, as_text(value), flags) is not None


def passes_in_any_case(operand: Any, value: Any) -> bool:
    if isinstance(operand, str):
        return as_text(value).lower() == operand.lower()
    return value_passes(operand, value)


def type_name(value: Any) -> str:
    names = {type(None): "null", bool: "boolean", int: "number", float: "number", str: "string", list: "array"}
    return names.get(type(value), "object")


def is_true(value: Any) -> bool:
    return isinstance(value, (list, dict)) or bool(value)


def as_text(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return ",".join("" if item is None else as_text(item) for item in value)
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return "[object Object]" if isinstance(value, dict) else str(value)


def as_number(value: Any) -> float:
    if value is None or isinstance(value, (bool, int, float)):
        return float(value or 0)
    written = as_text(value).strip()
    try:
        return float(written or 0) if re.fullmatch(r"[0-9.eE+-]*", written) else math.nan
    except ValueError:
        return math.nan


def as_json(value: Any) -> Any:
    """A form in which == distinguishes true from 1."""
    if isinstance(value, list):
        return ["list", *map(as_json, value)]
    if isinstance(value, dict):
        return {key: as_json(entry) for key, entry in value.items()}
    return (type_name(value), value)


def strictly_equal(value: Any, other: Any) -> bool:
    return not isinstance(value, (list, dict)) and as_json(value) == as_json(other)


def intersection(value: Any, wanted: list[Any]) -> list[Any]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if any(strictly_equal(item, candidate) for candidate in wanted)]


def lowered(value: Any) -> Any:
    if isinstance(value, list):
        return [item.lower() if isinstance(item, str) else item for item in value]
    return value.lower() if isinstance(value, str) else value


def in_order(name: str, value: Any, operand: Any) -> bool:
    if isinstance(value, (list, dict)):
        value = as_text(value)
    if isinstance(value, str) and isinstance(operand, str):
        return relation(name, value, operand)
    return relation(name, as_number(value), as_number(operand))


def relation(name: str, left: Any, right: Any) -> bool:
    match name:
        case "eq":
            return bool(left == right)
        case "ne":
            return bool(left != right)
        case "lt":
            return bool(left < right)
        case "lte":
            return bool(left <= right)
        case "gt":
            return bool(left > right)
        case _:
            return bool(left >= right)


def version_parts(version: Any) -> list[tuple[int, int, str]]:
    """Numbers sort before letters, and the end of a release after both."""
    is_number = isinstance(version, (int, float)) and not isinstance(version, bool)
    written = as_text(version) if is_number or (isinstance(version, str) and version) else "0"
    parts = re.split("[-.]", re.sub(r"^v|\+.*", "", written))
    ranked = [(0, int(part), "") if re.fullmatch("[0-9]+", part) else (1, 0, part) for part in parts]
    return [*ranked, (2, 0, "")] if len(parts) == 3 else ranked
