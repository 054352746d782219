"""Terms: the features of context and action lines, as columns of a linear model.

A text token is a column of its own, which is 1 where the token is. The number tokens of one name share a column, which
has the number. A missing number is 0, as zero is no token.

Columns have digests of texts, because a model is kept for longer than the log. A text may be about a person.
"""

from __future__ import annotations

import math
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple


class Term(NamedTuple):
    """One feature of a line.

    `column` names its column, and `attribute` the attribute. `value` is 1 for a text, and sign(x) ln(1 + |x|) for a
    number x.
    """

    column: str
    attribute: str
    value: float

    @property
    def is_number(self) -> bool:
        return self.column == self.attribute


def terms_of(line: str) -> list[Term]:
    """The terms of a line of `features.context_line`, `slot_line` or `action_line`, each column once."""
    found: dict[str, Term] = {}
    letter = ""
    for token in line.split(" "):
        if token.startswith("|"):
            letter = token[1:]
        elif letter:
            term = term_of(letter, token)
            found.setdefault(term.column, term)
    return list(found.values())


@lru_cache(maxsize=1 << 12)
def term_of(letter: str, token: str) -> Term:
    """The term of one token of the namespace with this letter."""
    name, _, text = token.partition("=")
    attribute = f"{letter}.{name}"
    number = _number(text)
    if number is None:
        return Term(f"{attribute}={blake2b(text.encode(), digest_size=6).hexdigest()}", attribute, 1.0)
    return Term(attribute, attribute, math.copysign(math.log1p(abs(number)), number))


def _number(text: str) -> float | None:
    """The number of a bucket of `features`: its value, or the geometric middle of its half-octave."""
    kind, digits = text[:2], text[2:]
    if kind not in ("%n", "%h", "%m"):
        return None
    try:
        power = int(digits)
    except ValueError:
        return None  # An escaped text such as `%n`, which no bucket has.
    if kind == "%n":
        return float(power)
    return math.copysign(2.0 ** ((min(power, 120) + 0.5) / 2), 1 if kind == "%h" else -1)
