"""A rehearsal: one policy served and learned in this process, on the clock of a log.

It is the code that serves and learns on a site, less the store and the network: the context line, the draw, the log's
entries and their bytes, the fold, and a model that is published and loaded about once a second of the log's time.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from edgewise.bandit.choice import choose
from edgewise.bandit.features import context_line
from edgewise.bandit.model import ActionExamples, ScoringModel
from edgewise.bandit.shape import shape_of
from edgewise.entries import Decision, Entry, Group, Outcome, SlotChoice, Tick, Version, encode
from edgewise.evaluate.log_rows import Row
from edgewise.learner.fold import Fold
from edgewise.policies.compiled import CompiledPolicy
from edgewise.policies.policy import Policy
from edgewise.types import BEGINNING, DECISION_KEY_BYTES, DecisionKey, Milliseconds, StreamId

PUBLISH_EVERY: Milliseconds = 1000
"""How far apart models are published, on the log's clock."""


class Rehearsal:
    """Serves rows in the order of their times. The same rows and seed give the same choices.

    `fold` is the learner; by default the one that the policy's log would have.
    """

    def __init__(self, policy: Policy, seed: int = 0, fold: Fold | None = None) -> None:
        self.fold = fold or Fold(shape_of(policy), lambda _: policy)
        self._compiled = CompiledPolicy(policy)
        self._actions = ActionExamples(self.fold.shape, policy.actions)
        self._all: Sequence[int] = range(len(policy.actions))
        self._seed = seed
        self._last = BEGINNING
        self._published_at: Milliseconds | None = None
        self._model: ScoringModel | None = None
        self._model_version = 0
        self._rows = 0

    def serve(self, row: Row) -> int | None:
        """The action chosen for this row; None where its context makes none eligible.

        What followed is told only when the log shows this same action: nobody knows what another would have earned.
        A row has no visitor: what may be shown so often, or not after some event, is not shown at all.
        """
        self._publish_if_due(row.ms)
        compiled, attributes = self._compiled, {"data": row.context}
        eligible = compiled.eligible(attributes, now=row.ms, barred=compiled.held)
        if eligible is not None and not eligible:
            return None
        key = self._next_key()
        pinned = compiled.pinned(attributes, eligible)
        line = context_line(attributes, compiled.policy.features.namespaces)
        slot = self._draw(line, eligible, key) if pinned is None else SlotChoice(pinned, ())
        group: Group = "policy" if pinned is None else "pinned"
        decision = Decision(key, compiled.version, self._model_version, group, (), line, eligible, (slot,))
        self._append(row.ms, decision)
        if slot.chosen == row.action:
            self._append(row.ms, Outcome(key, 0, "$impression", None, 0, key[:8]))
            self._append(row.ms, Outcome(key, 0, "$reward", row.reward, 0, key[:8]))
        return slot.chosen

    def _draw(self, line: str, eligible: Sequence[int] | None, key: DecisionKey) -> SlotChoice:
        available = self._all if eligible is None else eligible
        floor = self._compiled.policy.explore.floor
        return choose(self._model, self._actions, line, available, 1, row=False, floor=floor, key=key)[0]

    def _publish_if_due(self, now: Milliseconds) -> None:
        """Between two rows only the latest model is ever asked for, so only that one is made."""
        latest = now - now % PUBLISH_EVERY
        if self._published_at is None:
            self._append(latest, Version(self._compiled.version, self.fold.shape.digest))
        elif latest > self._published_at:
            if self.fold.due is not None and self.fold.due <= latest:
                self._append(latest, Tick())
            if self.fold.unpublished:
                self._model = ScoringModel(self.fold.shape, self.fold.serialize())
                self._model_version += 1
                self.fold.unpublished.clear()
        self._published_at = latest

    def _append(self, ms: Milliseconds, entry: Entry) -> None:
        self._last = StreamId(ms, self._last.seq + 1 if ms == self._last.ms else 0)
        self.fold.advance(self._last, encode(entry))

    def _next_key(self) -> DecisionKey:
        self._rows += 1
        return blake2b(b"%d %d" % (self._seed, self._rows), digest_size=DECISION_KEY_BYTES).digest()
