"""A TOML file: its parser reports syntax errors with file, line and column."""

from __future__ import annotations

import codecs
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

from edgewise.errors import PolicyError, Problem

LARGEST_FILE = 32 * 1024 * 1024
"""Bytes. Two thousand actions with payloads of full length fit."""

_TOMLLIB_MESSAGE = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)

_ADVICE = {
    "Cannot declare": " Write each [table] once. A list such as [[actions]] has double brackets.",
    "Cannot overwrite a value": " Write each key once. A list such as [[actions]] has double brackets.",
    "Expected '=' after a key": " Write it as `key = value`.",
    "Expected newline": " Write each `key = value` on its own line, and texts in straight quotes.",
    "Illegal character": " Close the quotes of the text on this line.",
    "Invalid statement": ' Write it as `key = value`, with straight quotes around a key such as "$click".',
    "Invalid value": ' Write texts in straight quotes, such as "home-hero".',
    "Unclosed": " Close the bracket or brace.",
}
"""The next step for the author of the file, by the beginning of tomllib's message."""


def read_toml(path: Path, name: str) -> dict[str, Any]:
    """Read and parse a file. Problems refer to the file as `name`.

    Raises:
        PolicyError: the file is unreadable, too large, or not TOML.
    """
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise PolicyError([Problem(name, "Expected a file, found a folder or a device. Move it away.")])
        if state.st_size > LARGEST_FILE:
            message = f"Expected a file of at most {LARGEST_FILE} bytes, found {state.st_size} bytes."
            raise PolicyError([Problem(name, message)])
        return parse_toml(path.read_bytes(), name)
    except OSError as error:
        raise PolicyError([Problem(name, f"Cannot read the file: {error.strerror}.")]) from error


def parse_toml(source: bytes, name: str) -> dict[str, Any]:
    """Parse the content of a file. Problems refer to the file as `name`.

    A byte-order mark and the line ends of Windows are accepted.

    Raises:
        PolicyError: the content is not TOML.
    """
    if source and not source.strip(b"\0"):
        message = "The file has only NUL bytes, as after a crash while it was saved. Save it again."
        raise PolicyError([Problem(name, message)])
    if (encoding := find_wide_encoding(source)) is not None:
        message = f"Expected UTF-8, found {encoding}. Save the file as UTF-8: editors ask for the encoding in Save As."
        raise PolicyError([Problem(name, message)])
    source = source.removeprefix(codecs.BOM_UTF8)
    if b"\n" not in source:
        source = source.replace(b"\r", b"\n")
    try:
        return tomllib.loads(source.decode())
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        message = f"Expected UTF-8, found the byte 0x{source[error.start]:02x}. Save the file as UTF-8."
        raise PolicyError([Problem(f"{name}:{line}", message)]) from error
    except tomllib.TOMLDecodeError as error:
        raise PolicyError([_syntax_problem(str(error), source, name)]) from error
    except ValueError as error:
        message = "Invalid TOML: A whole number has thousands of digits. Write a text, or a shorter number."
        raise PolicyError([Problem(name, message)]) from error
    except RecursionError as error:
        raise PolicyError([Problem(name, "Invalid TOML: lists or tables are nested too deeply.")]) from error


def find_wide_encoding(source: bytes) -> str | None:
    """UTF-16 or UTF-32 if the text begins with the mark of one, or with a letter of one. None otherwise."""
    if source.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "UTF-32"
    if source.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in source[:2]:
        return "UTF-16"
    return None


def _syntax_problem(message: str, source: bytes, name: str) -> Problem:
    match = _TOMLLIB_MESSAGE.fullmatch(message)
    if match is None:
        return Problem(name, f"Invalid TOML: {message}.")
    error, line, column = match.groups()
    advice = next((advice for beginning, advice in _ADVICE.items() if error.startswith(beginning)), "")
    if line is None:
        last = source.rstrip().count(b"\n") + 1
        return Problem(f"{name}:{last}", f"Invalid TOML: {error} at the end of the file.{advice}")
    return Problem(f"{name}:{line}:{column}", f"Invalid TOML: {error}.{advice}")
