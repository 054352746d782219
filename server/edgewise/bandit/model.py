"""Vowpal Wabbit, behind its one door: parsed actions, a model that scores, a model that learns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from vowpal_wabbit_next import CBLabel, TextFormatParser, Workspace

from edgewise.bandit.features import action_line
from edgewise.bandit.shape import Shape
from edgewise.policies.policy import Action

# Loading resets the performance counters otherwise, and a learner that was stopped would end with other bytes than
# one that was not. The option must be given both when a workspace is made and when one is loaded.
_ALWAYS = ("--quiet", "--preserve_performance_counters")


class ActionExamples:
    """The actions of one policy version, parsed once. Good for every workspace of the same shape."""

    def __init__(self, shape: Shape, actions: Sequence[Action]) -> None:
        parser = TextFormatParser(Workspace([*shape.command, *_ALWAYS]))
        self.examples = [parser.parse_line(action_line(action)) for action in actions]
        # Handing the bare examples to the core spares a check of every label's type in Python, which is two
        # thirds of the time a prediction takes. Every example here comes from a parser of the right kind.
        self.bare = [example._example for example in self.examples]

    def __len__(self) -> int:
        return len(self.examples)


class ScoringModel:
    """A model that gives probabilities to actions. Without bytes it knows nothing yet."""

    def __init__(self, shape: Shape, model: bytes | None = None) -> None:
        self._workspace = _workspace(shape, model)
        self._parser = TextFormatParser(self._workspace)
        self._predict = self._workspace._workspace.predict_multi_ex_one

    def probabilities(self, context: str, actions: ActionExamples, available: Sequence[int]) -> list[float]:
        """What exploration gives to each available action, in their order; sums to 1 within 32-bit rounding.

        `context` is a line from `features.context_line`; `available` holds indices into `actions`.
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
    """A model that learns. It never predicts: that alone would change the bytes it serializes to."""

    def __init__(self, shape: Shape, model: bytes | None = None) -> None:
        self._workspace = _workspace(shape, model)
        self._parser = TextFormatParser(self._workspace)
        self._learn = self._workspace._workspace.learn_multi_ex_one

    def learn(self, context: str, actions: ActionExamples, available: Sequence[int], chosen: int, cost: float) -> None:
        """Learn that showing `chosen` (an index into `actions`, one of `available`) cost this much.

        The label carries probability 1, which makes it a plain regression: with the true propensity an example
        weighs 1/propensity, and one rare exploration becomes one huge step (measured: docs/engineering/learning.md).
        """
        example, bare = actions.examples[chosen], actions.bare
        example.set_label(CBLabel(label=(cost, 1.0)))
        try:
            self._learn([self._parser.parse_line(context)._example, *[bare[index] for index in available]])
        finally:
            example.set_label(_NO_LABEL)

    def serialize(self) -> bytes:
        """The model's bytes. The same events give the same bytes, and serializing midway changes nothing."""
        return self._workspace.serialize()


_NO_LABEL = CBLabel()


def _workspace(shape: Shape, model: bytes | None) -> Workspace[Literal[False]]:
    if model is None:
        return Workspace([*shape.command, *_ALWAYS])
    return Workspace(list(_ALWAYS), model_data=model)
