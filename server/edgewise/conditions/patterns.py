"""Regular expressions for untrusted subjects.

RE2 matches in time linear in the subject, so no visitor can block a worker with a malicious text. In return, patterns
have neither look-around nor backreferences.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import re2

LONGEST_SUBJECT = 4096
"""The number of characters of a subject that a search reads. It ignores the rest."""

_PLAIN = re.compile(r"\^?[A-Za-z0-9 _/-]+(?:\|\^?[A-Za-z0-9 _/-]+)*")


def compile_pattern(pattern: str, *, ignore_case: bool = False) -> Callable[[str], bool]:
    """Compile a pattern to a search of a subject. The search never raises.

    Raises:
        ValueError: RE2 rejects the pattern. The message is RE2's.
    """
    expression = _compile(pattern, ignore_case)

    def is_found(subject: str) -> bool:
        # The wrapper raises for text with half a surrogate pair, but never for bytes.
        return expression.search(subject[:LONGEST_SUBJECT].encode("utf-8", "replace")) is not None

    return is_found


class PlainPattern(NamedTuple):
    """A pattern without special characters. It matches subjects that begin with a prefix or contain a part."""

    prefixes: tuple[str, ...]
    parts: tuple[str, ...]


def split_plain_pattern(pattern: str) -> PlainPattern | None:
    """Split a pattern of texts, `^` and `|`, which needs no RE2. None for other patterns."""
    if not _PLAIN.fullmatch(pattern):
        return None
    alternatives = pattern.split("|")
    return PlainPattern(
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
