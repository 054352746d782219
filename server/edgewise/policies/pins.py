"""The pins in a policy file: who is shown a certain action, whatever was learned."""

from __future__ import annotations

from edgewise.config.table import Table
from edgewise.config.values import found, label, nearest
from edgewise.policies.actions import read_condition
from edgewise.policies.policy import Action, Pin

MOST_PINS = 100

_action_id = label(128)


def read_pins(file: Table, actions: tuple[Action, ...]) -> tuple[Pin, ...]:
    """The `[[pins]]` of a policy file; what is wrong with them is added to the file's problems."""
    tables = file.tables("pins")
    if len(tables) > MOST_PINS:
        file.refuse("pins", f"found {len(tables)} pins, expected at most {MOST_PINS}")
    known = [action.id for action in actions]
    return tuple(_read_pin(table, known) for table in tables[:MOST_PINS])


def _read_pin(table: Table, known: list[str]) -> Pin:
    pin = Pin(table.take("action", _action_id, "", required=True), read_condition(table))
    if pin.action and pin.action not in known:
        hint = nearest(pin.action, known)
        table.refuse("action", f"found {found(pin.action)}, expected the id of an action in this file{hint}")
    table.refuse_unknown_keys()
    return pin
