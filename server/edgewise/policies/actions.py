"""Reader of the actions in a policy file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgewise.conditions.validation import problems_in
from edgewise.config.literals import feature, payload_problems
from edgewise.config.messages import mismatch, suggestion
from edgewise.config.table import Table, child, find_duplicates
from edgewise.config.values import boolean, label, mapping, one_of, timestamp, whole_number
from edgewise.policies.policy import Action, Cap
from edgewise.types import SPANS, Condition

MOST_ACTIONS = 2000
MOST_FEATURES = 100
MOST_EVENTS = 20

LONGEST_ID = 128
LONGEST_FEATURE_NAME = 64
LONGEST_EVENT_NAME = 128

action_id = label(LONGEST_ID)
_feature_name = label(LONGEST_FEATURE_NAME)
_event_name = label(LONGEST_EVENT_NAME)


def read_actions(file: Table) -> tuple[Action, ...]:
    """The `[[actions]]` of a policy file. Problems go to the file's table."""
    tables = file.tables("actions", required=True)
    if "actions" in file.entries and not 1 <= len(tables) <= MOST_ACTIONS:
        file.report("actions", mismatch(f"1 to {MOST_ACTIONS} actions", len(tables)))
    actions = tuple(_read_action(table) for table in tables[:MOST_ACTIONS])
    ids = ((action.id, child(table.path, "id")) for action, table in zip(actions, tables, strict=False) if action.id)
    file.problems.extend(find_duplicates("action id", ids))
    return actions


def _read_action(table: Table) -> Action:
    action = Action(
        id=table.take("id", action_id, "", required=True),
        features=table.table("features").take_all(_feature_name, feature, most=MOST_FEATURES),
        payload=_read_payload(table),
        when=read_condition(table),
        enabled=table.take("enabled", boolean, True),
        starts=table.take("starts", timestamp, None),
        ends=table.take("ends", timestamp, None),
        cap=_read_cap(table),
        not_after=table.take("not_after", _event_names, ()),
    )
    if action.starts is not None and action.ends is not None and action.ends <= action.starts:
        table.report("ends", "Expected a time after `starts`, found an earlier or equal time.")
    table.report_unknown_keys()
    return action


def _read_payload(table: Table) -> Mapping[str, Any]:
    payload = table.table("payload")
    table.problems.extend(payload_problems(payload.entries, payload.path))
    return payload.entries


def _read_cap(action: Table) -> Cap | None:
    table = action.table("cap")
    count = table.take("count", whole_number(1, 1000), 1, required="cap" in action.entries)
    per = table.take("per", one_of(SPANS), SPANS[0], required="cap" in action.entries)
    table.report_unknown_keys()
    return Cap(count, per) if "cap" in action.entries else None


def _event_names(value: Any) -> tuple[str, ...]:
    if isinstance(value, list) and 1 <= len(value) <= MOST_EVENTS:
        return tuple(dict.fromkeys(event_name(name) for name in value))
    raise ValueError(mismatch(f"a list of 1 to {MOST_EVENTS} event names", value))


def event_name(name: Any) -> str:
    """An event that a policy may use: `$click` or the site's own event.

    The other reserved events are invalid here. An impression carries no reward, and the value of a `$reward` comes
    with the event.
    """
    if isinstance(name, str) and name.startswith("$") and name != "$click":
        raise ValueError(mismatch("$click or an event name of your own", name) + suggestion(name, ["$click"]))
    return _event_name(name)


def read_condition(table: Table) -> Condition | None:
    """The `when` of an action, a pin or a webhook. Problems go to the table."""
    condition = table.take("when", mapping, None)
    if condition is not None:
        table.problems.extend(problems_in(condition, child(table.path, "when")))
    return condition
