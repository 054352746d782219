"""What is held of what a visitor was shown, as a person can read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgewise.decisions.exposure import Choice
from edgewise.privacy.readable import plain
from edgewise.store.exposures import Fields
from edgewise.types import Span


def shown(span: Span, fields: Fields) -> Iterator[dict[str, Any]]:
    """One thing after the other: how often an action was shown, which choice sticks, what is barred."""
    for field, value in sorted(fields.items()):
        kind, _, rest = field.decode().partition(":")
        placement, _, name = rest.partition(":")
        yield {"placement": placement, "span": span, **_thing(kind, name, value)}


def _thing(kind: str, name: str, value: bytes) -> dict[str, Any]:
    match kind:
        case "n":
            return {"action": name, "shown": int(value)}
        case "x":
            return {"capsReached": int(value)}
        case "s":
            return {"sticks": plain(Choice.decode(value))}
        case "b":
            event, _, action = name.partition("\0")
            return {"notAgainAfter": event, "action": action or None}
        case "d" if name:
            key, *actions = value[:_KEY], *value[_KEY + 1 :].split(b"\0")
            return {"decision": key.hex(), "actions": [action.decode() for action in actions]}
        case "d":
            return {"decisions": int(value)}
        case _:
            return {"kind": kind, "name": name, "value": value.hex()}


_KEY = 12
"""A decision's key comes first, then its actions, each after a NUL."""
