"""Regular expressions for subjects that strangers write.

RE2 matches in time linear in the subject, so no visitor can stall a worker with a text made to exhaust a pattern. The
price is that patterns have no look-around and no backreferences.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import re2

LONGEST_SUBJECT = 4096
"""Characters of a subject that are looked at; the rest might as well not be there."""

_PLAIN = re.compile(r"\^?[A-Za-z0-9 _/-]+(?:\|\^?[A-Za-z0-9 _/-]+)*")


def compile_pattern(pattern: str, *, ignore_case: bool = False) -> Callable[[str], bool]:
    """A test whether the pattern is found anywhere in a subject. The test never raises.

    Raises:
        ValueError: it is not a regular expression that RE2 knows; says why.
    """
    expression = _compile(pattern, ignore_case)

    def found_in(subject: str) -> bool:
        # As bytes, because half a surrogate pair would have the wrapper raise.
        return expression.search(subject[:LONGEST_SUBJECT].encode("utf-8", "replace")) is not None

    return found_in


class Plain(NamedTuple):
    """A pattern that is found where a subject begins with one of these texts, or has one of those in it."""

    beginnings: tuple[str, ...]
    parts: tuple[str, ...]


def plain(pattern: str) -> Plain | None:
    """What the pattern comes to, if there is nothing in it that only RE2 could find: texts, `^` and `|`."""
    if not _PLAIN.fullmatch(pattern):
        return None
    alternatives = pattern.split("|")
    return Plain(
        tuple(one[1:] for one in alternatives if one.startswith("^")),
        tuple(one for one in alternatives if not one.startswith("^")),
    )


def _compile(pattern: str, ignore_case: bool) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = not ignore_case
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0]
        raise ValueError(reason.decode() if isinstance(reason, bytes) else str(reason)) from error
