"""Reader of policy files: one TOML file defines the policy of one placement."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from edgewise.config import values
from edgewise.config.messages import describe, mismatch, unknown
from edgewise.config.table import Table, child
from edgewise.config.toml_file import read_toml
from edgewise.errors import PolicyError, Problem
from edgewise.policies import policy
from edgewise.policies.actions import action_id, event_name, read_actions, read_condition
from edgewise.policies.attribute_problems import check_feature
from edgewise.policies.policy import NAMESPACES, Action, Explore, Features, Namespace, Pin, Policy, Reward

MOST_SLOTS = 20
MOST_EVENTS = 100
MOST_PINS = 100
MOST_CROSSES = 8
MOST_CROSSED = 3
LONGEST_WAIT = 7 * values.DAY

_USE_AN_ACTION = "Use the id of an action in this file."


def read_policy(path: Path, name: str | None = None) -> Policy:
    """Read a policy file. Problems refer to the file as `name`. None means the file's own name.

    Raises:
        PolicyError: the file is unreadable, not TOML, or an invalid policy. It carries every problem.
    """
    name = name or path.name
    problems: list[Problem] = []
    read = _read_policy(Table(read_toml(path, name), "", problems))
    if problems:
        raise PolicyError([Problem(f"{name}: {problem.path}", problem.message) for problem in problems])
    return read


def _read_policy(file: Table) -> Policy:
    read = Policy(
        placement=file.take("placement", values.short_name, "", required=True),
        slots=file.take("slots", values.whole_number(1, MOST_SLOTS), 1),
        baseline=file.take("baseline", _action_ids, (), required=True),
        enabled=file.take("enabled", values.boolean, True),
        sticky=file.take("sticky", values.one_of(get_args(policy.Sticky)), "request"),
        explore=_read_explore(file.table("explore")),
        reward=_read_reward(file.table("reward")),
        features=_read_features(file.table("features")),
        control_share=_read_control_share(file.table("control")),
        actions=(actions := read_actions(file)),
        pins=_read_pins(file, actions),
    )
    file.report_unknown_keys()
    _check_baseline(file, read)
    return read


def _read_explore(table: Table) -> Explore:
    default = Explore()
    explore = Explore(
        algorithm=table.take("algorithm", values.one_of(get_args(policy.Algorithm)), default.algorithm),
        floor=table.take("floor", values.exploration_floor, default.floor),
        mode=table.take("mode", values.one_of(get_args(policy.Mode)), default.mode),
    )
    table.report_unknown_keys()
    return explore


def _read_reward(table: Table) -> Reward:
    default = Reward()
    low, high = table.take("range", values.interval, (default.low, default.high))
    reward = Reward(
        window=table.take("window", values.duration(LONGEST_WAIT), default.window),
        impression_within=table.take("impression_within", values.duration(LONGEST_WAIT), default.impression_within),
        combine=table.take("combine", values.one_of(get_args(policy.Combine)), default.combine),
        default=table.take("default", values.number, default.default),
        low=low,
        high=high,
        attribute=table.take("attribute", values.one_of(get_args(policy.Attribute)), default.attribute),
        events=_read_events(table, default.events),
    )
    if not low <= reward.default <= high:
        expected = f"a number within `range`, from {low:g} to {high:g}"
        table.report("default", f"Expected {expected}, found {reward.default:g}.")
    table.report_unknown_keys()
    return reward


def _read_events(table: Table, default: Mapping[str, float]) -> Mapping[str, float]:
    events = table.table("events").take_all(event_name, values.number, most=MOST_EVENTS)
    return events if "events" in table.entries else default


def _read_features(table: Table) -> Features:
    namespaces = table.take("namespaces", _namespaces, NAMESPACES)
    features = Features(namespaces, table.take("cross", _crosses, ()))
    for attribute in sorted({attribute for cross in features.cross for attribute in cross}):
        if attribute.partition(".")[0] not in namespaces:
            expected = f"attributes of the features' namespaces, {', '.join(namespaces)}"
            table.report("cross", f"Expected {expected}, found {attribute}.")
    table.report_unknown_keys()
    return features


def _crosses(value: Any) -> tuple[tuple[str, ...], ...]:
    expected = f"a list of at most {MOST_CROSSES} lists, each of 2 or 3 attributes"
    if not isinstance(value, list) or len(value) > MOST_CROSSES:
        raise ValueError(mismatch(expected, value))
    return tuple(sorted({_cross(item, expected) for item in value}))


def _cross(value: Any, expected: str) -> tuple[str, ...]:
    """In alphabetical order: the order in the file has no effect."""
    if not isinstance(value, list) or not 2 <= len(value) <= MOST_CROSSED:
        raise ValueError(mismatch(expected, value))
    for item in value:
        if not isinstance(item, str):
            raise ValueError(mismatch("the path of an attribute", item))
    if len(set(value)) < len(value):
        raise ValueError(f"Expected different attributes, found {', '.join(value)}.")
    for attribute in value:
        check_feature(attribute)
    return tuple(sorted(value))


def _namespaces(value: Any) -> tuple[Namespace, ...]:
    """In the order of NAMESPACES: their order in the file has no effect."""
    if not isinstance(value, list) or not value:
        raise ValueError(mismatch("a list of at least one namespace", value))
    names = [values.one_of(NAMESPACES)(name) for name in value]
    return tuple(namespace for namespace in NAMESPACES if namespace in names)


def _read_control_share(table: Table) -> float:
    share = table.take("share", _read_share, Policy("", (), ()).control_share)
    table.report_unknown_keys()
    return share


def _read_share(value: Any) -> float:
    try:
        return values.number_from(0, 0.9)(value)
    except ValueError as error:
        raise ValueError(f"{error} Write 5% as 0.05.") from None


def _read_pins(file: Table, actions: tuple[Action, ...]) -> tuple[Pin, ...]:
    tables = file.tables("pins")
    if len(tables) > MOST_PINS:
        file.report("pins", mismatch(f"at most {MOST_PINS} pins", len(tables)))
    ids = [action.id for action in actions]
    return tuple(_read_pin(table, ids) for table in tables[:MOST_PINS])


def _read_pin(table: Table, ids: list[str]) -> Pin:
    pin = Pin(table.take("action", action_id, "", required=True), read_condition(table))
    if pin.action and pin.action not in ids:
        table.report("action", unknown("action", pin.action, ids, _USE_AN_ACTION))
    table.report_unknown_keys()
    return pin


def _action_ids(value: Any) -> tuple[str, ...]:
    """One action id, or a list with one for each slot."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and value and all(isinstance(element, str) for element in value):
        return tuple(value)
    raise ValueError(mismatch("an action id, or a list with one for each slot", value))


