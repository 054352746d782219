"""The sites and placements that a web worker serves."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from copy import copy
from itertools import chain
from typing import Protocol

from edgewise.bandit.model import ActionExamples, ScoringModel
from edgewise.bandit.shape import shape_of
from edgewise.ids.decision import policy_id
from edgewise.policies.compiled_policy import CompiledPolicy
from edgewise.policies.policy import Policy
from edgewise.policies.segments import NO_SEGMENTS, Segments
from edgewise.sites import Site
from edgewise.store import Checkpoint, Head
from edgewise.types import Digest, PolicyRef
from edgewise.visitors.names import bounded
from edgewise.visitors.needed_attributes import NeededAttributes
from edgewise.webhooks.triggers import NO_TRIGGERS, Triggers

IN_USE_WITHIN = 60.0
"""A placement without a request in this many seconds lets its model go."""

_STEP = 50
"""The number of actions that are parsed without a pause. They take 2 ms."""


class ModelLoader(Protocol):
    """Loads the models of placements."""

    async def load(self, placements: Sequence[ServedPlacement], deadline: float) -> None: ...


class ServedPlacement:
    """One placement with one version of its policy, and the newest model that was loaded for it.

    The version of an object never changes: an edited policy gets a new object. A decide call that waits for the store
    therefore ends with the version that it began with.

    Its model and its parsed actions are loaded when a decide call asks for them. `load` waits for that. Until then,
    `is_loaded` is False, and `model_head` is the head of the model to load. `model` and `model_head` are None before
    the first model. Draws are uniform then. `last_requested_at` is a time of the event loop.

    Visitors of a page with many placements, and crawlers, ask for most placements once. `is_asked_once` is whether
    nobody asked since the call that loaded the model, nor in the minute before it.
    """

    __slots__ = (
        "_loader",
        "_woken_at",
        "blob",
        "compiled",
        "examples",
        "is_loaded",
        "last_requested_at",
        "model",
        "model_head",
        "policy_id",
        "ref",
        "shape",
        "version_text",
    )

    def __init__(self, ref: PolicyRef, blob: bytes, loader: ModelLoader | None = None) -> None:
        """Without a loader, the actions are parsed at once, and there is no model."""
        self.ref = ref
        self.policy_id = policy_id(ref)
        self.blob = blob
        self.compiled = CompiledPolicy.from_blob(blob)
        self.version_text = self.compiled.version.hex()
        self.shape = shape_of(self.compiled.policy)
        self.last_requested_at = -math.inf
        self._woken_at = math.inf
        self.model: ScoringModel | None = None
        self.model_head: Head | None = None
        self._loader = loader
        self.is_loaded = loader is None
        if loader is None:
            self.examples = ActionExamples(self.shape, self.compiled.policy.actions)

    @property
    def policy(self) -> Policy:
        return self.compiled.policy

    @property
    def version(self) -> Digest:
        return self.compiled.version

    @property
    def is_asked_once(self) -> bool:
        return self.last_requested_at == self._woken_at

    @property
    def model_version(self) -> int:
        """The version of the model. 0 before the first one."""
        return 0 if self.model_head is None else self.model_head.model_version

    def wake(self, now: float) -> None:
        """Note a request that waits for the model to load."""
        self._woken_at = now if now - self.last_requested_at > IN_USE_WITHIN else math.inf
        self.last_requested_at = now

    def is_current(self, head: Head) -> bool:
        """Whether the loaded model is this one or a later one. Versions only grow within an epoch."""
        loaded = self.model_head
        return loaded is not None and (loaded.epoch, loaded.model_version) >= (head.epoch, head.model_version)

    def with_version(self, blob: bytes) -> ServedPlacement:
        """The same placement with another policy version. It keeps a loaded model if the shape is the same."""
        edited = ServedPlacement(self.ref, blob, self._loader)
        edited.last_requested_at = self.last_requested_at
        if self.is_loaded:
            edited.examples = ActionExamples(edited.shape, edited.policy.actions)
            edited.is_loaded = True
        if edited.shape == self.shape:
            edited.model, edited.model_head = self.model, self.model_head
        return edited

    def unloaded(self) -> ServedPlacement:
        """The same placement without its model and its parsed actions. A call that has this one can still end with it.

        A placement without a loader cannot be unloaded.
        """
        assert self._loader is not None
        fresh = copy(self)
        fresh.model, fresh.is_loaded = None, False
        del fresh.examples
        return fresh

    async def load(self, deadline: float, others: Sequence[ServedPlacement] = ()) -> None:
        """Wait until the newest models of this placement and of others are loaded, as far as they are not.

        `deadline` is a time of the event loop until which the store may take to send them.

        Raises:
            StoreError: the store does not answer.
            TimeoutError: the store is late, or too many models are waiting to be loaded. Some may be loaded.
        """
        unloaded = [placement for placement in (self, *others) if not placement.is_loaded]
        if self._loader is not None and unloaded:
            await self._loader.load(unloaded, deadline)

    async def load_from(self, checkpoint: Checkpoint | None) -> None:
        """Parse the actions, in steps that do not block other calls, and load this model."""
        actions, examples = self.policy.actions, ActionExamples(self.shape)
        for first in range(0, len(actions), _STEP):
            examples.extend(actions[first : first + _STEP])
            await asyncio.sleep(0)
        self.examples = examples
        if checkpoint is not None:
            self.load_model(checkpoint)
        self.is_loaded = True

    def load_model(self, checkpoint: Checkpoint) -> None:
        self.model = ScoringModel(self.shape, checkpoint.model)
        self.model_head = checkpoint.head


class ServedSite:
    """One site with its placements. `settings` are those of its site file, in the form that the registry has.

    `identity_secrets` are the secrets whose hashes prove user ids. `rewarded` are the events that a policy rewards.
    """

    __slots__ = (
        "identity_secrets",
        "name",
        "needed_attributes",
        "placements",
        "rewarded",
        "segments",
        "sensitive",
        "settings",
        "triggers",
    )

    def __init__(
        self,
        settings: Site,
        placements: dict[str, ServedPlacement],
        segments: Segments = NO_SEGMENTS,
        triggers: Triggers = NO_TRIGGERS,
        identity_secrets: tuple[str, ...] = (),
    ) -> None:
        self.name = settings.name
        self.settings = settings
        self.placements = placements
        self.segments = segments
        self.triggers = triggers
        self.identity_secrets = identity_secrets
        self.rewarded = frozenset(
            name for placement in placements.values() for name in placement.compiled.policy.reward.events
        )
        self.sensitive = frozenset(map(bounded, settings.sensitive))
        self.needed_attributes = NeededAttributes(
            chain(segments.reads, *(placement.compiled.reads for placement in placements.values()))
        )
