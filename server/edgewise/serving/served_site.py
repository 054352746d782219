"""The sites and placements that a web worker serves."""

from __future__ import annotations

from itertools import chain

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


class ServedPlacement:
    """One placement with one version of its policy, and the newest model that was loaded for it.

    The version of an object never changes: an edited policy gets a new object. A decide call that waits for the store
    therefore ends with the version that it began with.

    `model` and `model_head` are None before the first model. Draws are uniform then. `last_requested_at` is a time of
    the event loop. `load_skipped` is set when a newer model was not loaded because the placement was not in use.
    """

    __slots__ = (
        "blob",
        "compiled",
        "examples",
        "last_requested_at",
        "load_skipped",
        "model",
        "model_head",
        "policy_id",
        "ref",
        "shape",
        "version_text",
    )

    def __init__(self, ref: PolicyRef, blob: bytes) -> None:
        self.ref = ref
        self.policy_id = policy_id(ref)
        self.blob = blob
        self.compiled = CompiledPolicy.from_blob(blob)
        self.version_text = self.compiled.version.hex()
        self.shape = shape_of(self.compiled.policy)
        self.examples = ActionExamples(self.shape, self.compiled.policy.actions)
        self.last_requested_at = 0.0
        self.load_skipped = False
        self.model: ScoringModel | None = None
        self.model_head: Head | None = None

    @property
    def policy(self) -> Policy:
        return self.compiled.policy

    @property
    def version(self) -> Digest:
        return self.compiled.version

    @property
    def model_version(self) -> int:
        """The version of the loaded model. 0 before the first one."""
        return 0 if self.model_head is None else self.model_head.model_version

    def is_current(self, head: Head) -> bool:
        """Whether the loaded model is this one or a later one. Versions only grow within an epoch."""
        loaded = self.model_head
        return loaded is not None and (loaded.epoch, loaded.model_version) >= (head.epoch, head.model_version)

    def with_version(self, blob: bytes) -> ServedPlacement:
        """The same placement with another policy version. It keeps the model if the shape is the same."""
        edited = ServedPlacement(self.ref, blob)
        edited.last_requested_at, edited.load_skipped = self.last_requested_at, self.load_skipped
        if edited.shape == self.shape:
            edited.model, edited.model_head = self.model, self.model_head
        return edited

    def load_model(self, checkpoint: Checkpoint) -> None:
        self.model = ScoringModel(self.shape, checkpoint.model)
        self.model_head = checkpoint


class ServedSite:
    """One site with its placements. `settings` are those of its site file, in the form that the registry has.

    `identity_secrets` are the secrets whose hashes prove user ids.
    """

    __slots__ = (
        "identity_secrets",
        "name",
        "needed_attributes",
        "placements",
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
        self.sensitive = frozenset(map(bounded, settings.sensitive))
        self.needed_attributes = NeededAttributes(
            chain(segments.reads, *(placement.compiled.reads for placement in placements.values()))
        )
