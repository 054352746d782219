"""Policy files as text, and their reading."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewise.errors import PolicyError, Problem
from edgewise.policies.policy import Policy
from edgewise.policies.policy_file import read_policy

SMALLEST = """
placement = "hero"
baseline = "plain"
[[actions]]
id = "plain"
"""

FULL = """
placement = "hero"
slots = 2
baseline = ["plain", "two words, and a 'quote'"]
enabled = false
sticky = "visitor"

[explore]
algorithm = "regcb"
floor = 1
mode = "apprentice"

[reward]
window = "1500ms"
impression_within = "6h"
combine = "max"
default = 1
range = [-1, 2]
attribute = "all"
[reward.events]
"$click" = 1
"Order Completed" = 2.5

[features]
namespaces = ["data", "page", "data"]
cross = [["page.type", "data.plan"]]

[control]
share = 0

[[actions]]
id = "plain"

[[actions]]
id = "two words, and a 'quote'"
features = { tone = "warm", discount = 10, weight = 0.5, new = true, tags = ["a", 1, false] }
payload = { headline = "Grüße", nested = { list = [1, 2.5, "x", [true]] } }

[[actions]]
id = "for students"
when = { "visitor.segments" = { "$in" = ["student"] } }
enabled = false
starts = 2026-11-27T00:00:00+01:00
ends = 2026-11-30T23:00:00Z
cap = { count = 3, per = "day" }
not_after = ["Dismissed", "$click", "Dismissed"]

[[pins]]
action = "for students"
when = { "page.type" = "campus" }

[[pins]]
action = "plain"
"""


def read(folder: Path, source: str) -> Policy:
    file = folder / "hero.toml"
    file.write_text(source, encoding="utf-8")
    return read_policy(file)


def problems(folder: Path, source: str) -> list[Problem]:
    with pytest.raises(PolicyError) as caught:
        read(folder, source)
    return caught.value.problems


def check_edit(folder: Path, before: str, after: str, path: str, message: str) -> None:
    """Make one edit to the full policy file and check the problem that it causes."""
    assert FULL.count(before) == 1
    found = problems(folder, FULL.replace(before, after))
    assert (f"hero.toml: {path}", message) in found
    assert len(found) <= 2, found
