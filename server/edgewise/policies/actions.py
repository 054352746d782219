"""The actions in a policy file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgewise.conditions.validation import problems_in
from edgewise.config.claims import repeated
from edgewise.config.keypath import child
from edgewise.config.literals import feature, payload_problems
from edgewise.config.table import Table
from edgewise.config.values import a_switch, a_table, found, label, moment, one_of, whole_number
from edgewise.policies.policy import Action, Cap
from edgewise.types import SPANS, Condition

MOST_ACTIONS = 2000
MOST_FEATURES = 100
MOST_EVENTS = 20

_action_id = label(128)
_feature_name = label(64)
_event_name = label(128)


def read_actions(file: Table) -> tuple[Action, ...]:
    """The `[[actions]]` of a policy file; what is wrong with them is added to the file's problems."""
    tables = file.tables("actions", required=True)
    if "actions" in file.entries and not 1 <= len(tables) <= MOST_ACTIONS:
        file.refuse("actions", f"found {len(tables)} actions, expected 1 to {MOST_ACTIONS}")
    actions = tuple(_read_action(table) for table in tables[:MOST_ACTIONS])
    ids = ((action.id, child(table.path, "id")) for action, table in zip(actions, tables, strict=False) if action.id)
    file.problems.extend(repeated(ids))
    return actions


def _read_action(table: Table) -> Action:
    action = Action(
        id=table.take("id", _action_id, "", required=True),
        features=table.table("features").take_all(_feature_name, feature, most=MOST_FEATURES),
        payload=_read_payload(table),
        when=read_condition(table),
        enabled=table.take("enabled", a_switch, True),
        starts=table.take("starts", moment, None),
        ends=table.take("ends", moment, None),
        cap=_read_cap(table),
        not_after=table.take("not_after", _event_names, ()),
    )
    if action.starts is not None and action.ends is not None and action.ends <= action.starts:
        table.refuse("ends", "found a time that is not after `starts`, expected a later one")
    table.refuse_unknown_keys()
    return action


def _read_payload(table: Table) -> Mapping[str, Any]:
    payload = table.table("payload")
    table.problems.extend(payload_problems(payload.entries, payload.path))
    return payload.entries


def _read_cap(action: Table) -> Cap | None:
    table = action.table("cap")
    count = table.take("count", whole_number(1, 1000), 1, required="cap" in action.entries)
    per = table.take("per", one_of(SPANS), SPANS[0], required="cap" in action.entries)
    table.refuse_unknown_keys()
    return Cap(count, per) if "cap" in action.entries else None


def _event_names(value: Any) -> tuple[str, ...]:
    if isinstance(value, list) and 1 <= len(value) <= MOST_EVENTS:
        return tuple(dict.fromkeys(event_name(name) for name in value))
    raise ValueError(f"found {found(value)}, expected a list of 1 to {MOST_EVENTS} event names")


def event_name(name: Any) -> str:
    """Of the reserved events only the click: an impression pays nothing and bars nothing, a `$reward` is a number."""
    if isinstance(name, str) and name.startswith("$") and name != "$click":
        raise ValueError(f"found {found(name)}, expected $click or an event name of your own")
    return _event_name(name)


def read_condition(table: Table) -> Condition | None:
    """The `when` of an action or a pin."""
    condition = table.take("when", a_table, None)
    if condition is not None:
        table.problems.extend(problems_in(condition, child(table.path, "when")))
    return condition
