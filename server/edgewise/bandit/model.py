"""Vowpal Wabbit: parsed actions, a model that scores, and a model that learns. Only this module imports it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from vowpal_wabbit_next import CBLabel, TextFormatParser, Workspace

from edgewise.bandit.features import action_line
from edgewise.bandit.shape import Shape
from edgewise.policies.policy import Action

# Without this option, loading resets the performance counters. A restarted learner would then end with other bytes.
# A new workspace and a loaded one both need it.
_ALWAYS = ("--quiet", "--preserve_performance_counters")

_NO_LABEL = CBLabel()


class ActionExamples:
    """The actions of one policy version, parsed once for all workspaces of a shape."""

    def __init__(self, shape: Shape, actions: Sequence[Action]) -> None:
        parser = TextFormatParser(Workspace([*shape.command, *_ALWAYS]))
        self.examples = [parser.parse_line(action_line(action)) for action in actions]
        # The library's predict checks each label's type in Python. That takes two thirds of the time of a prediction.
        # The bare examples skip it. All of them come from a parser of the right kind.
        self.bare = [example._example for example in self.examples]

    def __len__(self) -> int:
        return len(self.examples)


class ScoringModel:
    """A model that gives probabilities to actions. Without bytes it is untrained."""

    def __init__(self, shape: Shape, model: bytes | None = None) -> None:
        self._workspace = _workspace(shape, model)
        self._parser = TextFormatParser(self._workspace)
        self._predict = self._workspace._workspace.predict_multi_ex_one

    def probabilities(self, context: str, actions: ActionExamples, available: Sequence[int]) -> list[float]:
        """The probability of each available action, in their order. The sum is 1 within 32-bit rounding.

        `context` is a line of `features.context_line`. `available` has positions in `actions`.
        """
        bare = actions.bare
        if len(available) < len(bare):
            bare = [bare[index] for index in available]
        ranked: list[tuple[int, float]] = self._predict(  # type: ignore[assignment]  # one of many prediction types
            [self._parser.parse_line(context)._example, *bare]
        )
        probabilities = [0.0] * len(ranked)
        for position, probability in ranked:
            probabilities[position] = probability
        return probabilities


class LearningModel:
    """A model that learns. It never predicts, because a prediction changes the serialized bytes."""

    def __init__(self, shape: Shape, model: bytes | None = None) -> None:
        self._workspace = _workspace(shape, model)
        self._parser = TextFormatParser(self._workspace)
        self._learn = self._workspace._workspace.learn_multi_ex_one

    def learn(self, context: str, actions: ActionExamples, available: Sequence[int], chosen: int, cost: float) -> None:
        """Learn the cost of the action at position `chosen`, which is one of `available`.

        The label has probability 1, which makes this a plain regression. With the true propensity, an example weighs
        1/propensity, and one rare exploration becomes one huge step (measured: docs/engineering/learning.md).
        """
        example, bare = actions.examples[chosen], actions.bare
        example.set_label(CBLabel(label=(cost, 1.0)))
        try:
            self._learn([self._parser.parse_line(context)._example, *[bare[index] for index in available]])
        finally:
            example.set_label(_NO_LABEL)

    def serialize(self) -> bytes:
        """The model's bytes. They depend only on the learned examples, not on earlier calls of this method."""
        return self._workspace.serialize()


def _workspace(shape: Shape, model: bytes | None) -> Workspace[Literal[False]]:
    if model is None:
        return Workspace([*shape.command, *_ALWAYS])
    return Workspace(list(_ALWAYS), model_data=model)
