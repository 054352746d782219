"""A TOML file, parsed, with what is wrong said by file, line and column."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from edgewise.errors import PolicyError, Problem

LARGEST_FILE = 32 * 1024 * 1024
"""Bytes. Two thousand actions with payloads of full length fit."""

_PLACE = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)


def read_toml(path: Path, name: str) -> dict[str, Any]:
    """What the file holds. `name` stands for the file in the problems.

    Raises:
        PolicyError: the file cannot be read, or is not TOML.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise PolicyError([Problem(name, f"found a file of {size} bytes, expected at most {LARGEST_FILE}")])
        return parse_toml(path.read_bytes(), name)
    except OSError as error:
        raise PolicyError([Problem(name, f"cannot be read: {error.strerror}")]) from error


def parse_toml(source: bytes, name: str) -> dict[str, Any]:
    """What this TOML holds.

    Raises:
        PolicyError: it is not TOML.
    """
    try:
        return tomllib.loads(source.decode())
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        message = f"found the byte 0x{source[error.start]:02x}, expected UTF-8"
        raise PolicyError([Problem(f"{name}:{line}", message)]) from error
    except tomllib.TOMLDecodeError as error:
        raise PolicyError([_syntax_problem(str(error), source, name)]) from error
    except ValueError as error:  # a whole number of thousands of digits
        raise PolicyError([Problem(name, f"expected TOML: {error}")]) from error
    except RecursionError as error:
        raise PolicyError([Problem(name, "found lists or tables nested too deeply, expected TOML")]) from error


def _syntax_problem(message: str, source: bytes, name: str) -> Problem:
    place = _PLACE.fullmatch(message)
    if place is None:
        return Problem(name, f"expected TOML: {message}")
    what, line, column = place.groups()
    if line is None:
        last = source.rstrip().count(b"\n") + 1
        return Problem(f"{name}:{last}", f"expected TOML: {what} at the end of the file")
    return Problem(f"{name}:{line}:{column}", f"expected TOML: {what}")
