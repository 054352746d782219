"""Small logs with their maps, as files and as traffic."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from random import Random

from edgewise.evaluation.logged_traffic import LoggedRow, LoggedTraffic
from edgewise.policies.policy import Action, Policy, Reward

MAP = """
placement = "hero"

[columns]
action = "shown"
reward = "paid"
propensity = "p"
"""

LOG = """age,city,shown,paid,p
41,Bonn,plain,0,0.5
19,Bonn,deal,1,0.5
33,Ulm,plain,0.25,0.25
"""


def write(folder: Path, map: str = MAP, log: str = LOG, name: str = "log.csv") -> tuple[Path, Path]:
    """The log's file and the map's."""
    paths = folder / name, folder / "map.toml"
    for path, content in zip(paths, (log, map), strict=True):
        path.write_text(content)
    return paths


ACTIONS = (Action("plain"), Action("deal"))
HERO = Policy("hero", ACTIONS, ("plain",), reward=Reward(window=1000), control_share=0.0)


def planted(rows: int, seed: int = 0, policy: Policy = HERO) -> LoggedTraffic:
    """A uniform log, fifty rows a second, in which the young want the deal and the old do not."""
    return LoggedTraffic(policy, list(_planted(rows, Random(seed))))


def _planted(rows: int, chance: Random) -> Iterable[LoggedRow]:
    for number in range(rows):
        age, action = chance.choice(("young", "old")), chance.randrange(2)
        wanted = action == (age == "young")
        yield LoggedRow(
            {"age": age}, action, float(chance.random() < (0.8 if wanted else 0.2)), 0.5, 10_000 + 20 * number
        )
