"""The method `edgewise`: the product's own policy reader, decision engine, log entries and learner.

Only the store and the network are missing. This is the only module of the harness that knows the product. One event
comes each minute, and the reward window ends when the stream's delay does.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from edgewise.bandit.model import ActionExamples, ScoringModel
from edgewise.bandit.shape import shape_of
from edgewise.decisions.engine import NO_CONTROL_GROUP, DecisionInput, decide
from edgewise.entries import Entry, Outcome, Tick, Version, encode
from edgewise.learner.fold import Fold
from edgewise.policies.compiled_policy import CompiledPolicy
from edgewise.policies.policy import Policy
from edgewise.policies.policy_file import LONGEST_WAIT, read_policy
from edgewise.types import BEGINNING, DECISION_KEY_BYTES, DecisionKey, Milliseconds, StreamId
from tests.quality.protocol import Rewards
from tests.quality.stream import BoolArray, IntArray, Stream

START: Milliseconds = 1_750_000_000_000
MINUTE: Milliseconds = 60_000


class Product:
    """A new policy with default settings, except the given options of `[explore]`. Nobody is in a control group."""

    def __init__(self, stream: Stream, seed: int, options: Mapping[str, str] | None = None) -> None:
        self._interval = min(MINUTE, LONGEST_WAIT // (stream.delay + 1))
        policy = new_policy(stream.actions, self._interval * (stream.delay + 1), options or {})
        self.compiled = CompiledPolicy(policy)
        self.fold = Fold(shape_of(policy), lambda _: policy)
        self.examples = ActionExamples(self.fold.shape, policy.actions)
        self.model: ScoringModel | None = None
        self.model_version = 0
        self._stream = stream
        self._seed = seed
        self._waiting: list[tuple[Milliseconds, Entry]] = [
            (START, Version(self.compiled.version, self.fold.shape.digest))
        ]
        self._last_id = BEGINNING

    def publish(self, event: int) -> None:
        self._waiting.append((self._time(event), Tick()))
        self._waiting.sort(key=lambda timed: timed[0])
        for ms, entry in self._waiting:
            self._last_id = StreamId(ms, self._last_id.seq + 1 if ms == self._last_id.ms else 0)
            self.fold.advance(self._last_id, encode(entry))
        self._waiting.clear()
        if self.fold.unpublished:
            self.model = ScoringModel(self.fold.shape, self.fold.serialize())
            self.model_version += 1
            self.fold.unpublished.clear()

    def choose(self, events: IntArray) -> IntArray:
        return np.array([self._decide(event) for event in events.tolist()])

    def show(self, events: IntArray, seen: BoolArray) -> None:
        for event in events[seen].tolist():
            key = self._key(event)
            self._waiting.append((self._time(event), Outcome(key, 0, "$impression", None, 0, key[:8])))

    def learn(self, known: Rewards) -> None:
        """Log the rewards half an event after the decision that ends their delay, just before their windows close."""
        for event, _, reward in zip(*(column.tolist() for column in known), strict=True):
            if reward:
                key = self._key(event)
                ms = self._time(event + self._stream.delay) + self._interval // 2
                self._waiting.append((ms, Outcome(key, 0, "$reward", reward, 0, key[:8])))

    def _decide(self, event: int) -> int:
        decision = decide(
            self,
            DecisionInput(
                attributes=self._stream.contexts[event],
                now=self._time(event),
                key=self._key(event),
                slots=1,
                control_point=NO_CONTROL_GROUP,
            ),
        )
        assert decision is not None
        self._waiting.append((self._time(event), decision))
        return decision.slots[0].chosen

    def _time(self, event: int) -> Milliseconds:
        return START + event * self._interval

    def _key(self, event: int) -> DecisionKey:
        return blake2b(b"%d %d" % (self._seed, event), digest_size=DECISION_KEY_BYTES).digest()


def new_policy(
    actions: Sequence[tuple[str, Mapping[str, Any]]], window: Milliseconds, options: Mapping[str, str]
) -> Policy:
    """What a policy file with these actions, this reward window and these options of `[explore]` defines.

    Raises:
        PolicyError: an action or an option is invalid.
    """
    lines = ['placement = "quality"', f"baseline = {json.dumps(actions[0][0])}"]
    lines += [f'reward.window = "{window}ms"']
    lines += [f"explore.{name} = {_value(text)}" for name, text in options.items()]
    for id, features in actions:
        lines += ["[[actions]]", f"id = {json.dumps(id)}"]
        lines += [f"features.{json.dumps(name)} = {json.dumps(value)}" for name, value in features.items()]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "quality.toml")
        file.write_text("\n".join(lines), encoding="utf-8")
        return read_policy(file)


def _value(text: str) -> str:
    """Numbers, booleans and quoted texts as they are. Other words become texts."""
    try:
        json.loads(text)
    except ValueError:
        return json.dumps(text)
    return text
