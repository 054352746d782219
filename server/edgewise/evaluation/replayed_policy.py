"""A replayed policy: one policy that decides and learns in this process, on the clock of a log.

It uses the code of a live site: the decision engine, the log's entries with their bytes, and the learner's fold. Only
the store and the network are missing. A model is published once a second of the log's time.
"""

from __future__ import annotations

from hashlib import blake2b

from edgewise.bandit.model import ActionExamples, ScoringModel
from edgewise.bandit.shape import shape_of
from edgewise.decisions.engine import NO_CONTROL_GROUP, DecisionInput, decide
from edgewise.entries import Entry, Outcome, Tick, Version, encode
from edgewise.evaluation.logged_traffic import LoggedRow
from edgewise.learner.fold import Fold
from edgewise.policies.compiled_policy import CompiledPolicy
from edgewise.policies.policy import Policy
from edgewise.types import BEGINNING, DECISION_KEY_BYTES, DecisionKey, Milliseconds, StreamId

PUBLISH_EVERY: Milliseconds = 1000
"""The time between two published models, on the log's clock."""


class ReplayedPolicy:
    """Decides rows in the order of their times. The same rows and seed give the same choices.

    `fold` is the learner. By default it is the one that the policy has on a site.
    """

    def __init__(self, policy: Policy, seed: int = 0, fold: Fold | None = None) -> None:
        self.fold = fold or Fold(shape_of(policy), lambda _: policy)
        self.compiled = CompiledPolicy(policy)
        self.examples = ActionExamples(self.fold.shape, policy.actions)
        self.model: ScoringModel | None = None
        self.model_version = 0
        self._seed = seed
        self._decisions = 0
        self._last_id = BEGINNING
        self._published_at: Milliseconds | None = None

    def decide(self, row: LoggedRow) -> int | None:
        """Decide one row, and learn from it later. Returns the position of the chosen action, None if none is eligible.

        The row's reward is used only if the log shows the same action. The reward of another action is unknown. A row
        has no visitor, so it bars every action with a cap or a `not_after` event. A replay has no control group.
        """
        self._publish_if_due(row.ms)
        input = DecisionInput(
            attributes={"data": row.context},
            barred=self.compiled.limited_actions,
            now=row.ms,
            key=self._next_key(),
            slots=1,
            control_point=NO_CONTROL_GROUP,
        )
        decision = decide(self, input)
        if decision is None:
            return None
        self._decisions += 1
        self._append(row.ms, decision)
        (slot,) = decision.slots
        if slot.chosen == row.action:
            message = input.key[:8]
            self._append(row.ms, Outcome(input.key, 0, "$impression", None, 0, message))
            self._append(row.ms, Outcome(input.key, 0, "$reward", row.reward, 0, message))
        return slot.chosen

    def _publish_if_due(self, now: Milliseconds) -> None:
        """Publish the newest model. Models between two rows decide nothing, so they are not made."""
        latest = now - now % PUBLISH_EVERY
        if self._published_at is None:
            self._append(latest, Version(self.compiled.version, self.fold.shape.digest))
        elif latest > self._published_at:
            if self.fold.due is not None and self.fold.due <= latest:
                self._append(latest, Tick())
            if self.fold.unpublished:
                self.model = ScoringModel(self.fold.shape, self.fold.serialize())
                self.model_version += 1
                self.fold.unpublished.clear()
        self._published_at = latest

    def _append(self, ms: Milliseconds, entry: Entry) -> None:
        self._last_id = StreamId(ms, self._last_id.seq + 1 if ms == self._last_id.ms else 0)
        self.fold.advance(self._last_id, encode(entry))

    def _next_key(self) -> DecisionKey:
        return blake2b(b"%d %d" % (self._seed, self._decisions + 1), digest_size=DECISION_KEY_BYTES).digest()
