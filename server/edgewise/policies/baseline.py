"""The baseline of a policy file: what the control group sees, and everybody when we fail open."""

from __future__ import annotations

from typing import Any

from edgewise.config.keypath import child
from edgewise.config.table import Table
from edgewise.config.values import found, nearest
from edgewise.errors import Problem
from edgewise.policies.policy import Policy


def a_baseline(value: Any) -> tuple[str, ...]:
    """One action id, or a list of them, one for each slot."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and value and all(isinstance(action_id, str) for action_id in value):
        return tuple(value)
    raise ValueError(f"found {found(value)}, expected an action id, or a list of one for each slot")


def check_baseline(file: Table, policy: Policy) -> None:
    """Adds to the file's problems whatever keeps the baseline from being shown to anyone at any time."""
    if not policy.baseline:
        return
    if len(policy.baseline) != policy.slots:
        message = f"found {len(policy.baseline)} action ids, expected {policy.slots}, one for each of `slots`"
        file.refuse("baseline", message)
    for index, action_id in enumerate(policy.baseline):
        problem = _problem_with(action_id, index, policy)
        if problem:
            alone = isinstance(file.entries["baseline"], str)
            file.problems.append(Problem("baseline" if alone else child("baseline", index), problem))


def _problem_with(action_id: str, index: int, policy: Policy) -> str | None:
    actions = {action.id: action for action in reversed(policy.actions)}
    if action_id not in actions:
        return f"found {found(action_id)}, expected the id of an action in this file{nearest(action_id, actions)}"
    if actions[action_id].when is not None:
        return f"found {found(action_id)}, which has a condition, expected an action without `when`"
    if actions[action_id].restricted:
        return f"found {found(action_id)}, which is not always shown, expected an action without such limits"
    if action_id in policy.baseline[:index]:
        return f"found {found(action_id)} again, expected another action for each slot"
    return None
