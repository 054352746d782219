"""The demo's own copy of the example policies, changed in two places so that one can watch it learn."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from edgewise.demo.simulated_visitors import CLICK, ORDER, REACTIONS, Reaction, Worth
from edgewise.errors import PolicyError, Problem
from edgewise.policies.policy import Policy
from edgewise.policies.site_files import load_sites
from edgewise.types import Milliseconds

PLACEMENT = "home-hero"
FILE = f"{PLACEMENT}.toml"

WINDOW: Milliseconds = 3000
CONTROL_SHARE = 0.2


class Example(NamedTuple):
    """A folder of policies, and the one in it that is watched. `original` is what that one was copied from."""

    folder: Path
    write_key: str
    policy: Policy
    original: Policy

    @property
    def file(self) -> Path:
        """The file of the policy that is watched."""
        return self.folder / FILE

    @property
    def worth(self) -> Worth:
        """The reward of each reaction: the sum of what its events are worth."""
        return {events: self._reward(events) for events in REACTIONS}

    @property
    def changes(self) -> str:
        """What is different here, in words."""
        window, share = self.original.reward.window, self.original.control_share
        return (
            f"window {WINDOW / 1000:g} s (not {window / 1000:g} s), control share {CONTROL_SHARE:.0%} (not {share:.0%})"
        )

    def _reward(self, events: Reaction) -> float:
        reward = self.policy.reward
        total = sum(reward.events[event] for event in events) if events else reward.default
        return min(max(total, reward.low), reward.high)


def copied(source: Path, into: Path) -> Example:
    """Copy the policies in `source` to a new folder `into`, with a short window and a large control group.

    Raises:
        PolicyError: they are wrong, or are not the example policies.
    """
    _, original = _watched(source)
    shutil.copytree(source, into, ignore=shutil.ignore_patterns(".*"))
    text = (into / FILE).read_text()
    for key, value in (("window", f'"{WINDOW // 1000}s"'), ("share", str(CONTROL_SHARE))):
        text = re.sub(rf"(?m)^{key} = [^\s#]+", f"{key} = {value}", text)
    (into / FILE).write_text(text)
    write_key, policy = _watched(into)
    reward = replace(original.reward, window=WINDOW)
    if policy != replace(original, reward=reward, control_share=CONTROL_SHARE):
        raise _not_the_example(source / FILE, "one line for `window` and one for `share`")
    return Example(into, write_key, policy, original)


def hurried(example: Example) -> Mapping[str, Policy]:
    """The other policies of the copy by their placements, with a window as short, so that one sees them learn, too.

    Raises:
        PolicyError: the copy is wrong.
    """
    for file in example.folder.glob("*.toml"):
        if file != example.file:
            text = re.sub(r'(?m)^window = "[^"]+"', f'window = "{WINDOW // 1000}s"', file.read_text())
            file.write_text(text)
    [loaded, *_] = load_sites(example.folder)
    return {policy.placement: policy for policy in loaded.policies if policy.placement != PLACEMENT}


def _watched(folder: Path) -> tuple[str, Policy]:
    """The write key of the site, and the policy that is watched."""
    [loaded, *_] = load_sites(folder)
    policy = next((policy for policy in loaded.policies if policy.placement == PLACEMENT), None)
    if not (folder / FILE).exists() or policy is None:
        raise _not_the_example(folder / FILE, f'a policy for the placement "{PLACEMENT}"')
    if policy.reward.combine != "sum" or not {CLICK, ORDER} <= policy.reward.events.keys():
        raise _not_the_example(folder / FILE, f'a reward that adds up "{CLICK}" and "{ORDER}"')
    return loaded.site.write_key, policy


def _not_the_example(file: Path, expected: str) -> PolicyError:
    return PolicyError([Problem(str(file), f"expected the demo's example policy: {expected}")])