def _check_baseline(file: Table, policy: Policy) -> None:
    """Report baseline actions that some visitors cannot see at some time."""
    if not policy.baseline:
        return
    slots_are_valid = all(problem.path != "slots" for problem in file.problems)
    if slots_are_valid and len(policy.baseline) != policy.slots:
        file.report("baseline", mismatch(f"as many action ids as `slots` ({policy.slots})", len(policy.baseline)))
    for index, id in enumerate(policy.baseline):
        if message := _baseline_problem(id, index, policy):
            is_list = isinstance(file.entries["baseline"], list)
            file.problems.append(Problem(child("baseline", index) if is_list else "baseline", message))


def _baseline_problem(id: str, index: int, policy: Policy) -> str | None:
    actions = {action.id: action for action in reversed(policy.actions)}
    if id not in actions:
        return unknown("action", id, actions, _USE_AN_ACTION)
    if actions[id].when is not None:
        return f"Action {describe(id)} has a condition. Use an action without `when` in the baseline."
    if actions[id].restricted:
        limits = "`enabled = false`, `starts`, `ends`, `cap` and `not_after`"
        return f"Action {describe(id)} is not always available. Use an action without {limits} in the baseline."
    if id in policy.baseline[:index]:
        return f"Duplicate action {describe(id)}. Use another action for each slot."
    return None
