"""The shop of the chaos tests: a hero with two actions and a row of three slots, both rewarded by clicks and orders.

All amounts are sums of binary fractions, so sums of rewards are exact in every order.
"""

from __future__ import annotations

from pathlib import Path

from edgewise.types import PolicyRef

WINDOW = 2.0
"""Seconds from an impression to the close of its window, in both policies."""

SITE = "default"
SITE_FILE = """
robots = "learn"
identity = "trusted"
"""
"""The visitors here send more events than people could. They have no shop that proves their ids."""

REFS = (PolicyRef(SITE, "hero"), PolicyRef(SITE, "row"))
CLICK, ORDER = "$click", "Order Completed"

HERO = """
placement = "hero"
baseline = "plain"

[explore]
algorithm = "squarecb"

[reward]
window = "2s"
impression_within = "30s"
range = [0.0, 8.0]
[reward.events]
"$click" = 0.25
"Order Completed" = 1.0

[control]
share = 0.1

[[actions]]
id = "plain"

[[actions]]
id = "deal"
features = { discount = 10 }
"""

ROW = """
placement = "row"
slots = 3
baseline = ["sku-1", "sku-2", "sku-3"]

[explore]
algorithm = "epsilon"

[reward]
window = "2s"
impression_within = "30s"
range = [0.0, 8.0]
[reward.events]
"$click" = 0.5
"Order Completed" = 2.0

[control]
share = 0.0

[[actions]]
id = "sku-1"
[[actions]]
id = "sku-2"
[[actions]]
id = "sku-3"
[[actions]]
id = "sku-4"
features = { price = 4 }
[[actions]]
id = "sku-5"
features = { price = 9 }
when = { "device.type" = "mobile" }
"""


def write_policies(folder: Path, hero: str = HERO, row: str = ROW) -> None:
    """Write the policy files. Each file is replaced atomically, as an editor does it."""
    folder.mkdir(exist_ok=True)
    for name, text in (("site.toml", SITE_FILE), ("hero.toml", hero), ("row.toml", row)):
        draft = folder / f".{name}"
        draft.write_text(text)
        draft.replace(folder / name)
