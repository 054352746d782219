"""A reading: which attributes of a visitor the conditions of a site ask for. The others need not be made."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Set

ONLY_CONDITIONS = frozenset(
    {
        "brands",
        "cart",
        "cartValue",
        "categories",
        "daysSinceFirst",
        "daysSinceLast",
        "daysSinceOrder",
        "daysSinceSeen",
        "device",
        "events",
        "first",
        "last",
        "locale",
        "minutesSinceCart",
        "pages",
        "part",
        "products",
        "secondsPerPage",
        "timezone",
        "traits",
    }
)
"""The attributes that are no features, and take time to make."""


class Reading:
    """Made once from the dotted paths that conditions have; those that do not lead to visitors are ignored.

    `names` are the attributes that are asked for, or something in them; `parts` has what is asked for of those of which
    not everything is.
    """

    __slots__ = ("names", "parts")

    def __init__(self, paths: Iterable[str]) -> None:
        ours = [path.split(".")[1:3] for path in paths if path == "visitor" or path.startswith("visitor.")]
        whole = {keys[0] for keys in ours if len(keys) == 1}
        if [] in ours:
            whole |= ONLY_CONDITIONS
        self.names: Set[str] = frozenset(whole.union(keys[0] for keys in ours if keys))
        self.parts: Mapping[str, Collection[str]] = {
            name: tuple(sorted({keys[1] for keys in ours if keys[:1] == [name]})) for name in self.names - whole
        }


EVERYTHING = Reading(("visitor",))
