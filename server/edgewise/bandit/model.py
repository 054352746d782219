"""Models: what scores actions and what learns rewards, whichever algorithm a policy's shape names."""

from __future__ import annotations

from collections.abc import Sequence

from edgewise.bandit.expected_reward import ExpectedReward, Progress
from edgewise.bandit.features import action_line
from edgewise.bandit.linear_learner import LinearLearner, decode_model
from edgewise.bandit.linear_scorer import LinearActions, LinearScorer
from edgewise.bandit.shape import Shape
from edgewise.bandit.vowpal import VowpalActions, VowpalLearner, VowpalScorer
from edgewise.policies.policy import Action, Reward


class ActionExamples:
    """The actions of one policy version, parsed once for all models of a shape."""

    def __init__(self, shape: Shape, actions: Sequence[Action] = ()) -> None:
        self.parsed = LinearActions() if shape.is_linear else VowpalActions(shape)
        self.extend(actions)

    def extend(self, actions: Sequence[Action]) -> None:
        """Parse the next actions of the policy version. One takes up to 30 µs."""
        self.parsed.extend([action_line(action) for action in actions])

    def __len__(self) -> int:
        return len(self.parsed)


class ScoringModel:
    """A model that gives probabilities to actions. Without bytes it is untrained."""

    def __init__(self, shape: Shape, model: bytes | None = None) -> None:
        self._engine: LinearScorer | VowpalScorer
        if shape.is_linear:
            self._engine = LinearScorer(None if model is None else decode_model(model)[0])
        else:
            self._engine = VowpalScorer(shape, model)

    def probabilities(self, context: str, actions: ActionExamples, available: Sequence[int]) -> list[float]:
        """The probability of each available action, in their order. The sum is 1 within 32-bit rounding.

        `context` is a line of `features.context_line`. `available` has positions in `actions`.
        """
        return self._engine.probabilities(context, actions.parsed, available)  # type: ignore[arg-type]  # of one shape

    def expected_rewards(
        self, context: str | None, actions: ActionExamples, available: Sequence[int], reward: Reward
    ) -> list[ExpectedReward] | None:
        """The expected reward of each available action, in their order. Without a context, for the average visitor.

        None for Vowpal Wabbit's algorithms, and before the first reward.
        """
        if isinstance(self._engine, VowpalScorer) or not isinstance(actions.parsed, LinearActions):
            return None
        found = self._engine.expected_rewards(context, actions.parsed, available)
        return None if found is None else [one.scaled(reward.low, reward.high) for one in found]

    @property
    def progress(self) -> Progress | None:
        """The progress of learning. None for Vowpal Wabbit's algorithms, and before the first reward."""
        if isinstance(self._engine, VowpalScorer) or self._engine.fitted is None:
            return None
        return self._engine.fitted.progress


class LearningModel:
    """A model that learns. Until it first learns, and while it rests, it is only its bytes."""

    def __init__(self, shape: Shape, model: bytes | None = None) -> None:
        self.engine = LinearLearner(model) if shape.is_linear else VowpalLearner(shape, model)

    @property
    def is_resting(self) -> bool:
        return self.engine.is_resting

    def learn(self, context: str, actions: ActionExamples, available: Sequence[int], chosen: int, cost: float) -> None:
        """Learn the cost of the action at position `chosen`, which is one of `available`."""
        self.engine.learn(context, actions.parsed, available, chosen, cost)  # type: ignore[arg-type]  # of one shape

    def serialize(self) -> bytes:
        """The model's bytes. They depend only on the learned examples, not on earlier calls of this or of `rest`."""
        return self.engine.serialize()

    def rest(self) -> None:
        """Free what only learning needs. The next example to learn creates it again."""
        self.engine.rest()
