"""Checks that keep the cost of decoding in proportion to the size of the input.

Without them, two kinds of values take thousands of times longer than others of their size:

- JSON numbers from 1e289 on. Their conversion takes 12 µs each, instead of 20 ns.
- MessagePack maps whose keys collide. Lists and numbers can be chosen so that they do. Texts cannot, because Python
  seeds their hash.
"""

from __future__ import annotations

import re

import re2
from msgpack import StackError, unpackb

MAX_ITEMS = 1000
"""The most items of a list or an object in MessagePack. A list is allocated before its items are read."""

# Digits become zeros, so that one search finds every exponent of three digits.
_EXPONENTS = bytes(ord("0") if chr(c).isdigit() else ord("e") if chr(c) in "eE" else ord(" ") for c in range(256))
_THREE_DIGITS = b"0e000"


def _latin_1() -> re2.Options:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    return options


_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_LARGE_NUMBER = re2.compile(rb"[0-9][eE]\+?0*(?:289|29[0-9]|[3-9][0-9]{2})", _latin_1())


class CostlyValue(ValueError):
    """A value takes too long to decode. The message describes it."""


def check_json_cost(body: bytes) -> None:
    """Check that no number is 1e289 or larger. A body with such text in its strings takes longer, but passes.

    Raises:
        CostlyValue: a number is too large.
    """
    if _THREE_DIGITS not in body.translate(_EXPONENTS, b"+") or not _LARGE_NUMBER.search(body):
        return
    if _LARGE_NUMBER.search(_STRING.sub(b'""', body)):
        raise CostlyValue("Expected numbers below 1e289, found a larger one.")


def check_msgpack_cost(body: bytes) -> None:
    """Check that all keys are texts, and that no list or object has more than MAX_ITEMS items.

    Raises:
        CostlyValue: a key has another type.
        ValueError: the body is malformed, or a list or an object has more items.
        RecursionError: the body is nested too deeply.
    """
    try:
        unpackb(body, strict_map_key=True, max_array_len=MAX_ITEMS, max_map_len=MAX_ITEMS)
    except StackError as error:
        raise RecursionError from error
    except ValueError as error:
        type_name, is_key, _ = str(error).partition(" is not allowed for map key")
        if is_key:
            raise CostlyValue(f"Expected texts as keys, found a key of type {type_name}.") from error
        raise
