"""The demo's copy of the example policies, with two changes that make it learn within seconds."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from edgewise.demo.simulated_visitors import CLICK, ORDER, REACTIONS, Reaction, ReactionRewards
from edgewise.errors import PolicyError, Problem
from edgewise.policies.policy import Policy
from edgewise.policies.site_files import load_sites
from edgewise.types import Milliseconds

PLACEMENT = "home-hero"
FILE = f"{PLACEMENT}.toml"

WINDOW: Milliseconds = 3000
CONTROL_SHARE = 0.2


class ExamplePolicies(NamedTuple):
    """A folder of policies. `policy` is that of the hero, `original` the same one before the demo's changes."""

    folder: Path
    write_key: str
    policy: Policy
    original: Policy

    @property
    def file(self) -> Path:
        return self.folder / FILE

    @property
    def rewards(self) -> ReactionRewards:
        """The reward of each reaction: the sum of the rewards of its events."""
        return {events: self._reward(events) for events in REACTIONS}

    @property
    def changes(self) -> str:
        """The differences from the original, for people."""
        window, share = self.original.reward.window, self.original.control_share
        return (
            f"window {WINDOW / 1000:g} s (not {window / 1000:g} s), control share {CONTROL_SHARE:.0%} (not {share:.0%})"
        )

    def _reward(self, events: Reaction) -> float:
        reward = self.policy.reward
        total = sum(reward.events[event] for event in events) if events else reward.default
        return min(max(total, reward.low), reward.high)


def copy_examples(source: Path, into: Path) -> ExamplePolicies:
    """Copy the policies in `source` to a new folder `into`, with a short window and a large control group.

    Raises:
        PolicyError: The policies are invalid, or are not the example policies.
    """
    _, original = _load_hero(source)
    shutil.copytree(source, into, ignore=shutil.ignore_patterns(".*"))
    text = (into / FILE).read_text()
    for key, value in (("window", f'"{WINDOW // 1000}s"'), ("share", str(CONTROL_SHARE))):
        text = re.sub(rf"(?m)^{key} = [^\s#]+", f"{key} = {value}", text)
    (into / FILE).write_text(text)
    write_key, policy = _load_hero(into)
    reward = replace(original.reward, window=WINDOW)
    if policy != replace(original, reward=reward, control_share=CONTROL_SHARE):
        raise _not_the_example(source / FILE, "one line for `window` and one for `share`")
    return ExamplePolicies(into, write_key, policy, original)


def shorten_windows(example: ExamplePolicies) -> Mapping[str, Policy]:
    """Shorten the windows of the copy's other policies, and return these policies by their placements.

    Raises:
        PolicyError: The copy is invalid.
    """
    for file in example.folder.glob("*.toml"):
        if file != example.file:
            text = re.sub(r'(?m)^window = "[^"]+"', f'window = "{WINDOW // 1000}s"', file.read_text())
            file.write_text(text)
    [loaded, *_] = load_sites(example.folder)
    return {policy.placement: policy for policy in loaded.policies if policy.placement != PLACEMENT}


def _load_hero(folder: Path) -> tuple[str, Policy]:
    """The site's write key, and the policy of the hero."""
    [loaded, *_] = load_sites(folder)
    policy = next((policy for policy in loaded.policies if policy.placement == PLACEMENT), None)
    if not (folder / FILE).exists() or policy is None:
        raise _not_the_example(folder / FILE, f'a policy for the placement "{PLACEMENT}"')
    if policy.reward.combine != "sum" or not {CLICK, ORDER} <= policy.reward.events.keys():
        raise _not_the_example(folder / FILE, f'a reward that adds up "{CLICK}" and "{ORDER}"')
    return loaded.site.write_key, policy


def _not_the_example(file: Path, expected: str) -> PolicyError:
    return PolicyError([Problem(str(file), f"Expected the demo's example policy, with {expected}.")])
