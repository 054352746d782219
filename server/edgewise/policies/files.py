"""Policy files: one TOML file says how one placement is decided."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from edgewise.config import values
from edgewise.config.table import Table
from edgewise.config.toml_file import read_toml
from edgewise.errors import PolicyError, Problem
from edgewise.policies import policy
from edgewise.policies.actions import event_name, read_actions
from edgewise.policies.baseline import a_baseline, check_baseline
from edgewise.policies.pins import read_pins
from edgewise.policies.policy import NAMESPACES, Explore, Features, Namespace, Policy, Reward

MOST_SLOTS = 20
MOST_EVENTS = 100
LONGEST_WAIT = 7 * values.DAY


def read_policy(path: Path, name: str | None = None) -> Policy:
    """The policy in this file. `name` stands for the file in the problems; None means the file's own name.

    Raises:
        PolicyError: the file cannot be read, is not TOML, or says something that a policy cannot be. It carries every
            problem found.
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
        baseline=file.take("baseline", a_baseline, (), required=True),
        explore=_read_explore(file.table("explore")),
        reward=_read_reward(file.table("reward")),
        features=_read_features(file.table("features")),
        control_share=_read_control_share(file.table("control")),
        actions=(actions := read_actions(file)),
        enabled=file.take("enabled", values.a_switch, True),
        sticky=file.take("sticky", values.one_of(get_args(policy.Sticky)), "request"),
        pins=read_pins(file, actions),
    )
    file.refuse_unknown_keys()
    check_baseline(file, read)
    return read


def _read_explore(table: Table) -> Explore:
    default = Explore()
    explore = Explore(
        algorithm=table.take("algorithm", values.one_of(get_args(policy.Algorithm)), default.algorithm),
        floor=table.take("floor", values.floor, default.floor),
        mode=table.take("mode", values.one_of(get_args(policy.Mode)), default.mode),
    )
    table.refuse_unknown_keys()
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
        table.refuse("default", f"found {reward.default:g}, expected a number within `range`, from {low:g} to {high:g}")
    table.refuse_unknown_keys()
    return reward


def _read_events(table: Table, default: Mapping[str, float]) -> Mapping[str, float]:
    events = table.table("events").take_all(event_name, values.number, most=MOST_EVENTS)
    return events if "events" in table.entries else default


def _read_features(table: Table) -> Features:
    features = Features(table.take("namespaces", _namespaces, NAMESPACES))
    table.refuse_unknown_keys()
    return features


def _namespaces(value: Any) -> tuple[Namespace, ...]:
    """In the order of NAMESPACES, since the order in the file means nothing."""
    if not isinstance(value, list) or not value:
        raise ValueError(f"found {values.found(value)}, expected a list of namespaces, at least one")
    asked_for = [values.one_of(NAMESPACES)(name) for name in value]
    return tuple(namespace for namespace in NAMESPACES if namespace in asked_for)


def _read_control_share(table: Table) -> float:
    share = table.take("share", values.number_from(0, 0.9), Policy("", (), ()).control_share)
    table.refuse_unknown_keys()
    return share
