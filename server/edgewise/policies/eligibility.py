"""The eligibility rules: which actions of a policy may be shown now, and why the others may not.

`ELIGIBILITY_RULES` is the only list of them. Serving, the debugger's explanation and replay all follow it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import compress
from math import inf
from typing import Literal, NamedTuple, TypeAlias

from msgspec import Struct

from edgewise.conditions.compiler import compile_conditions
from edgewise.policies.policy import Policy
from edgewise.types import Attributes, Milliseconds

Refusal: TypeAlias = Literal["off", "time", "excluded", "seen", "condition"]
"""Why an action may not be shown.

- `off`: the action is not enabled.
- `time`: the action has not started, or has ended.
- `excluded`: the request excludes it.
- `seen`: its cap is reached, or one of its `not_after` events happened, or neither can be looked up.
- `condition`: its condition does not hold.
"""


class Circumstances(Struct, frozen=True):
    """The facts of one request that eligibility depends on.

    `now` is a time since the epoch. `exclude` has the ids of actions that the request does not want. Unknown ids are
    ignored. `barred` has the positions of actions that this visitor may not see any more.
    """

    attributes: Attributes
    now: Milliseconds
    exclude: Collection[str] = ()
    barred: Collection[int] = ()


Check: TypeAlias = Callable[[Circumstances], Iterable[int]]
"""Returns the positions of the actions that a rule refuses. It never raises, whatever the attributes are."""


class EligibilityRule(NamedTuple):
    """One rule. `compile` returns its check for a policy, or None if it can refuse no action of that policy."""

    reason: Refusal
    compile: Callable[[Policy], Check | None]


def compile_rules(policy: Policy) -> tuple[tuple[Refusal, Check], ...]:
    """The checks that this policy needs, each with its reason, in the order of `ELIGIBILITY_RULES`."""
    checks = ((rule.reason, rule.compile(policy)) for rule in ELIGIBILITY_RULES)
    return tuple((reason, check) for reason, check in checks if check is not None)


def _conditions(policy: Policy) -> Check | None:
    conditions = {
        position: action.when
        for position, action in enumerate(policy.actions)
        if action.when is not None and action.enabled
    }
    if not conditions:
        return None
    positions = tuple(conditions)
    unmet_conditions = compile_conditions({"$not": condition} for condition in conditions.values())

    def check(circumstances: Circumstances) -> Iterable[int]:
        unmet = unmet_conditions(circumstances.attributes)
        return compress(positions, unmet) if True in unmet else ()

    return check


def _barred_actions(policy: Policy) -> Check:
    return lambda circumstances: circumstances.barred


def _excluded_actions(policy: Policy) -> Check:
    index = {action.id: position for position, action in enumerate(policy.actions)}

    def check(circumstances: Circumstances) -> Iterable[int]:
        exclude = circumstances.exclude
        return [index[action_id] for action_id in exclude if action_id in index] if exclude else ()

    return check


def _times(policy: Policy) -> Check | None:
    limits = tuple(
        (position, -inf if action.starts is None else action.starts, inf if action.ends is None else action.ends)
        for position, action in enumerate(policy.actions)
        if action.starts is not None or action.ends is not None
    )
    if not limits:
        return None

    def check(circumstances: Circumstances) -> Iterable[int]:
        now = circumstances.now
        return [position for position, starts, ends in limits if not starts <= now < ends]

    return check


def _switches(policy: Policy) -> Check | None:
    off = tuple(position for position, action in enumerate(policy.actions) if not action.enabled)
    return (lambda _: off) if off else None


ELIGIBILITY_RULES: tuple[EligibilityRule, ...] = (
    EligibilityRule("condition", _conditions),
    EligibilityRule("seen", _barred_actions),
    EligibilityRule("excluded", _excluded_actions),
    EligibilityRule("time", _times),
    EligibilityRule("off", _switches),
)
"""All rules. If several refuse an action, the last one gives the reason."""
