"""The visitor attributes that the conditions of a site need. The others are not made."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Set

from edgewise.visitors.attribute_table import FULL_PROFILE_ONLY, ON_DEMAND


class NeededAttributes:
    """The attributes that some dotted paths need. Paths outside of `visitor` are ignored.

    `names` are the attributes. `parts` has the needed keys of those attributes that are not needed as a whole.
    """

    __slots__ = ("names", "needs_full_profile", "parts")

    def __init__(self, paths: Iterable[str]) -> None:
        below_visitor = [path.split(".")[1:3] for path in paths if path == "visitor" or path.startswith("visitor.")]
        whole = {keys[0] for keys in below_visitor if len(keys) == 1}
        if [] in below_visitor:
            whole |= ON_DEMAND
        self.names: Set[str] = frozenset(whole.union(keys[0] for keys in below_visitor if keys))
        self.parts: Mapping[str, Collection[str]] = {
            name: tuple(sorted({keys[1] for keys in below_visitor if keys[:1] == [name]}))
            for name in self.names - whole
        }
        self.needs_full_profile = not self.names.isdisjoint(FULL_PROFILE_ONLY)


ALL_ATTRIBUTES = NeededAttributes(("visitor",))
