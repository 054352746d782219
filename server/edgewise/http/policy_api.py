"""`GET /v1/policies` and `GET /v1/policies/{placement}`: the results of policies."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence

from edgewise.bandit.expected_reward import ExpectedReward, Progress
from edgewise.bandit.model import ActionExamples, ScoringModel
from edgewise.errors import RequestError
from edgewise.http.auth import Authenticator
from edgewise.http.endpoint import Endpoint, HttpRequest
from edgewise.http.learning_summary import describe_learning
from edgewise.http.query import query_site
from edgewise.http.responses import (
    ActionResponse,
    ExpectedResponse,
    FileResponse,
    LearningResponse,
    ModelResponse,
    PoliciesResponse,
    PolicyResponse,
    RewardSourcesResponse,
)
from edgewise.policies.policy import Action
from edgewise.serving.follower import Follower
from edgewise.serving.served_site import ServedPlacement
from edgewise.sites import decode_problems
from edgewise.statistics import RewardTally, Statistics
from edgewise.store import Checkpoint, Store
from edgewise.types import BEGINNING, Milliseconds, PolicyRef, StreamId
from edgewise.wall_clock import now_ms


class PolicyEndpoint(Endpoint):
    """Responds with the results of one policy if the path has a placement, else with those of all of a site."""

    def __init__(self, auth: Authenticator, store: Store, follower: Follower) -> None:
        super().__init__(auth)
        self._store = store
        self._follower = follower
        self._times = follower.log_times

    async def handle(self, request: HttpRequest) -> None:
        self.auth.require_secret_key(request.headers)
        site = query_site(self._follower, request.scope["query_string"])
        name = request.scope["path_params"].get("placement")
        file = await self._file()
        if name is None:
            placements = sorted(site.placements.values(), key=lambda placement: placement.ref)
            await request.respond(PoliciesResponse([await self._results(placement, file) for placement in placements]))
        elif name in site.placements:
            await request.respond(await self._results(site.placements[name], file))
        else:
            message = f"Unknown placement {name[:80]!r} in site {site.name!r}. GET /v1/policies lists the placements."
            raise RequestError(404, "not_found", message)

    async def _file(self) -> FileResponse:
        problems = decode_problems(await self._store.registry.problems())
        return FileResponse("\n".join(f"{path}: {message}" for path, message in problems) or None)

    async def _results(self, placement: ServedPlacement, file: FileResponse) -> PolicyResponse:
        checkpoint = await self._store.checkpoints.read(placement.ref)
        last = await self._store.log.last_id(placement.ref) or BEGINNING
        statistics = Statistics() if checkpoint is None else Statistics.decode(checkpoint.statistics)
        expected, model = None, None
        if checkpoint is not None:
            # Models of large policies take many milliseconds to load.
            progress, expected = await asyncio.to_thread(_certainty, placement, checkpoint)
            model = self._model(placement, checkpoint, statistics, progress, expected)
        actions = _actions(placement.policy.actions, statistics, expected)
        return PolicyResponse(
            placement.ref.placement,
            placement.version_text,
            file,
            placement.policy.explore.mode,
            statistics.decisions,
            statistics.outcomes,
            statistics.robots,
            await self._lag(placement.ref, checkpoint, last) / 1000,
            self._times.ahead(last) / 1000,
            await self._store.not_shown.count(placement.ref, now_ms()),
            await self._reward_sources(placement.ref),
            model,
            actions,
        )

    async def _reward_sources(self, ref: PolicyRef) -> RewardSourcesResponse:
        share = (await self._store.reward_sources.shares([ref], now_ms()))[ref]
        return RewardSourcesResponse(share.rewards, round(share.share, 3), share.is_alarming)

    async def _lag(self, ref: PolicyRef, checkpoint: Checkpoint | None, last: StreamId) -> Milliseconds:
        """The part of the log that comes after the last published model."""
        if checkpoint is not None:
            return self._times.lag(ref, checkpoint.position, last)
        first = await self._store.log.first_id(ref) or last
        return max(0, last.ms - first.ms)

    def _model(
        self,
        placement: ServedPlacement,
        checkpoint: Checkpoint,
        statistics: Statistics,
        progress: Progress | None,
        expected: Sequence[ExpectedReward] | None,
    ) -> ModelResponse:
        return ModelResponse(
            checkpoint.model_version,
            hashlib.sha256(checkpoint.model).hexdigest(),
            statistics.learned,
            self._times.age(placement.ref, checkpoint.position) / 1000,
            progress and LearningResponse(*progress),
            describe_learning(placement.policy, statistics, progress, expected),
        )


def _certainty(
    placement: ServedPlacement, checkpoint: Checkpoint
) -> tuple[Progress | None, list[ExpectedReward] | None]:
    """What the published model has learned from, and what it expects of each action for the average visitor.

    Both are None if the model has another shape than the policy, because it is not built again yet.
    """
    policy, shape = placement.policy, placement.shape
    if checkpoint.shape != shape.digest:
        return None, None
    model, actions = ScoringModel(shape, checkpoint.model), ActionExamples(shape, policy.actions)
    return model.progress, model.expected_rewards(None, actions, range(len(actions)), policy.reward)


def _actions(
    actions: Sequence[Action], statistics: Statistics, expected: Sequence[ExpectedReward] | None
) -> list[ActionResponse]:
    tallies = [statistics.actions.get(action.id, RewardTally()) for action in actions]
    estimates: Sequence[ExpectedReward | None] = expected or [None] * len(actions)
    seen = sum(tally.seen for tally in tallies) or 1
    return [
        ActionResponse(action.id, tally.seen / seen, tally.mean, estimate and ExpectedResponse(*estimate))
        for action, tally, estimate in zip(actions, tallies, estimates, strict=True)
    ]
