"""The shape of a model: its algorithm, and the namespaces of its features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from edgewise.bandit.features import LETTERS
from edgewise.policies.policy import Algorithm, Policy
from edgewise.types import Digest

EXPLORATION: Mapping[Algorithm, str] = {
    "squarecb": "--squarecb --gamma_scale 100",
    "epsilon": "--epsilon 0.05",
    "softmax": "--softmax --lambda 50",
    "regcb": "--regcbopt --mellowness 0.01 --cb_min_cost -1 --cb_max_cost 0",
}
"""Each algorithm's options. Chosen by measurement: see docs/engineering/learning.md."""

LEARNING = "-l 0.05 --power_t 0.4"
"""The learning rate and its decay, chosen by measurement."""


LINEAR = "linear-2"
"""The command of linear models. The number grows when old model bytes lose their meaning."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The meaning of a model's weights. Models of different shapes are not compatible."""

    command: tuple[str, ...]
    digest: Digest

    @property
    def is_linear(self) -> bool:
        """Whether the models are linear models of this package, and not Vowpal Wabbit's."""
        return self.command[0] == LINEAR


def shape_of(policy: Policy) -> Shape:
    """The shape of a policy's model. Each namespace of the context, and the slot, is paired with the action."""
    algorithm = policy.explore.algorithm
    crossed = [LETTERS[name] for name in policy.features.namespaces]
    if policy.slots > 1:
        crossed.append(LETTERS["slot"])
    if algorithm == "auto":
        command = (LINEAR, *crossed)
    else:
        if policy.features.cross:
            crossed.append(LETTERS["cross"])
        command = (
            "--cb_explore_adf",
            *EXPLORATION[algorithm].split(),
            *("--cb_type", "mtr", "-b", "18", *LEARNING.split()),
            *(option for letter in crossed for option in ("-q", f"{letter}{LETTERS['action']}")),
        )
    return Shape(command, blake2b(" ".join(command).encode(), digest_size=8).digest())
