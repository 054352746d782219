"""Vowpal Wabbit: parsed actions, a model that scores, and a model that learns. Only this module imports it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

from vowpal_wabbit_next import CBLabel, Example, TextFormatParser, Workspace

from edgewise.bandit.shape import Shape

# Without `--preserve_performance_counters`, loading resets these counters. A restarted learner would then end with
# other bytes. A new workspace and a loaded one both need it. Without `--ring_size`, each workspace holds 256 empty
# examples, which take 8 MB.
_ALWAYS = ("--quiet", "--preserve_performance_counters", "--ring_size", "1")

_NO_LABEL = CBLabel()


class VowpalActions:
    """The actions of one policy version, parsed once for all workspaces of a shape. One takes 32 KB."""

    def __init__(self, shape: Shape) -> None:
        self.examples: list[Example] = []
        # The library's predict checks each label's type in Python. That takes two thirds of the time of a prediction.
        # The bare examples skip it. All of them come from a parser of the right kind.
        self.bare: list[Any] = []
        self._shape = shape

    def extend(self, lines: Sequence[str]) -> None:
        """Parse the lines of the next actions. One takes 30 µs."""
        parser = TextFormatParser(_untrained_workspace(self._shape))
        parsed = [parser.parse_line(line) for line in lines]
        self.examples += parsed
        self.bare += [example._example for example in parsed]

    def __len__(self) -> int:
        return len(self.examples)


class VowpalScorer:
    """A model that gives probabilities to actions. Without bytes it is untrained."""

    def __init__(self, shape: Shape, model: bytes | None = None) -> None:
        self._workspace = _workspace(shape, model)
        self._parser = TextFormatParser(self._workspace)
        self._predict = self._workspace._workspace.predict_multi_ex_one

    def probabilities(self, context: str, actions: VowpalActions, available: Sequence[int]) -> list[float]:
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


class VowpalLearner:
    """A model that learns. It never predicts, because a prediction changes the serialized bytes.

    Until it first learns, and while it rests, it is only its bytes. A workspace takes up to 5 MB.
    """

    probability = 1.0
    """The probability in each label. 1 makes learning a plain regression.

    With the true propensity, an example weighs 1/propensity, and one rare exploration becomes one huge step (measured:
    docs/engineering/learning.md).
    """

    def __init__(self, shape: Shape, model: bytes | None = None) -> None:
        self._shape = shape
        self._bytes = model
        self._workspace: Workspace[Literal[False]] | None = None

    @property
    def is_resting(self) -> bool:
        return self._workspace is None

    def learn(self, context: str, actions: VowpalActions, available: Sequence[int], chosen: int, cost: float) -> None:
        """Learn the cost of the action at position `chosen`, which is one of `available`."""
        if self._workspace is None:
            self._wake()
        example, bare = actions.examples[chosen], actions.bare
        example.set_label(CBLabel(label=(cost, self.probability)))
        try:
            self._learn([self._parser.parse_line(context)._example, *[bare[index] for index in available]])
        finally:
            example.set_label(_NO_LABEL)

    def serialize(self) -> bytes:
        """The model's bytes. They depend only on the learned examples, not on earlier calls of this or of `rest`."""
        if self._workspace is not None:
            return self._workspace.serialize()
        if self._bytes is None:
            self._bytes = _untrained_bytes(self._shape)
        return self._bytes

    def rest(self) -> None:
        """Free the workspace. The next example to learn creates it again."""
        if self._workspace is not None:
            self._bytes = self._workspace.serialize()
            self._workspace = None
            del self._parser, self._learn

    def _wake(self) -> None:
        self._workspace = _workspace(self._shape, self._bytes)
        self._parser = TextFormatParser(self._workspace)
        self._learn = self._workspace._workspace.learn_multi_ex_one
        self._bytes = None


def _workspace(shape: Shape, model: bytes | None) -> Workspace[Literal[False]]:
    if model is None:
        return Workspace([*shape.command, *_ALWAYS])
    return Workspace(list(_ALWAYS), model_data=model)


@lru_cache(maxsize=16)
def _untrained_workspace(shape: Shape) -> Workspace[Literal[False]]:
    """A workspace that never learns or predicts. All policies of a shape share it to parse their actions."""
    return _workspace(shape, None)


@lru_cache(maxsize=16)
def _untrained_bytes(shape: Shape) -> bytes:
    """The bytes of a model that has not learned yet. To serialize it takes 4 ms, and every new policy needs them."""
    return _untrained_workspace(shape).serialize()
