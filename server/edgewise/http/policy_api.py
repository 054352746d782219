"""`GET /v1/policies` and `GET /v1/policies/{placement}`: the results of policies."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from edgewise.errors import RequestError
from edgewise.http.auth import Authenticator
from edgewise.http.endpoint import Endpoint, HttpRequest
from edgewise.http.query import query_site
from edgewise.http.responses import (
    ActionResponse,
    FileResponse,
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
            None if checkpoint is None else self._model(placement.ref, checkpoint, statistics),
            _actions(placement.policy.actions, statistics),
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

    def _model(self, ref: PolicyRef, checkpoint: Checkpoint, statistics: Statistics) -> ModelResponse:
        return ModelResponse(
            checkpoint.model_version,
            hashlib.sha256(checkpoint.model).hexdigest(),
            statistics.learned,
            self._times.age(ref, checkpoint.position) / 1000,
        )


def _actions(actions: Sequence[Action], statistics: Statistics) -> list[ActionResponse]:
    tallies = [statistics.actions.get(action.id, RewardTally()) for action in actions]
    seen = sum(tally.seen for tally in tallies)
    return [
        ActionResponse(action.id, tally.seen / seen if seen else 0.0, tally.mean)
        for action, tally in zip(actions, tallies, strict=True)
    ]
